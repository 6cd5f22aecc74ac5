"""After any correction on the portal one run of the job leaves nothing stale, and what a fresh build makes."""

from collections.abc import Callable
from datetime import timedelta

import dagster as dg
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.defs.automation.definitions import automation_for
from food_inspections_dagster.defs.automation.jobs import UP_TO_DATE
from food_inspections_dagster.orchestration.current import Cause
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.automation.conftest import QUIET, Automation, differences
from food_inspections_dagster_tests.defs.city import CITY, graph_until
from food_inspections_dagster_tests.world import World

NEWEST = CITY[-1]


@pytest.fixture(scope="module")
def made(world: World, automation: Automation) -> World:
    """A city whose last weeks were skipped in an outage, and then made by the job."""
    world.make(CITY[:-4])
    assert automation.run().success
    decisions = world.document(catalog.SELECTED_MODEL, NEWEST)["labels"]
    assert set(decisions) == set(world.settings.models.labels)
    for decision in decisions.values():
        assert decision["selected"], decision["reasons"]  # else the city is too small to show anything
    return world


def test_weeks_that_were_skipped_in_an_outage_are_made_by_every_stage(made: World):
    loads = made.ledger.snapshot().loads
    newest = ("published_list", "data_profile", "data_profile_report")
    for asset in (*made.graph.by_asset[catalog.SCORES.asset].outputs, *newest):
        assert set(loads.pop(asset)) == {CITY[-5], NEWEST}, "a list for a week that is over helps nobody"
    undated = {"police_stations", "community_areas"}
    expected = {asset: CITY[:1] if asset.removeprefix("raw_") in undated else CITY for asset in loads}
    assert {asset: sorted(weeks) for asset, weeks in loads.items()} == expected
    assert made.stale() == {}


def dated(row: dict, week) -> dict:
    return {"inspection_id": row["inspection_id"], "inspection_date": f"{week}T00:00:00.000"}


def ten_rows_corrected(world: World) -> None:
    """Names, results and violations of ten rows of one past week."""
    rows = world.rows_of(CITY[6])[:10]
    assert len(rows) == 10
    other = {"Pass": "Fail", "Fail": "Pass"}
    world.publish(
        [
            {
                "inspection_id": row["inspection_id"],
                "results": other.get(row["results"], "Fail"),
                "risk": "Risk 3 (Low)",
                "dba_name": f"{row['dba_name']} II",
            }
            for row in rows
        ]
    )


def moved_to_a_far_earlier_week(world: World) -> None:
    world.publish([dated(world.rows_of(CITY[12])[0], CITY[3])])


def moved_into_the_newest_week(world: World) -> None:
    world.publish([dated(world.rows_of(CITY[14])[0], NEWEST)])


def moved_out_of_a_backtest(world: World) -> None:
    """From a week that the newest evaluation window holds to one before it."""
    world.publish([dated(world.rows_of(CITY[17])[0], CITY[2])])


def one_row_deleted(world: World) -> None:
    world.publish([{"inspection_id": world.rows_of(CITY[16])[0]["inspection_id"], ":deleted": True}])


def a_week_emptied(world: World) -> None:
    world.publish([{"inspection_id": row["inspection_id"], ":deleted": True} for row in world.rows_of(CITY[9])])


def rows_in_a_week_that_was_empty(world: World) -> None:
    world.publish([dated(row, CITY[9]) for row in world.rows_of(CITY[10])[:3]])


def rows_published_after_monday(world: World) -> None:
    """In the newest week, which is loaded: without a look at it they were lost."""
    row = {name: value for name, value in world.rows_of(NEWEST)[0].items() if name[0] != ":"}
    world.publish([{**row, "inspection_id": str(99_000_000 + number)} for number in range(3)])


CORRECTIONS = [
    ten_rows_corrected,
    moved_to_a_far_earlier_week,
    moved_into_the_newest_week,
    moved_out_of_a_backtest,
    one_row_deleted,
    a_week_emptied,
    rows_in_a_week_that_was_empty,
    rows_published_after_monday,
]


@pytest.mark.parametrize("correct", CORRECTIONS, ids=lambda correct: correct.__name__)
def test_after_a_correction_one_run_leaves_nothing_stale(
    made: World, automation: Automation, correct: Callable[[World], None]
):
    correct(made)
    reasons = made.stale()
    assert {reason.cause for reason in reasons["raw_inspections"].values()} == {Cause.INPUT}
    result = automation.run()
    assert result.success, [event.step_failure_data.error.cause for event in result.get_step_failure_events()]
    assert made.stale() == {}


