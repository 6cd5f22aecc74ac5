from datetime import datetime
from itertools import islice

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator

from food_inspections_dagster.defs.automation.jobs import UP_TO_DATE
from food_inspections_dagster.defs.automation.schedules import monday_morning, sunday_night
from food_inspections_dagster.weeks import CHICAGO


@pytest.fixture(scope="module")
def schedule() -> dg.ScheduleDefinition:
    @dg.job(name=UP_TO_DATE)
    def job() -> None: ...

    return monday_morning(job)


@pytest.mark.parametrize(
    "monday",
    [
        datetime(2024, 1, 8, 6, tzinfo=CHICAGO),
        datetime(2024, 3, 11, 6, tzinfo=CHICAGO),  # the clocks went forward on Sunday
        datetime(2024, 11, 4, 6, tzinfo=CHICAGO),  # and back
    ],
)
def test_monday_morning_asks_for_whatever_is_not_current(schedule, monday):
    """No week is named: a week that was skipped, or corrected since, is made with the one that has just ended."""
    with dg.build_schedule_context(scheduled_execution_time=monday) as context:
        requests = schedule.evaluate_tick(context).run_requests
    assert [(request.partition_key, request.run_config) for request in requests] == [(None, {})]
    assert schedule.job_name == UP_TO_DATE


def test_it_ticks_on_mondays_at_six_in_chicago_whatever_the_season(schedule):
    start = datetime(2024, 1, 1, tzinfo=CHICAGO).timestamp()
    ticks = islice(cron_string_iterator(start, schedule.cron_schedule, schedule.execution_timezone), 52)
    moments = {(tick.weekday(), tick.hour, tick.minute, str(tick.tzinfo)) for tick in ticks}
    assert moments == {(0, 6, 0, "America/Chicago")}


def test_what_is_no_longer_kept_goes_at_night_before_the_week_begins():
    @dg.job
    def prune() -> None: ...

    schedule = sunday_night(prune)
    start = datetime(2024, 1, 1, tzinfo=CHICAGO).timestamp()
    ticks = islice(cron_string_iterator(start, schedule.cron_schedule, schedule.execution_timezone), 52)
    assert {(tick.weekday(), tick.hour, tick.minute) for tick in ticks} == {(6, 3, 0)}
    assert schedule.job_name == "prune" and schedule.default_status == dg.DefaultScheduleStatus.STOPPED
