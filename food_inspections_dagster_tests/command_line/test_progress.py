"""A bar on a terminal, a line now and then in a log."""

import io
import threading

import pytest
from rich.console import Console

from food_inspections_dagster.command_line import progress
from food_inspections_dagster.command_line.progress import Teller


def refreshing() -> list[threading.Thread]:
    """Return the threads that redraw a screen."""
    return [thread for thread in threading.enumerate() if type(thread).__module__.startswith("rich")]


@pytest.fixture
def clock(monkeypatch):
    """Seconds that pass when the test says so."""
    now = [100.0]
    monkeypatch.setattr(progress, "monotonic", lambda: now[0])
    return now


def test_a_log_gets_a_line_at_most_every_ten_seconds(out, told, clock):
    teller = Teller(out)
    with teller.showing("planning"):
        for second in range(25):
            clock[0] = 100.0 + second
            teller.at("rows fetched", 1_000 * second, 303_406)
    assert told() == "  rows fetched (10,000 of 303,406) ...\n  rows fetched (20,000 of 303,406) ...\n"


def test_what_is_said_puts_the_next_line_off(out, told, clock):
    teller = Teller(out)
    clock[0] += 9
    teller.say("feature_matrix 4.1 s")
    clock[0] += 9
    teller.at("models")
    assert told() == "feature_matrix 4.1 s\n"
    clock[0] += 1
    teller.at("models")
    assert told() == "feature_matrix 4.1 s\n  models ...\n"


def test_words_with_brackets_are_printed_as_they_are(out, told, clock):
    teller = Teller(out)
    teller.say("Simulating [/B]")
    assert told() == "Simulating [/B]\n"


def test_a_terminal_has_a_bar_whose_thread_ends_with_it():
    """Issue 5: the thread ran where there was no terminal."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    teller = Teller(terminal)
    assert refreshing() == []
    with teller.showing("planning"):
        (thread,) = refreshing()
        teller.at("rows [/B] fetched", 5, 10)
        teller.say("Making raw_inspections")
    thread.join(60)
    assert refreshing() == []
    assert "Making raw_inspections" in terminal.file.getvalue()
    assert "rows [/B] fetched" in terminal.file.getvalue() and "5/10" in terminal.file.getvalue()


def test_without_a_terminal_there_is_no_thread(out):
    with Teller(out).showing("planning"):
        assert refreshing() == []
