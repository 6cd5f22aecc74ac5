"""The sensor against a real portal and database; the rules by which it plans as a pure function."""

from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.defs.automation.sensors import Cursor, plan_update, portal_updates
from food_inspections_dagster.defs.ingestion import sensors
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range
from food_inspections_dagster_tests.world import small_world

LOADED = week_range(FIRST_WEEK, FIRST_WEEK + 19 * WEEK)
NEWEST = LOADED[-1]


class Clock:
    """The portal's clock, which goes on by a minute with each edit."""

    def __init__(self):
        self.now = datetime(2030, 1, 1, tzinfo=UTC)

    def __call__(self):
        self.now += timedelta(minutes=1)
        return self.now


class Sensor:
    """Asks the sensor again and again with the cursor that it left, as the daemon does."""

    def __init__(self, world, monkeypatch, ended=NEWEST):
        self.world, self.cursor = world, None
        self.instance = dg.DagsterInstance.ephemeral()
        self.end(monkeypatch, ended)

    def end(self, monkeypatch, week):
        monkeypatch.setattr(sensors, "last_complete_week", lambda now: week)

    def ask(self):
        """Return the requests of one tick as (job, first week, last week); a skip has none, and its reason."""
        with dg.build_sensor_context(
            instance=self.instance,
            cursor=self.cursor,
            resources={"portal": self.world.portal, "database": self.world.database},
            definitions=self.world.defs,
        ) as context:
            data = portal_updates.evaluate_tick(context)
        self.cursor = data.cursor or self.cursor
        self.skipped = data.skip_message
        self.requests = list(data.run_requests or ())
        return [
            (
                request.job_name,
                request.tags.get("dagster/asset_partition_range_start", request.partition_key),
                request.tags.get("dagster/asset_partition_range_end", request.partition_key),
            )
            for request in self.requests
        ]

    def run(self, status=dg.DagsterRunStatus.SUCCESS):
        """Let the requested runs end: they are recorded as the daemon records them, under their run key."""
        for request in self.requests:
            job = self.world.defs.resolve_job_def(request.job_name)
            run = self.instance.create_run_for_job(
                job, tags={**request.tags, "dagster/run_key": request.run_key}, status=status
            )
            assert run.status == status


@pytest.fixture(scope="module")
def world(postgres, tmp_path_factory):
    """A world whose first 20 weeks of 44 are loaded and cleaned."""
    with small_world(tmp_path_factory.mktemp("world") / "home", postgres, clock=Clock()) as made:
        yield made


CLEAN = ("raw_inspections", "inspections", "violations", "rejected_inspections")


@pytest.fixture
def sensor(world, monkeypatch):
    """A sensor that has seen the portal as it is loaded."""
    if not world.database.has_table("clean.inspections"):
        world.remake(LOADED, *CLEAN)
    before = Sensor(world, monkeypatch)
    for _, first, last in before.ask():  # what the test before has published
        world.remake(week_range(date.fromisoformat(first), date.fromisoformat(last)), *CLEAN)
    asked = Sensor(world, monkeypatch)
    assert asked.ask() == [] and "differs" in asked.skipped
    return asked


def test_a_portal_that_has_no_load_is_left_to_a_person(world, monkeypatch):
    asked = Sensor(world, monkeypatch)
    assert asked.ask() == []
    assert asked.skipped.startswith("Nothing is loaded yet")


def test_a_portal_that_has_not_changed_is_not_asked_for_more(sensor, monkeypatch):
    monkeypatch.setattr(type(sensor.world.portal), "week_counts", None)
    assert sensor.ask() == []
    assert "Neither has the portal changed" in sensor.skipped


def test_exactly_the_changed_weeks_are_requested_and_then_one_list(sensor):
    world = sensor.world
    edited, added, deleted, redated = (world.rows_of(LOADED[i])[0] for i in (2, 3, 8, 12))
    world.publish(
        [
            {"inspection_id": edited["inspection_id"], "results": "Fail"},
            {**{k: v for k, v in added.items() if k[0] != ":"}, "inspection_id": "99000001"},
            {"inspection_id": deleted["inspection_id"], ":deleted": True},
            {"inspection_id": redated["inspection_id"], "inspection_date": f"{LOADED[15]}T00:00:00.000"},
        ]
    )
    repairs = sensor.ask()
    assert repairs == [
        ("repair_weeks", str(first), str(last))
        for first, last in [(LOADED[2], LOADED[3]), *((LOADED[i], LOADED[i]) for i in (8, 12, 15))]
    ]
    asked = sensor.requests
    assert sensor.ask() == [] and sensor.skipped.startswith("Waiting"), "the runs are not launched yet"

    sensor.requests = asked[:1]
    sensor.run()
    sensor.requests = asked[1:]
    assert sensor.ask() == [] and sensor.skipped.startswith("Waiting"), "and one of four is no end"
    sensor.requests = asked[1:]
    sensor.run()
    assert sensor.ask() == [("rescore_week", str(NEWEST), str(NEWEST))]
    assert sensor.ask() == [] and "Neither" in sensor.skipped, "once"


