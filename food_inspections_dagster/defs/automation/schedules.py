"""Every Monday at 06:00 in Chicago: the whole graph for the week that has just ended."""

import dagster as dg

from food_inspections_dagster.orchestration.partitions import WEEKLY

weekly_job = dg.define_asset_job(
    "weekly",
    selection=dg.AssetSelection.all(),
    partitions_def=WEEKLY,
    description="The whole graph, for one week or any range of weeks.",
)

monday_morning = dg.build_schedule_from_partitioned_job(
    weekly_job,
    name="monday_morning",
    day_of_week=1,
    hour_of_day=6,
    minute_of_hour=0,
    description="Monday 06:00 America/Chicago: load the week that ended at midnight, and rank for the one that begins.",
)
