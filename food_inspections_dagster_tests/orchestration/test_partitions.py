from datetime import date

import dagster as dg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from food_inspections_dagster.orchestration.partitions import (
    HISTORY_BEFORE,
    HISTORY_THROUGH,
    OWN_WEEK,
    WEEKLY,
    Calendar,
    Window,
    range_tags,
    trailing,
    weeks_of,
)
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, monday, week_range


def by_dagster(window: Window, weeks: list[date]) -> list[date]:
    """Return the weeks that Dagster's mapping gives for a run of some weeks."""
    subset = window.mapping.get_upstream_mapped_partitions_result_for_partitions(
        WEEKLY.subset_with_partition_keys([str(week) for week in weeks]), WEEKLY, WEEKLY
    )
    return sorted(date.fromisoformat(key) for key in subset.partitions_subset.get_partition_keys())


def test_partition_keys_are_mondays_from_the_first_week_on():
    keys = WEEKLY.get_partition_keys()
    assert keys[0] == FIRST_WEEK.isoformat() == "2010-01-04"
    assert all(date.fromisoformat(key) == monday(date.fromisoformat(key)) for key in keys)


windows = st.one_of(
    st.builds(Window, st.none(), st.integers(-60, 0)),
    st.integers(-60, 0).flatmap(lambda first: st.builds(Window, st.just(first), st.integers(first, 0))),
)


@settings(deadline=None, max_examples=25)
@given(windows, st.integers(0, 120), st.integers(1, 8))
def test_a_window_is_the_same_to_the_planner_and_to_dagster(window, place, length):
    weeks = week_range(FIRST_WEEK + place * WEEK, FIRST_WEEK + (place + length - 1) * WEEK)
    assert window.weeks(weeks[0]) == by_dagster(window, weeks[:1])
    united = sorted({week for own in weeks for week in window.weeks(own)})
    assert united == by_dagster(window, weeks)


@given(windows, st.integers(0, 120), st.sets(st.integers(0, 120), max_size=3))
def test_a_window_reads_any_of_its_weeks_and_no_other(window, place, numbers):
    week, others = FIRST_WEEK + place * WEEK, {FIRST_WEEK + number * WEEK for number in numbers}
    assert window.reads_any(week, others) == bool(others.intersection(window.weeks(week)))


@pytest.mark.parametrize("window", [OWN_WEEK, HISTORY_BEFORE, HISTORY_THROUGH, trailing(156)], ids=str)
def test_the_windows_of_the_graph_agree_in_the_newest_and_the_first_week(window):
    newest = date.fromisoformat(WEEKLY.get_last_partition_key())
    for week in (newest, FIRST_WEEK):
        assert window.weeks(week) == by_dagster(window, [week])


def test_windows_end_where_they_say():
    third = FIRST_WEEK + 2 * WEEK
    assert HISTORY_BEFORE.weeks(third) == [FIRST_WEEK, FIRST_WEEK + WEEK]
    assert HISTORY_THROUGH.weeks(third) == [FIRST_WEEK, FIRST_WEEK + WEEK, third]
    assert HISTORY_BEFORE.weeks(FIRST_WEEK) == []
    assert OWN_WEEK.weeks(third) == [third]
    assert trailing(2).weeks(third) == [FIRST_WEEK + WEEK, third]
    assert trailing(1) == OWN_WEEK


def test_range_tags_make_a_run_of_the_weeks():
    weeks = week_range(date(2024, 1, 1), date(2024, 1, 15))
    assert range_tags(weeks) == {
        "dagster/asset_partition_range_start": "2024-01-01",
        "dagster/asset_partition_range_end": "2024-01-15",
    }
    made = []

    @dg.asset(partitions_def=WEEKLY, backfill_policy=dg.BackfillPolicy.single_run())
    def numbers(context: dg.AssetExecutionContext) -> None:
        made.extend(weeks_of(context))

    assert dg.materialize([numbers], tags=range_tags(weeks)).success
    assert made == weeks


def test_the_newest_weeks_only_and_those_that_were_made():
    weeks = week_range(FIRST_WEEK, FIRST_WEEK + 9 * WEEK)
    assert Calendar().weeks(weeks) == weeks
    assert Calendar(newest=1).weeks(weeks) == weeks[-1:]
    assert Calendar(newest=2).weeks(weeks, made={weeks[3], FIRST_WEEK - WEEK}) == [weeks[3], *weeks[-2:]]
    assert Calendar(newest=20).weeks(weeks) == weeks
