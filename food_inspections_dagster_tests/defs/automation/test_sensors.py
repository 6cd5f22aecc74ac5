"""The sensor against a real portal and ledger, over the stages up to the features of a city of six weeks."""

from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from food_inspections_dagster.defs.automation import sensors
from food_inspections_dagster.defs.automation.sensors import DEAD_AFTER, FIRST_PAUSE, LONGEST_PAUSE, pause_after
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.weeks import CHICAGO, WEEK
from food_inspections_dagster_tests.defs.automation.conftest import Automation, Clock
from food_inspections_dagster_tests.defs.city import CITY, graph_until, small_city

LOADED = CITY[:6]
NEWEST = LOADED[-1]
CURRENT = "Every week that is loaded is current."


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory, clock):
    home = tmp_path_factory.mktemp("world") / "home"
    with small_city(home, postgres, clock, weeks=len(LOADED), until="feature_matrix") as made:
        yield made


@pytest.fixture
def sensor(world, clock):
    """A sensor that has seen that everything is current."""
    clock.now = max(clock.now, datetime.now(UTC))
    world.make(LOADED)
    clock.go_on(minutes=5)
    asked = Automation(world, clock)
    assert asked.tick() == [] and asked.words == CURRENT
    return asked


def edit(world, week, **changed):
    """Change the first row of a week."""
    row = world.rows_of(week)[0]
    world.publish([{"inspection_id": row["inspection_id"], **(changed or {"dba_name": f"{row['dba_name']} II"})}])


def names(world, week):
    rows = world.table("clean.inspections")
    return set(rows.loc[rows["week"] == week, "dba_name"])


def test_a_portal_of_which_nothing_is_loaded_is_left_to_a_person(world, clock):
    asked = Automation(world.fresh(), clock)
    try:
        assert asked.tick() == []
        assert asked.words.startswith("Nothing is loaded yet")
    finally:
        asked.world.instance.dispose()


def test_a_portal_that_has_not_changed_is_asked_for_nothing_more(sensor, monkeypatch):
    monkeypatch.setattr(PortalClient, "week_states", None)
    monkeypatch.setattr(PortalClient, "date_range", None)
    assert sensor.tick() == []
    assert sensor.words.startswith("Neither has the portal changed")


def test_a_change_is_one_run_after_which_all_that_rests_on_it_is_current(sensor):
    world = sensor.world
    edit(world, LOADED[1], dba_name="RENAMED")
    world.publish([{"inspection_id": world.rows_of(LOADED[4])[0]["inspection_id"], ":deleted": True}])
    requests = sensor.tick()
    assert [request.job_name or "bring_up_to_date" for request in requests] == ["bring_up_to_date"]
    assert "2 weeks: input" in requests[0].tags["food_inspections/reasons"]
    assert sensor.run(requests[0]).success
    assert "RENAMED" in names(world, LOADED[1])
    assert world.stale() == {}
    sensor.clock.go_on(minutes=5)
    assert sensor.tick() == [] and sensor.words == CURRENT
    assert sensor.tick() == [] and sensor.words.startswith("Neither"), "once"


def test_two_edits_within_one_second_of_a_tick_are_both_seen(sensor):
    """The portal tells the time of its last change in whole seconds."""
    world, clock = sensor.world, sensor.clock
    clock.now = clock.now.replace(microsecond=0) + timedelta(seconds=5)
    edit(world, LOADED[2], dba_name="FIRST")
    told = world.portal.updated_at()
    requests = sensor.tick()
    assert sensor.run(requests[0]).success
    assert sensor.tick() == [] and sensor.words == CURRENT, "the look between the two"
    clock.go_on(milliseconds=400)
    edit(world, LOADED[2], dba_name="SECOND")
    assert world.portal.updated_at() == told
    sensor.follow()
    assert "SECOND" in names(world, LOADED[2])


def test_switched_on_late_it_sees_edits_older_than_the_newest(sensor):
    """A cursor that began at the newest edit of all rows missed those before it."""
    world = sensor.world
    edit(world, LOADED[0], dba_name="OLDER")
    sensor.clock.go_on(hours=30)
    edit(world, LOADED[3], dba_name="NEWER")
    world.remake(LOADED[3:4], *world.graph.assets)
    late = Automation(world, sensor.clock)
    late.follow()
    assert "OLDER" in names(world, LOADED[0])


def test_a_newest_week_that_was_emptied_is_cleared(sensor):
    world = sensor.world
    rows = world.rows_of(NEWEST)
    world.publish([{"inspection_id": row["inspection_id"], ":deleted": True} for row in rows])
    sensor.follow()
    assert not names(world, NEWEST)
    world.publish([{name: value for name, value in row.items() if name[0] != ":"} for row in rows])
    sensor.follow()
    assert names(world, NEWEST), "and comes back with its rows"


def test_a_row_that_no_postgres_text_can_hold_stops_no_tick(sensor):
    edit(sensor.world, LOADED[2], results="Eaten\x00", dba_name="NUL\x00")
    sensor.follow()
    assert "Eaten" in "".join(sensor.world.table("clean.rejected_inspections")["detail"])
    edit(sensor.world, LOADED[2], results="Pass")
    sensor.follow()


