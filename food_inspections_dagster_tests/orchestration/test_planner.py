"""What is planned, over definitions of three tiny assets; what is executed is tested in integration/."""

from itertools import pairwise

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.orchestration import planner as pipeline
from food_inspections_dagster.orchestration.partitions import SINGLE_RUN, WEEKLY, range_tags
from food_inspections_dagster.orchestration.planner import PlannedRun, plan, ranges
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range

WEEKS = week_range(FIRST_WEEK, FIRST_WEEK + 5 * WEEK)


def keys(*names: str) -> tuple[dg.AssetKey, ...]:
    return tuple(sorted(map(dg.AssetKey, names)))


@dg.asset(partitions_def=WEEKLY, backfill_policy=SINGLE_RUN)
def first() -> None: ...


@dg.multi_asset(
    partitions_def=WEEKLY,
    backfill_policy=SINGLE_RUN,
    specs=[dg.AssetSpec(name, deps=["first"]) for name in ("left", "right")],
)
def both(): ...


@dg.asset(partitions_def=WEEKLY, backfill_policy=SINGLE_RUN, deps=["left"])
def last() -> None: ...


def checked(passed: bool, blocking: bool) -> dg.AssetChecksDefinition:
    @dg.asset_check(asset="first", name="sound", blocking=blocking)
    def sound() -> dg.AssetCheckResult:
        return dg.AssetCheckResult(passed=passed)

    return sound


def graph(passed: bool = True, blocking: bool = True) -> dg.Definitions:
    return dg.Definitions([first, both, last], asset_checks=[checked(passed, blocking)])


def make(instance: dg.DagsterInstance, definitions: dg.Definitions, weeks, *names: str) -> bool:
    job = definitions.resolve_implicit_global_asset_job_def()
    quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
    return job.execute_in_process(
        instance=instance,
        asset_selection=list(keys(*names)),
        tags=range_tags(weeks),
        run_config=quiet,
        raise_on_error=False,
    ).success


@pytest.fixture
def instance():
    with dg.DagsterInstance.ephemeral() as made:
        yield made


def everything(weeks):
    return dict.fromkeys(("first", "left", "right", "last"), weeks)


@given(st.sets(st.integers(0, 60)))
def test_ranges_are_the_weeks_in_the_fewest_runs_of_weeks(numbers):
    weeks = [FIRST_WEEK + n * WEEK for n in sorted(numbers)]
    found = ranges(weeks)
    assert [week for run in found for week in run] == weeks
    assert all(list(run) == week_range(run[0], run[-1]) for run in found)
    assert all(b[0] - a[-1] > WEEK for a, b in pairwise(found))


def test_an_empty_instance_needs_one_run_of_everything(instance):
    assert plan(graph(), instance, everything(WEEKS)) == [
        PlannedRun(keys("first", "left", "right", "last"), tuple(WEEKS))
    ]


def test_what_is_there_is_left_out_and_upstream_comes_first(instance):
    definitions = graph()
    make(instance, definitions, WEEKS[:4], "first")
    make(instance, definitions, WEEKS[:2], "left", "right")
    assert plan(definitions, instance, everything(WEEKS)) == [
        PlannedRun(keys("first"), tuple(WEEKS[4:])),
        PlannedRun(keys("left", "right"), tuple(WEEKS[2:])),
        PlannedRun(keys("last"), tuple(WEEKS)),
    ]
    make(instance, definitions, WEEKS, "first", "left", "right", "last")
    assert plan(definitions, instance, everything(WEEKS)) == []


def test_a_gap_is_two_runs(instance):
    definitions = graph()
    make(instance, definitions, WEEKS[2:3], "first")
    assert plan(definitions, instance, {"first": WEEKS}) == [
        PlannedRun(keys("first"), tuple(WEEKS[:2])),
        PlannedRun(keys("first"), tuple(WEEKS[3:])),
    ]


def test_tables_that_are_made_together_are_missing_together(instance):
    definitions = graph()
    make(instance, definitions, WEEKS, "left", "right")
    assert plan(definitions, instance, {"left": WEEKS}) == []
    instance.wipe_assets([dg.AssetKey("right")])
    assert plan(definitions, instance, {"left": WEEKS}) == [PlannedRun(keys("left", "right"), tuple(WEEKS))]


def test_assets_that_are_not_wanted_are_not_made(instance):
    assert plan(graph(), instance, {"first": WEEKS}) == [PlannedRun(keys("first"), tuple(WEEKS))]
    wanted = {**everything(WEEKS), "last": WEEKS[-1:]}
    assert plan(graph(), instance, wanted)[-1] == PlannedRun(keys("last"), tuple(WEEKS[-1:]))


@pytest.mark.parametrize(("blocking", "again"), [(True, True), (False, False)])
def test_a_failed_check_makes_its_asset_again_where_it_blocks(instance, blocking, again):
    bad, good = graph(passed=False, blocking=blocking), graph(passed=True, blocking=blocking)
    make(instance, bad, WEEKS, "first", "left", "right", "last")
    planned = plan(good, instance, everything(WEEKS))
    assert (keys("first")[0] in {key for run in planned for key in run.assets}) == again
    assert make(instance, good, WEEKS, "first", "left", "right", "last")
    assert plan(good, instance, everything(WEEKS)) == [], "a check that passes again frees it"


def test_runs_over_the_same_weeks_become_one():
    weeks, fewer = tuple(WEEKS), tuple(WEEKS[:2])
    a, b, c, d = (PlannedRun(keys(n), w) for n, w in (("a", weeks), ("b", weeks), ("c", fewer), ("d", weeks)))
    assert pipeline._merged([a, b, c, d]) == [PlannedRun(keys("a", "b"), weeks), c, d]
    assert pipeline._merged([]) == []


def test_a_run_has_a_step_for_each_asset_and_for_its_checks():
    together = PlannedRun(keys("inspections", "violations", "rejected_inspections"), tuple(WEEKS))
    assert pipeline.step_count(together) == 2
