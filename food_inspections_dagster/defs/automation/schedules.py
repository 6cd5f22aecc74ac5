"""Every Monday at 06:00 in Chicago: the week that ended at midnight, and whatever else is not current."""

import dagster as dg

from food_inspections_dagster.weeks import CHICAGO


def monday_morning(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Return the schedule of the weekly list."""
    return dg.ScheduleDefinition(
        name="monday_morning",
        job=job,
        cron_schedule="0 6 * * 1",
        execution_timezone=str(CHICAGO),
        description="Monday 06:00 America/Chicago: load the week that has ended, and rank for the one that begins.",
    )