def test_a_failed_run_is_tried_again_after_the_pause_and_not_before(sensor):
    world, clock = sensor.world, sensor.clock
    edit(world, LOADED[3])
    requests = sensor.tick()
    with world.misbehaving(kind="missing_rows", times=None, rows=2):
        assert not sensor.run(requests[0]).success
    clock.now = datetime.now(UTC)
    assert sensor.tick() == []
    assert "failed (1 times in a row)" in sensor.words and "what failed stands in its log" in sensor.words
    clock.now = datetime.now(UTC) + FIRST_PAUSE - timedelta(minutes=1)
    assert sensor.tick() == []
    clock.now = datetime.now(UTC) + FIRST_PAUSE
    again = sensor.tick()
    assert [request.tags for request in again] == [requests[0].tags]

    sensor.recorded(again[0], dg.DagsterRunStatus.FAILURE)
    clock.now = datetime.now(UTC) + FIRST_PAUSE
    assert sensor.tick() == [] and "failed (2 times in a row)" in sensor.words
    clock.now = datetime.now(UTC) + 2 * FIRST_PAUSE
    sensor.follow()
    assert world.stale() == {}


def test_a_load_that_broke_off_is_seen_though_nothing_else_has_changed(sensor):
    """A backfill that died while it wrote leaves no new load behind: its weeks were not made, and nobody looked."""
    world = sensor.world
    sensor.clock.now = max(sensor.clock.now, world.portal.updated_at()) + timedelta(minutes=5)
    assert sensor.tick() == []
    assert sensor.tick() == [] and sensor.words.startswith("Neither")
    with pytest.raises(ZeroDivisionError), world.ledger.opened("raw_inspections", LOADED[2:4], "backfill"):
        raise ZeroDivisionError
    requests = sensor.tick()
    assert requests[0].tags["food_inspections/reasons"] == "2 weeks: input, 2 weeks: never made"
    assert sensor.run(requests[0]).success
    assert world.stale() == {}


def test_another_change_does_not_wait_for_the_pause_of_the_first(sensor):
    edit(sensor.world, LOADED[3])
    sensor.recorded(sensor.tick()[0], dg.DagsterRunStatus.FAILURE)
    sensor.clock.now = datetime.now(UTC)
    assert sensor.tick() == []
    edit(sensor.world, LOADED[4])
    sensor.follow()
    assert sensor.world.stale() == {}, "both are made"


def test_a_pause_is_doubled_with_each_failure_and_never_longer_than_a_day():
    assert [pause_after(failures) for failures in (1, 2, 3)] == [FIRST_PAUSE, 2 * FIRST_PAUSE, 4 * FIRST_PAUSE]
    assert pause_after(20) == LONGEST_PAUSE


# Dagster records a queued run only with the origin of its code location, which a test has not.
UNFINISHED = [status for status in sensors._UNFINISHED if status is not dg.DagsterRunStatus.QUEUED]


@pytest.mark.parametrize("status", UNFINISHED, ids=lambda status: status.value)
def test_an_unfinished_run_blocks_until_it_is_deleted(sensor, status):
    edit(sensor.world, LOADED[5])
    run_id = sensor.recorded(sensor.tick()[0], status)
    sensor.clock.now = datetime.now(UTC)
    assert sensor.tick() == []
    assert sensor.words == f"Run {run_id} is making what is not current."
    sensor.world.instance.delete_run(run_id)
    assert len(sensor.tick()) == 1, "a run that somebody deleted in the UI is waited for no longer"


def test_a_run_that_died_with_its_machine_blocks_for_a_day_at_most(sensor):
    edit(sensor.world, LOADED[5])
    run_id = sensor.recorded(sensor.tick()[0], dg.DagsterRunStatus.STARTED)
    try:
        sensor.clock.now = datetime.now(UTC) + DEAD_AFTER - timedelta(minutes=1)
        assert sensor.tick() == []
        sensor.clock.now = datetime.now(UTC) + DEAD_AFTER + LONGEST_PAUSE
        assert len(sensor.tick()) == 1
    finally:
        sensor.world.instance.delete_run(run_id)


def test_other_settings_are_a_reason_to_look(sensor):
    changed = sensor.world.reconfigured({"cohort": {"window_days": 400}})
    changed.graph, changed.weeks = graph_until(changed.graph, "feature_matrix"), LOADED
    other = Automation(changed, sensor.clock)
    other.cursor = sensor.cursor
    try:
        requests = other.tick()
        assert requests[0].tags["food_inspections/reasons"] == f"{len(LOADED)} weeks: settings"
    finally:
        changed.instance.dispose()


def test_each_week_that_ends_is_made(postgres, tmp_path_factory):
    """As in 2010: the portal holds rows of the week that goes on, and they are left alone."""
    clock = Clock()
    clock.now = datetime(LOADED[4].year, LOADED[4].month, LOADED[4].day, 5, tzinfo=CHICAGO)
    with small_city(
        tmp_path_factory.mktemp("year") / "home", postgres, clock, weeks=len(LOADED), until="raw_inspections"
    ) as world:
        world.make(LOADED[:3])
        asked = Automation(world, clock)
        for ended in (LOADED[3], LOADED[4]):
            requests = asked.tick()
            assert requests[0].tags["food_inspections/reasons"] == "1 weeks: never made"
            assert asked.run(requests[0]).success
            assert max(world.ledger.snapshot().loads["raw_inspections"]) == ended
            assert asked.tick() == [] and asked.words == CURRENT
            clock.now += WEEK
