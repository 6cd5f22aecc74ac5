import threading
from datetime import date

import pytest

from food_inspections_dagster.orchestration.current import Cause
from food_inspections_dagster.resources.database import WeekLoad, audit_rows
from food_inspections_dagster.resources.ledger import CheckResult, Ledger
from food_inspections_dagster.weeks import week_range
from food_inspections_dagster_tests.toys import THINGS, makes, things_of

WEEKS = week_range(date(2011, 1, 3), date(2011, 1, 24))


@pytest.fixture
def ledger(database):
    return Ledger(database)


def load(ledger, weeks=WEEKS, asset="things", rows=3, columns=None, **changed):
    """Record a load as an IO manager does."""
    loads = [WeekLoad(week, rows, f"hash {rows} of {week}", columns or {}) for week in weeks]
    audit = {"run_id": "run-1", "code_version": "1", "settings_digest": "s", "input_hashes": {}, **changed}
    with ledger.opened(asset, weeks, audit["run_id"]) as opened:
        ledger.record(audit_rows(asset, loads, **audit), opened)


def judged(weeks, failing=(), check="half", blocking=True, asset="things"):
    return CheckResult(asset, check, blocking, weeks[0], weeks[-1], tuple(failing), "words")


def test_a_new_ledger_is_empty(ledger):
    assert ledger.snapshot() == ({}, {})
    assert ledger.newest_load() == 0


def test_the_newest_load_of_each_week_counts(ledger):
    load(ledger, columns={"share": "abc", "name": "ü"}, input_hashes={WEEKS[0]: "read"})
    load(ledger, WEEKS[1:3], rows=5, code_version="2", settings_digest=None)
    load(ledger, WEEKS[:1], asset="others", code_version=None)
    loads = ledger.snapshot().loads
    assert {asset: sorted(weeks) for asset, weeks in loads.items()} == {"things": WEEKS, "others": WEEKS[:1]}
    things = loads["things"]
    assert [things[week].rows for week in WEEKS] == [3, 5, 5, 3]
    assert [things[week].code_version for week in WEEKS] == ["1", "2", "2", "1"]
    first = things[WEEKS[0]]
    assert (first.content_hash, first.column_hashes) == (f"hash 3 of {WEEKS[0]}", {"share": "abc", "name": "ü"})
    assert (first.input_hash, first.settings_digest, first.run_id) == ("read", "s", "run-1")
    assert things[WEEKS[1]].settings_digest is None and things[WEEKS[3]].input_hash is None
    assert loads["others"][WEEKS[0]].code_version is None
    assert ledger.newest_load() == 7 == loads["others"][WEEKS[0]].load_id
    assert (ledger.newest_load("things"), ledger.newest_load("others"), ledger.newest_load("none")) == (6, 7, 0)


def test_a_load_that_did_not_end_makes_its_weeks_count_as_not_made(ledger):
    load(ledger)
    load(ledger, asset="others")
    with pytest.raises(ZeroDivisionError), ledger.opened("things", WEEKS[1:3], "run-2"):
        assert sorted(ledger.snapshot().loads["things"]) == [WEEKS[0], WEEKS[3]], "nor while it runs"
        raise ZeroDivisionError
    assert sorted(ledger.snapshot().loads["things"]) == [WEEKS[0], WEEKS[3]]
    assert sorted(ledger.snapshot().loads["others"]) == WEEKS
    load(ledger, WEEKS[1:2])
    assert sorted(ledger.snapshot().loads["things"]) == [WEEKS[0], WEEKS[1], WEEKS[3]]
    load(ledger, WEEKS[2:])
    assert sorted(ledger.snapshot().loads["things"]) == WEEKS
    assert ledger.database.query("SELECT count(*) AS n FROM metadata.open_loads")["n"].tolist() == [0]


def test_a_broken_load_does_not_lock_the_next_one_out(ledger):
    for _ in range(3):
        with pytest.raises(ZeroDivisionError), ledger.opened("things", WEEKS, "run"):
            raise ZeroDivisionError
    load(ledger)
    assert sorted(ledger.snapshot().loads["things"]) == WEEKS


def test_the_newest_word_of_a_blocking_check_on_each_week_counts(ledger):
    ledger.record_checks([judged(WEEKS, [WEEKS[1], WEEKS[2]])], "run-1", 4)
    ledger.record_checks([judged(WEEKS[2:]), judged(WEEKS[:1], WEEKS[:1], check="other")], "run-2", 9)
    judgements = ledger.snapshot().judgements["things"]
    assert {week: one.failed for week, one in judgements["half"].items()} == dict(
        zip(WEEKS, (False, True, False, False), strict=True)
    )
    assert [judgements["half"][week].after_load for week in WEEKS] == [4, 4, 9, 9]
    assert {week: one.failed for week, one in judgements["other"].items()} == {WEEKS[0]: True}


