"""What is planned, over a toy graph; what is executed is tested in integration/."""

from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from graphlib import CycleError

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration import planner
from food_inspections_dagster.orchestration.partitions import HISTORY_BEFORE
from food_inspections_dagster.orchestration.planner import next_batch
from food_inspections_dagster.orchestration.runs import PlannedRun
from food_inspections_dagster.orchestration.stages import Graph, Input
from food_inspections_dagster.resources.ledger import Snapshot
from food_inspections_dagster.weeks import CHICAGO, FIRST_WEEK, WEEK, last_complete_week, week_range
from food_inspections_dagster_tests.orchestration.toys import PAST, WEEKS, HandLedger, toy_graph

ALL = ("source", "left", "right", "past", "end")


def targets(weeks=WEEKS):
    return dict.fromkeys(ALL, weeks)


def batch(ledger, wanted=None, **options):
    return next_batch(ledger.currency, wanted or targets(), **options)


def test_an_empty_ledger_needs_one_run_of_everything():
    assert batch(HandLedger(toy_graph())) == [PlannedRun(ALL, tuple(WEEKS), ALL)]


def test_a_new_week_needs_one_run_of_everything():
    ledger = HandLedger(toy_graph())
    ledger.load_everything(WEEKS[:-1])
    assert batch(ledger) == [PlannedRun(ALL, (WEEKS[-1],), ALL)]


def test_when_all_is_current_nothing_is_planned():
    ledger = HandLedger(toy_graph())
    ledger.load_everything()
    assert batch(ledger) == []


def test_what_follows_a_change_waits_for_what_comes_of_it():
    ledger = HandLedger(toy_graph())
    ledger.load_everything()
    ledger.outside[WEEKS[3]] = "other"
    assert batch(ledger) == [PlannedRun(("source",), (WEEKS[3],), ("source",))]
    ledger.load("source", [WEEKS[3]], "other")
    assert batch(ledger) == [PlannedRun(("left", "right"), (WEEKS[3],), ("left", "right"))]
    ledger.load("left", [WEEKS[3]])
    ledger.load("right", [WEEKS[3]])
    assert batch(ledger) == [], "the same content ends it"


def test_siblings_that_can_be_made_apart_are_made_in_one_run():
    ledger = HandLedger(toy_graph(separable=True))
    ledger.load_everything()
    ledger.load("source", [WEEKS[3]], "other")
    assert batch(ledger) == [PlannedRun(("left", "right"), (WEEKS[3],), ("left", "right"))]


def test_one_sibling_is_made_without_the_other():
    ledger = HandLedger(toy_graph(separable=True))
    ledger.load_everything()
    ledger.graph = toy_graph(size=2, separable=True)
    assert batch(ledger) == [PlannedRun(("left",), tuple(WEEKS), ("left",))]


def test_ranges_with_a_gap_are_loaded_before_any_is_checked():
    """A row that moved from one range to the other stands in both until both are loaded."""
    ledger = HandLedger(toy_graph())
    ledger.load_everything()
    ledger.outside |= {WEEKS[1]: "fewer", WEEKS[6]: "more"}
    assert batch(ledger) == [PlannedRun(("source",), (WEEKS[1],)), PlannedRun(("source",), (WEEKS[6],))]
    ledger.load("source", [WEEKS[1], WEEKS[6]], "other")
    for week in (WEEKS[1], WEEKS[6]):
        del ledger.judgements["source"]["stored_whole"][week]
    checks = [PlannedRun((), (WEEKS[1],), ("source",)), PlannedRun((), (WEEKS[6],), ("source",))]
    assert batch(ledger) == checks
    ledger.judge("source", "stored_whole", [WEEKS[1], WEEKS[6]])
    assert [run.assets for run in batch(ledger)] == [("left", "right")] * 2


def test_a_blocked_week_is_made_again_and_nothing_behind_it_before():
    ledger = HandLedger(toy_graph())
    ledger.load_everything()
    ledger.load("source", [WEEKS[5]], "other")
    ledger.judge("source", "stored_whole", [WEEKS[5]], failed=True)
    assert batch(ledger) == [PlannedRun(("source",), (WEEKS[5],), ("source",))]


def test_only_what_was_never_made_where_that_is_asked_for():
    ledger = HandLedger(toy_graph())
    ledger.load_everything(WEEKS[:-1])
    ledger.outside[WEEKS[3]] = "other"
    assert batch(ledger, only_missing=True) == [PlannedRun(ALL, (WEEKS[-1],), ALL)]