def test_a_requested_repair_brings_the_weeks_up_to_date(sensor):
    world = sensor.world
    row = world.rows_of(LOADED[4])[0]
    world.publish([{"inspection_id": row["inspection_id"], "dba_name": "RENAMED"}])
    assert sensor.ask() == [("repair_weeks", str(LOADED[4]), str(LOADED[4]))]
    job = world.defs.resolve_job_def("repair_weeks")
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    with dg.DagsterInstance.ephemeral() as instance:
        assert job.execute_in_process(tags=sensor.requests[0].tags, instance=instance, run_config=quiet).success
    names = world.table("clean.inspections").set_index("inspection_id")["dba_name"]
    assert names[int(row["inspection_id"])] == "RENAMED"


def test_a_failed_repair_makes_no_list_and_says_what_to_do(sensor):
    row = sensor.world.rows_of(LOADED[6])[0]
    sensor.world.publish([{"inspection_id": row["inspection_id"], "dba_name": "AGAIN"}])
    assert len(sensor.ask()) == 1
    sensor.run(dg.DagsterRunStatus.FAILURE)
    assert sensor.ask() == []
    assert "was not made again" in sensor.skipped and "rescore_week" in sensor.skipped
    assert sensor.ask() == [] and "Neither" in sensor.skipped


def test_a_week_that_has_ended_is_loaded_by_the_weekly_job_once(sensor, monkeypatch):
    ended = NEWEST + WEEK
    sensor.end(monkeypatch, ended)
    assert sensor.ask() == [("weekly", str(ended), str(ended))]
    assert sensor.ask() == []


def test_a_missing_newest_week_waits_for_repairs_before_it(sensor, monkeypatch):
    row = sensor.world.rows_of(LOADED[7])[0]
    sensor.world.publish([{"inspection_id": row["inspection_id"], "dba_name": "MORE"}])
    sensor.end(monkeypatch, NEWEST + WEEK)
    assert sensor.ask() == [("repair_weeks", str(LOADED[7]), str(LOADED[7]))]
    sensor.run()
    assert sensor.ask() == [("weekly", str(NEWEST + WEEK), str(NEWEST + WEEK))]


def test_no_list_is_asked_for_a_week_that_the_portal_does_not_know(sensor, monkeypatch):
    """The simulated city ends in 2010, whatever the calendar says."""
    sensor.end(monkeypatch, sensor.world.weeks[-1] + 500 * WEEK)
    requested = sensor.ask()
    assert requested == [("repair_weeks", str(NEWEST + WEEK), str(sensor.world.weeks[-2]))]
    sensor.run()
    assert sensor.ask() == [("weekly", str(sensor.world.weeks[-1]), str(sensor.world.weeks[-1]))]


@pytest.mark.parametrize("cursor", [Cursor(), Cursor(7, "2024-01-01", "2024-01-08T03:04:05.678Z", ["a"], "b", "c")])
def test_a_cursor_survives_as_text(cursor):
    assert Cursor.read(cursor.write()) == cursor


weeks = st.integers(0, 40).map(lambda n: FIRST_WEEK + n * WEEK)
counts = st.dictionaries(weeks, st.integers(0, 3), max_size=20)


@given(st.sets(weeks), counts, counts.filter(bool), weeks)
def test_a_plan_is_the_weeks_that_differ_and_no_other(changed, portal, stored, newest):
    update = plan_update(changed, portal, stored, newest)
    planned = [week for first, last in update.repairs for week in week_range(first, last)]
    assert planned == sorted(set(planned)), "ascending, no week twice"
    assert all(
        later[0] - earlier[1] > WEEK for earlier, later in zip(update.repairs, update.repairs[1:], strict=False)
    ), "ranges are as long as they can be"
    differs = {
        week
        for week in {*changed, *portal, *stored}
        if week in changed or portal.get(week, 0) != stored.get(week, 0) or week not in portal
    }
    inside = {week for week in differs if min(stored) <= week <= newest}
    assert {*planned, *([newest] if update.load_newest else [])} == inside
    assert update.is_empty == (not inside)


def test_weeks_that_were_never_loaded_stay_out():
    stored = {date(2024, 1, 1): 5, date(2024, 1, 8): 5}
    update = plan_update({date(2012, 1, 2), date(2009, 12, 28)}, stored, stored, date(2024, 1, 8))
    assert update.is_empty