def test_after_all_corrections_it_is_what_a_fresh_build_makes(made: World):
    """Behind them in one world: each leaves its weeks as they are, so that a fault of any of them shows here."""
    assert differences(made, CITY) == []


def test_a_second_run_makes_nothing(made: World, automation: Automation):
    runs = made.instance.get_runs_count()
    assert automation.run().success
    assert made.instance.get_runs_count() == runs + 1, "the job's own, and none besides"


def test_its_runs_stand_beside_it(made: World, automation: Automation):
    made.publish([{"inspection_id": made.rows_of(CITY[4])[0]["inspection_id"], "dba_name": "RENAMED"}])
    before = {run.run_id for run in made.instance.get_runs()}
    assert automation.run().success
    runs = [run for run in made.instance.get_runs() if run.run_id not in before]
    assert {run.job_name for run in runs} == {UP_TO_DATE, "weekly"}
    assert all(run.is_success for run in runs)


def test_the_newest_week_that_is_emptied_is_cleared(made: World, automation: Automation):
    """The portal's newest day is then in the week before; what was loaded counts all the same."""
    made.publish([{"inspection_id": row["inspection_id"], ":deleted": True} for row in made.rows_of(NEWEST)])
    assert automation.run().success
    assert made.stale() == {}
    assert NEWEST not in set(made.table("clean.inspections")["week"])
    assert not len(made.stored.rows(catalog.FEATURE_MATRIX, [NEWEST]))
    made.make(CITY[:-1])  # the list of the week before, which was over when the job first ran
    assert differences(made, CITY[:-1]) == [], "and the weeks before it are as if it had never been"


def test_a_failed_step_fails_the_job_with_its_words(made: World, automation: Automation):
    made.publish([{"inspection_id": made.rows_of(CITY[5])[0]["inspection_id"], "dba_name": "LATER"}])
    with made.misbehaving(kind="missing_rows", times=None, rows=2):
        result = automation.run()
    assert not result.success
    failure = next(event for event in result.all_events if event.is_step_failure)
    assert "Stage raw_inspections failed" in str(failure.step_failure_data.error)
    assert automation.run().success and made.stale() == {}


def test_weeks_before_the_first_that_was_loaded_stay_out(world: World, automation: Automation):
    """`make run FROM=...` leaves earlier years out on purpose: neither the sensor nor its job loads them."""
    narrow = world.fresh()
    narrow.graph = graph_until(narrow.graph, "inspections")
    try:
        narrow.make(CITY[5:7])
        assert Automation(narrow, automation.clock).run().success
        loaded = sorted(narrow.ledger.snapshot().loads["inspections"])
        assert loaded[0] == CITY[5] and loaded[-1] >= NEWEST - WEEK, "and those after it are made"
    finally:
        narrow.instance.dispose()


def test_two_of_them_never_run_at_once(world: World, automation: Automation):
    """The schedule's and the sensor's would make the same weeks twice; the second waits, and finds nothing to do."""
    queue = world.instance.get_concurrency_config().run_queue_config
    for name in (UP_TO_DATE, "prune"):
        tags = automation.definitions.resolve_job_def(name).tags
        assert [limit["limit"] for limit in queue.tag_concurrency_limits if limit["key"] in tags] == [1]
    assert queue.max_concurrent_runs == 2


def test_the_job_removes_what_is_no_longer_kept(made: World, automation: Automation):
    """As the command does, see `orchestration/test_retention.py`; a year later, so that every run is old."""
    later = automation_for(made.settings, made.graph, made.stages, lambda: automation.clock() + timedelta(days=400))
    job = dg.Definitions.merge(made.stages, later).resolve_job_def("prune")
    before, newest = made.hashes(), runs_of_newest_loads(made)
    assert {run.run_id for run in made.instance.get_runs()} > newest
    result = job.execute_in_process(instance=made.instance, run_config=QUIET)
    assert result.success
    # What this one is doing is not over.
    assert {run.run_id for run in made.instance.get_runs()} - {result.run_id} <= newest
    assert made.hashes() == before and runs_of_newest_loads(made) == newest


def runs_of_newest_loads(world: World) -> set[str]:
    return {load.run_id for weeks in world.ledger.snapshot().loads.values() for load in weeks.values()}


def test_the_job_over_all_assets_takes_a_range_of_weeks(world: World):
    job = world.defs.resolve_job_def("weekly")
    assert isinstance(job.partitions_def, dg.WeeklyPartitionsDefinition)
    assert {key.to_user_string() for key in job.asset_layer.selected_asset_keys} == set(world.graph.assets)