def test_a_week_that_was_refused_is_missing_too():
    """No load of it was ever stored, whatever kept it out; nothing was planned for it."""
    ledger = HandLedger(toy_graph())
    ledger.load_everything()
    for asset in ("left", "right"):
        del ledger.loads[asset][WEEKS[2]]
    ledger.judge("left", "unbroken", [WEEKS[2]], failed=True)
    assert batch(ledger, only_missing=True) == [PlannedRun(("left", "right"), (WEEKS[2],), ("left", "right"))]


def test_missing_ranges_are_checked_too():
    """Ranges with gaps are made before any is checked; their checks of the store were left out for ever."""
    ledger = HandLedger(toy_graph())
    ledger.load_everything()
    for week in (WEEKS[1], WEEKS[6]):
        del ledger.loads["source"][week]
    made = [PlannedRun(("source",), (WEEKS[1],)), PlannedRun(("source",), (WEEKS[6],))]
    assert batch(ledger, only_missing=True) == made
    ledger.load("source", [WEEKS[1], WEEKS[6]])
    for week in (WEEKS[1], WEEKS[6]):
        del ledger.judgements["source"]["stored_whole"][week]
    checks = [PlannedRun((), (WEEKS[1],), ("source",)), PlannedRun((), (WEEKS[6],), ("source",))]
    assert batch(ledger, only_missing=True) == checks


def test_what_rests_on_a_change_at_second_hand_waits_too():
    """`end` reads `past`, which is current and rests on the source, which is about to be made: it was made twice."""
    ledger = HandLedger(toy_graph())
    ledger.load_everything()
    ledger.outside[WEEKS[7]] = "other"
    del ledger.loads["end"][WEEKS[7]]
    assert batch(ledger) == [PlannedRun(("source",), (WEEKS[7],), ("source",))]


def test_weeks_that_nobody_wants_are_not_made_between_those_that_are():
    """Lists of scattered weeks: closing the gaps made lists of hundreds of weeks, which were then kept for ever."""
    ledger = HandLedger(toy_graph())
    weeks = week_range(FIRST_WEEK, FIRST_WEEK + 20 * WEEK)
    ledger.outside = dict.fromkeys(weeks, "one row")
    ledger.load_everything(weeks)
    lists = weeks[::2]
    for week in lists:
        del ledger.loads["end"][week]
    wanted = {**targets(weeks), "end": lists}
    assert batch(ledger, wanted) == [PlannedRun(("end",), (week,)) for week in lists]
    assert len(batch(ledger, targets(weeks))) == planner.MOST_RANGES


def test_assets_that_are_not_wanted_are_not_made():
    assert batch(HandLedger(toy_graph()), {"source": WEEKS}) == [PlannedRun(("source",), tuple(WEEKS), ("source",))]
    wanted = {**targets(), "end": WEEKS[-1:]}
    planned = batch(HandLedger(toy_graph()), wanted)
    assert planned == [PlannedRun(ALL[:-1], tuple(WEEKS), ALL[:-1])], (
        "the end has other weeks, so it is a run of its own"
    )


def split_graph(size=3, **options):
    """The toy graph, whose ranges are runs of so many weeks."""
    return Graph([replace(one, most_weeks=size) for one in toy_graph(**options).stages])


def test_a_split_range_makes_together_what_reads_the_same_week():
    """`past` reads the weeks before, which another part makes; its rules are judged when all parts are there."""
    ledger = HandLedger(split_graph())
    parts = [tuple(WEEKS[:3]), tuple(WEEKS[3:6]), tuple(WEEKS[6:])]
    first = ("source", "left", "right")
    assert batch(ledger) == [PlannedRun(first, weeks) for weeks in parts]
    for asset in first:
        ledger.load(asset, WEEKS)
    ledger.judgements.clear()
    assert batch(ledger) == [PlannedRun((), tuple(WEEKS), ("source",))]
    ledger.judge("source", "stored_whole", WEEKS)
    assert batch(ledger) == [PlannedRun(("past",), weeks) for weeks in parts]
    ledger.load("past", WEEKS)
    assert batch(ledger) == [PlannedRun(("end",), weeks) for weeks in parts]


def test_a_range_that_fits_into_one_run_is_not_split():
    assert batch(HandLedger(split_graph(len(WEEKS)))) == [PlannedRun(ALL, tuple(WEEKS), ALL)]


def test_each_of_several_ranges_is_split():
    ledger = HandLedger(split_graph(2))
    ledger.load_everything()
    ledger.outside |= dict.fromkeys([*WEEKS[:3], WEEKS[6]], "other")
    made = [PlannedRun(("source",), tuple(weeks)) for weeks in (WEEKS[:2], WEEKS[2:3], WEEKS[6:7])]
    assert batch(ledger) == made


def test_no_week_reads_an_earlier_one_of_its_own_asset():
    """Else the parts of a range, which are made side by side, would not know each other."""
    past = toy_graph().by_name["past"]
    with pytest.raises(CycleError):
        Graph([replace(past, inputs={"before": Input(PAST, HISTORY_BEFORE)})])


