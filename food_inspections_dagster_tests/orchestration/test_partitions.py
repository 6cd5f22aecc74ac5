from datetime import date

import dagster as dg

from food_inspections_dagster.orchestration.partitions import HISTORY_BEFORE, HISTORY_THROUGH, WEEKLY, range_tags
from food_inspections_dagster.weeks import FIRST_WEEK, monday


def upstream(mapping: dg.TimeWindowPartitionMapping, key: str) -> list[str]:
    subset = mapping.get_upstream_mapped_partitions_result_for_partitions(
        WEEKLY.subset_with_partition_keys([key]), WEEKLY, WEEKLY
    )
    return sorted(subset.partitions_subset.get_partition_keys())


def test_partition_keys_are_mondays_from_the_first_week_on():
    keys = WEEKLY.get_partition_keys()
    assert keys[0] == FIRST_WEEK.isoformat() == "2010-01-04"
    assert all(date.fromisoformat(key) == monday(date.fromisoformat(key)) for key in keys)


def test_history_ends_where_it_says():
    assert upstream(HISTORY_BEFORE, "2010-01-25") == ["2010-01-04", "2010-01-11", "2010-01-18"]
    assert upstream(HISTORY_THROUGH, "2010-01-18") == ["2010-01-04", "2010-01-11", "2010-01-18"]
    assert upstream(HISTORY_BEFORE, "2010-01-04") == []


def test_range_tags_name_first_and_last_week():
    assert range_tags([date(2024, 1, 1), date(2024, 1, 8)]) == {
        "dagster/asset_partition_range_start": "2024-01-01",
        "dagster/asset_partition_range_end": "2024-01-08",
    }
