from datetime import datetime
from itertools import islice

import dagster as dg
import pytest
from dagster._utils.schedules import cron_string_iterator

from food_inspections_dagster.definitions import defs
from food_inspections_dagster.weeks import CHICAGO

SCHEDULE = defs.resolve_schedule_def("monday_morning")


@pytest.mark.parametrize(
    ("monday", "week"),
    [
        (datetime(2024, 1, 8, 6, tzinfo=CHICAGO), "2024-01-01"),
        (datetime(2024, 3, 11, 6, tzinfo=CHICAGO), "2024-03-04"),  # the clocks went forward on Sunday
        (datetime(2024, 11, 4, 6, tzinfo=CHICAGO), "2024-10-28"),  # and back
    ],
)
def test_monday_morning_makes_the_week_that_has_just_ended(monday, week):
    context = dg.build_schedule_context(scheduled_execution_time=monday, repository_def=defs.get_repository_def())
    requests = SCHEDULE.evaluate_tick(context).run_requests
    assert [request.partition_key for request in requests] == [week]


def test_it_ticks_on_mondays_at_six_in_chicago_whatever_the_season():
    start = datetime(2024, 1, 1, tzinfo=CHICAGO).timestamp()
    ticks = islice(cron_string_iterator(start, SCHEDULE.cron_schedule, SCHEDULE.execution_timezone), 52)
    moments = {(tick.weekday(), tick.hour, tick.minute, str(tick.tzinfo)) for tick in ticks}
    assert moments == {(0, 6, 0, "America/Chicago")}