class Portal:
    """A portal that holds rows of these days."""

    def __init__(self, first, last):
        self.days = first, last

    def date_range(self):
        return self.days


class TestWantedWeeks:
    def test_those_of_the_portal(self):
        portal = Portal(FIRST_WEEK + timedelta(days=9), FIRST_WEEK + timedelta(days=30))
        assert planner.wanted_weeks(portal, Snapshot({}, {})) == WEEKS[1:5]

    def test_no_week_that_has_not_ended(self):
        now = datetime.now(UTC)
        portal = Portal(FIRST_WEEK, now.astimezone(CHICAGO).date())
        assert planner.wanted_weeks(portal, Snapshot({}, {}))[-1] == last_complete_week(now)

    def test_a_week_that_was_loaded_stays_wanted_when_the_portal_empties_it(self):
        ledger = HandLedger(toy_graph())
        ledger.loads["raw_inspections"] = dict.fromkeys(WEEKS[:6])
        portal = Portal(FIRST_WEEK + timedelta(days=7), FIRST_WEEK + timedelta(days=20))
        assert planner.wanted_weeks(portal, ledger.currency.snapshot) == WEEKS[:6]

    def test_bounds(self):
        portal = Portal(FIRST_WEEK, WEEKS[-1])
        assert planner.wanted_weeks(portal, Snapshot({}, {}), WEEKS[2], WEEKS[3]) == WEEKS[2:4]
        with pytest.raises(FoodInspectionsError, match=f"use {WEEKS[-1]} at most"):
            planner.wanted_weeks(portal, Snapshot({}, {}), None, WEEKS[-1] + WEEK)
        with pytest.raises(FoodInspectionsError, match=r"^No week lies between"):
            planner.wanted_weeks(portal, Snapshot({}, {}), WEEKS[4], WEEKS[3])


def test_a_source_that_never_rests_is_told_and_not_chased_for_ever(monkeypatch):
    ledger = HandLedger(toy_graph())
    made = []
    monkeypatch.setattr(planner, "execute", lambda graph, definitions, instance, run, *_: made.append(run))
    monkeypatch.setattr(planner, "source_states", lambda *_, **__: {"source": ledger.outside})

    class Unchanging:
        def snapshot(self):
            return Snapshot({}, {})

    with pytest.raises(FoodInspectionsError, match="is still not current: its source changes while it is read"):
        planner.bring_up_to_date(ledger.graph, None, None, Unchanging(), None, targets())
    assert len(made) == planner.MOST_TRIES


class Queue:
    """A queue whose runs are done when they are waited for, by a process that may be lost."""

    def __init__(self, earlier=(), lost=()):
        self.earlier, self.lost, self.asked, self.waited = list(earlier), list(lost), [], []

    @contextmanager
    def alone(self):
        yield

    def unfinished(self):
        return [self.earlier.pop()] if self.earlier else []

    def ask(self, run):
        self.asked.append(run)
        return f"run {len(self.asked)}"

    def wait(self, run_ids, report, listener):
        self.waited.append(run_ids)
        return [self.lost.pop()] if self.lost else []


def asked_of(queue, ledger, monkeypatch, **options):
    """Return what the planner says while runs are asked of a queue; each second look of it finds all made."""
    monkeypatch.setattr(planner, "source_states", lambda *_, **__: {"source": ledger.outside})
    words = []

    class Growing:
        def snapshot(self):
            if queue.waited and not queue.lost and queue.asked:
                ledger.load_everything()
            return ledger.currency.snapshot

    planner.bring_up_to_date(
        ledger.graph, None, None, Growing(), None, targets(), queue=queue, announce=words.append, **options
    )
    return words


def test_runs_asked_for_before_are_waited_for_and_what_was_lost_is_asked_for_again(monkeypatch):
    queue = Queue(earlier=["older"], lost=["run 1", "older"])
    words = asked_of(queue, HandLedger(toy_graph()), monkeypatch)
    again = "was lost with its process: what it has not stored is made again"
    making = f"Making {PlannedRun(ALL, tuple(WEEKS), ALL)}"
    assert words == ["Waiting for older, asked for before", f"Run older {again}", making, f"Run run 1 {again}"]
    assert queue.waited == [["older"], ["run 1"]]


def test_a_run_that_is_lost_again_and_again_is_given_up(monkeypatch):
    queue = Queue(lost=["one"] * 9)
    with pytest.raises(
        FoodInspectionsError, match=r"made 5 times .*: its process is lost each time, its worker has other"
    ):
        asked_of(queue, HandLedger(toy_graph()), monkeypatch)
    assert len(queue.asked) == planner.MOST_TRIES