def test_a_week_that_is_named_counts_though_it_was_not_looked_at(ledger):
    ledger.record_checks([judged(WEEKS[2:], [WEEKS[0], WEEKS[2]])], "run-1", 4)
    assert {week: one.failed for week, one in ledger.snapshot().judgements["things"]["half"].items()} == {
        WEEKS[0]: True,
        WEEKS[2]: True,
        WEEKS[3]: False,
    }


def test_warnings_are_kept_and_never_judge(ledger):
    ledger.record_checks([judged(WEEKS, WEEKS, blocking=False)], "run-1", 0)
    ledger.record_checks([], "run-1", 0)
    assert ledger.snapshot().judgements == {}
    rows = ledger.database.query("SELECT check_name, blocking, failing, run_id FROM metadata.check_results")
    assert rows["check_name"].tolist() == ["half"] and not rows["blocking"][0]
    assert list(rows["failing"][0]) == WEEKS


class Step:
    """An attempt at a step."""


def test_a_step_sees_the_ledger_as_it_was_when_it_began(ledger):
    load(ledger, WEEKS[:1])
    step, later = Step(), Step()
    first = ledger.of_step(step, ["things"])
    load(ledger)
    assert ledger.of_step(step, ["things"]) is first
    assert sorted(first.loads["things"]) == WEEKS[:1]
    assert sorted(ledger.of_step(later, ["things"]).loads["things"]) == WEEKS


def test_what_a_source_held_is_kept_for_the_step_that_reads_it(ledger):
    step = Step()
    assert ledger.source_states(step) == {}
    ledger.note_source(step, {WEEKS[0]: "3"})
    assert ledger.source_states(step) == {WEEKS[0]: "3"}
    assert ledger.source_states(Step()) == {}


def test_nothing_is_kept_of_a_step_that_is_over(ledger):
    """A process that made many runs kept a snapshot of each."""
    step = Step()
    ledger.of_step(step)
    ledger.note_source(step, {})
    del step
    assert not ledger._snapshots and not ledger._sources


def test_a_step_waits_for_who_writes_what_it_reads(ledger):
    """The weeks that were being written seemed never made, and were left out."""
    load(ledger)
    seen = []
    reader = threading.Thread(target=lambda: seen.append(ledger.of_step(Step(), ["others", "things"])))
    with ledger.opened("things", WEEKS, "run-2") as opened:
        reader.start()
        with ledger.database.connect() as connection:
            waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
            while reader.is_alive() and connection.execute(waiting).fetchone() == (0,):
                pass
        assert seen == []
        assert "things" not in ledger.of_step(Step(), ["others"]).loads, "who reads something else does not wait"
        loads = [WeekLoad(week, 9, "other", {}) for week in WEEKS]
        ledger.record(audit_rows("things", loads, "run-2", "1", "s", {}), opened)
    reader.join()
    assert [seen[0].loads["things"][week].rows for week in WEEKS] == [9] * len(WEEKS)


def test_what_changed_since_a_snapshot(ledger):
    load(ledger, WEEKS[:3])
    before = ledger.snapshot()
    assert ledger.changed_since(before, ["things", "others"]) == {"things": set(), "others": set()}
    load(ledger, WEEKS[:1])  # the same content
    load(ledger, WEEKS[1:2], rows=4)
    load(ledger, WEEKS[1:2])  # and back
    load(ledger, WEEKS[3:])  # new
    assert ledger.changed_since(before, ["things"]) == {"things": {WEEKS[1], WEEKS[3]}}
    with ledger.opened("things", WEEKS[2:3], "run-2"):
        assert ledger.changed_since(before, ["things"]) == {"things": set(WEEKS[1:])}, "it may hold either"
    assert ledger.changed_since(before, ["others"]) == {"others": set()}


def test_the_mark_moves_with_loads_open_loads_and_results(ledger):
    marks = [ledger.mark()]
    load(ledger)
    marks.append(ledger.mark())
    with pytest.raises(ZeroDivisionError), ledger.opened("things", WEEKS, "run-2"):
        raise ZeroDivisionError
    marks.append(ledger.mark())
    ledger.record_checks([judged(WEEKS)], "run-1")
    marks.append(ledger.mark())
    assert len(set(marks)) == 4
    assert ledger.mark() == marks[-1]


def test_loads_of_an_earlier_version_are_not_current(toys):
    """A database of the first version: no digests beside the content."""
    things = makes(THINGS, of=things_of)
    toys.run([things], WEEKS)
    toys.database.execute(
        "UPDATE metadata.partition_loads SET column_hashes = NULL, settings_digest = NULL, input_hash = NULL"
    )
    currency = toys.currency(things)
    assert {currency.reason("things", week).cause for week in WEEKS} == {Cause.SETTINGS}
    toys.run([things], WEEKS)
    assert {toys.currency(things).reason("things", week) for week in WEEKS} == {None}
