"""Why a week is not current, over a toy graph and a ledger written by hand."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.orchestration.current import Cause, runs_of
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range
from food_inspections_dagster_tests.orchestration.toys import WEEKS, HandLedger, toy_graph


@pytest.fixture
def ledger():
    made = HandLedger(toy_graph())
    made.load_everything()
    return made


def test_what_was_just_loaded_is_current(ledger):
    assert ledger.causes() == {}


def test_nothing_is_current_before_the_first_load():
    causes = HandLedger(toy_graph()).causes()
    assert {cause for of in causes.values() for cause in of.values()} == {"never made"}
    assert {asset: len(of) for asset, of in causes.items()} == dict.fromkeys(
        ["source", "left", "right", "past", "end"], 8
    )


def test_a_week_that_changed_outside_is_not_current_and_nothing_else_is_touched_yet(ledger):
    ledger.outside[WEEKS[2]] = "two rows"
    assert ledger.causes() == {"source": {WEEKS[2]: f"input: the portal's rows of {WEEKS[2]}"}}


def test_a_source_that_cannot_be_asked_is_taken_as_it_was(ledger):
    currency = ledger.currency
    object.__setattr__(currency, "sources", {})
    assert all(currency.reason("source", week) is None for week in WEEKS)


def test_a_changed_past_makes_every_later_week_stale_and_names_the_week(ledger):
    ledger.load("left", [WEEKS[2]], "other")
    causes = ledger.causes()
    assert causes.pop("past") == dict.fromkeys(WEEKS[2:], f"input: left of {WEEKS[2]}")
    assert causes == {}, "end reads past, which still holds what it held"


def test_the_same_content_ends_it(ledger):
    ledger.load("left", [WEEKS[2]])
    assert ledger.causes() == {}


def test_a_column_that_is_not_read_ends_it(ledger):
    ledger.load("left", [WEEKS[2]], {"note": "other"})
    assert ledger.causes() == {}
    ledger.load("right", [WEEKS[2]], {"note": "other"})
    assert ledger.causes() == {"end": {WEEKS[2]: f"input: right of {WEEKS[2]}"}}, "end reads all of right"


def test_a_window_reaches_as_far_as_it_says(ledger):
    ledger.load("past", [WEEKS[2]], "other")
    assert list(ledger.causes()["end"]) == WEEKS[2:5]


def test_narrow_then_wide(ledger):
    """Weeks that come before those that were made change what these have read."""
    narrow = HandLedger(toy_graph())
    narrow.load_everything(WEEKS[3:])
    assert set(narrow.causes()["past"].values()) == {"never made"}, (
        "its own weeks are current, for nothing is there before"
    )
    narrow.load("source", WEEKS[:3])
    narrow.load("left", WEEKS[:3])
    causes = narrow.causes()["past"]
    assert {week: causes[week] for week in WEEKS[3:]} == dict.fromkeys(WEEKS[3:], f"input: left of {WEEKS[0]}")


def test_an_input_that_was_taken_away_is_told(ledger):
    del ledger.loads["left"][WEEKS[7]]
    assert ledger.causes()["past"] == {WEEKS[7]: f"input: left of a week before {WEEKS[7]}"}


def test_changed_settings_concern_only_the_output_that_reads_them(ledger):
    ledger.graph = toy_graph(size=2)
    assert ledger.causes() == {"left": dict.fromkeys(WEEKS, "settings")}


def test_changed_code(ledger):
    load = ledger.loads["past"][WEEKS[1]]
    ledger.loads["past"][WEEKS[1]] = load._replace(code_version="older")
    assert ledger.causes() == {"past": {WEEKS[1]: "code"}}


def test_loads_of_before_the_ledger_kept_inputs_are_not_current(ledger):
    """Rows that commit 28f6736 wrote have neither settings nor input."""
    for week, load in ledger.loads["right"].items():
        ledger.loads["right"][week] = load._replace(settings_digest=None, input_hash=None, column_hashes={})
    assert set(ledger.causes()["right"].values()) == {"settings"}


class TestChecks:
    def test_a_failed_check_of_the_store_blocks_its_week_only(self, ledger):
        ledger.judge("source", "stored_whole", [WEEKS[4]], failed=True)
        assert ledger.causes() == {"source": {WEEKS[4]: "blocked by a check (stored_whole)"}}

    def test_a_later_word_over_other_weeks_frees_nothing(self, ledger):
        ledger.judge("source", "stored_whole", [WEEKS[4]], failed=True)
        ledger.judge("source", "stored_whole", WEEKS[5:])
        assert list(ledger.causes()["source"]) == [WEEKS[4]]
        ledger.judge("source", "stored_whole", [WEEKS[4]])
        assert ledger.causes() == {}

    def test_a_load_that_was_not_judged_since_is_not_checked(self, ledger):
        ledger.load("source", [WEEKS[4]])
        del ledger.judgements["source"]["stored_whole"][WEEKS[4]]
        assert ledger.causes() == {"source": {WEEKS[4]: "not checked yet (stored_whole)"}}

    def test_a_failure_of_an_older_load_leaves_the_new_one_unchecked(self, ledger):
        ledger.judge("source", "stored_whole", [WEEKS[4]], failed=True)
        load = ledger.loads["source"][WEEKS[4]]
        ledger.loads["source"][WEEKS[4]] = load._replace(load_id=ledger.number + 1)
        assert ledger.causes() == {"source": {WEEKS[4]: "not checked yet (stored_whole)"}}

    def test_a_load_that_was_refused_blocks_its_week(self, ledger):
        ledger.judge("left", "unbroken", [WEEKS[0]], failed=True)
        assert ledger.causes() == {"left": {WEEKS[0]: "blocked by a check (unbroken)"}}
        del ledger.loads["left"][WEEKS[0]]
        assert ledger.currency.reason("left", WEEKS[0]).cause is Cause.BLOCKED, "whether or not there was one before"


def test_weeks_that_read_what_is_not_current_wait(ledger):
    ledger.outside[WEEKS[6]] = "two rows"
    waiting = ledger.currency.waiting
    assert waiting["source"] == set()
    assert waiting["left"] == {WEEKS[6]} and waiting["right"] == {WEEKS[6]}
    assert waiting["past"] == set(WEEKS[6:]) and waiting["end"] == set(WEEKS[6:])


@given(st.sets(st.integers(0, 60)), st.integers(1, 8))
def test_ranges_hold_all_weeks_without_gaps_and_close_the_smallest_first(numbers, at_most):
    weeks = [FIRST_WEEK + n * WEEK for n in sorted(numbers)]
    ranges = runs_of(weeks, at_most)
    assert len(ranges) <= at_most
    assert set(weeks) <= {week for run in ranges for week in run}
    assert all(run == week_range(run[0], run[-1]) for run in ranges)
    assert all(run[0] in weeks and run[-1] in weeks for run in ranges)
    gaps = [b - a for a, b in pairwise(weeks) if b - a > WEEK]
    kept = [b[0] - a[-1] for a, b in pairwise(ranges)]
    assert sorted(gaps, reverse=True)[: len(kept)] == sorted(kept, reverse=True)
    assert len(kept) == min(len(gaps), at_most - 1) if weeks else not ranges
