"""Every Monday at 06:00 in Chicago the week that ended at midnight; every Sunday at 03:00 what is no longer kept."""

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


def sunday_night(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Return the schedule of the job that removes what is no longer kept."""
    return dg.ScheduleDefinition(
        name="sunday_night",
        job=job,
        cron_schedule="0 3 * * 0",
        execution_timezone=str(CHICAGO),
        description="Sunday 03:00 America/Chicago: remove what is older than the section `retention` keeps it.",
    )
