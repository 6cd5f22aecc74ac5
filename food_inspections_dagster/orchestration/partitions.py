"""The partitions that every asset shares, and the ways in which one looks at another's weeks."""

from collections.abc import Sequence
from datetime import date

import dagster as dg

from food_inspections_dagster.weeks import FIRST_WEEK, parse_week

# day_offset=1: Dagster's weeks begin on Sunday, ours on Monday.
WEEKLY = dg.WeeklyPartitionsDefinition(start_date=FIRST_WEEK.isoformat(), day_offset=1, timezone="America/Chicago")

# One run for any range: 880 runs of one week each would spend their time starting processes.
SINGLE_RUN = dg.BackfillPolicy.single_run()

# No offset in weeks is "since the beginning"; this one reaches back before the first partition of any
# century, and Dagster cuts it off at the first week.
_SINCE_THE_BEGINNING = -10_000

HISTORY_BEFORE = dg.TimeWindowPartitionMapping(
    start_offset=_SINCE_THE_BEGINNING, end_offset=-1, allow_nonexistent_upstream_partitions=True
)
"""Every week strictly before the partition's own."""

HISTORY_THROUGH = dg.TimeWindowPartitionMapping(
    start_offset=_SINCE_THE_BEGINNING, end_offset=0, allow_nonexistent_upstream_partitions=True
)
"""Every week up to and including the partition's own."""


def trailing(weeks: int) -> dg.TimeWindowPartitionMapping:
    """Return the mapping to the ``weeks`` weeks that end with the partition's own."""
    return dg.TimeWindowPartitionMapping(
        start_offset=1 - weeks, end_offset=0, allow_nonexistent_upstream_partitions=True
    )


def weeks_of(context: dg.AssetExecutionContext) -> list[date]:
    """Return the weeks, ascending, that a run of an asset has to make."""
    return [parse_week(key) for key in context.partition_keys]


def range_tags(weeks: Sequence[date]) -> dict[str, str]:
    """Return the run tags that make one run of the weeks from the first to the last of ``weeks``."""
    return {
        "dagster/asset_partition_range_start": weeks[0].isoformat(),
        "dagster/asset_partition_range_end": weeks[-1].isoformat(),
    }
