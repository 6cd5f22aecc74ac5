"""A bar on a terminal, a line every ten seconds in a log."""

import io
import re
import threading
import time
from itertools import pairwise

import pytest
from rich.console import Console

from food_inspections_dagster.command_line import progress
from food_inspections_dagster.command_line.progress import ProgressDisplay


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
    display = ProgressDisplay(out)
    with display.showing("planning"):
        for second in range(25):
            clock[0] = 100.0 + second
            display.update("rows fetched", 1_000 * second, 303_406)
    assert told() == "  rows fetched (10,000 of 303,406) ...\n  rows fetched (20,000 of 303,406) ...\n"


def test_what_is_printed_puts_the_next_line_off(out, told, clock):
    display = ProgressDisplay(out)
    clock[0] += 9
    display.print("feature_matrix 4.1 s")
    clock[0] += 9
    display.update("models")
    assert told() == "feature_matrix 4.1 s\n"
    clock[0] += 1
    display.update("models")
    assert told() == "feature_matrix 4.1 s\n  models, 1 s ...\n"


def test_a_step_that_reports_nothing_has_a_line_every_ten_seconds_too(out, told, monkeypatch):
    """Twenty of these seconds pass in each tenth of one."""
    printed = threading.Event()
    began, now = time.monotonic(), time.monotonic
    monkeypatch.setattr(progress, "monotonic", lambda: began + 200 * (now() - began))
    monkeypatch.setattr(out, "print", lambda words, **_: (lines.append(words), len(lines) == 3 and printed.set()))
    lines: list[str] = []
    with ProgressDisplay(out).showing("models"):
        assert printed.wait(60)
    seconds = [int(re.fullmatch(r"  models, (\d+) s \.\.\.", line)[1]) for line in lines]
    assert all(later - earlier >= 10 for earlier, later in pairwise([0, *seconds]))


def test_words_with_brackets_are_printed_as_they_are(out, told, clock):
    display = ProgressDisplay(out)
    display.print("Simulating [/B]")
    assert told() == "Simulating [/B]\n"


def test_a_terminal_has_a_bar_whose_thread_ends_with_it():
    """Issue 5: the thread ran where there was no terminal."""
    terminal = Console(file=io.StringIO(), force_terminal=True, width=120)
    display = ProgressDisplay(terminal)
    assert refreshing() == []
    with display.showing("planning"):
        (thread,) = refreshing()
        display.update("rows [/B] fetched", 5, 10)
        display.print("Making raw_inspections")
    thread.join(60)
    assert refreshing() == []
    assert "Making raw_inspections" in terminal.file.getvalue()
    assert "rows [/B] fetched" in terminal.file.getvalue() and "5/10" in terminal.file.getvalue()


def test_without_a_terminal_no_screen_is_redrawn_and_no_thread_is_left(out):
    before = set(threading.enumerate())
    with ProgressDisplay(out).showing("planning"):
        assert refreshing() == []
    assert set(threading.enumerate()) <= before
