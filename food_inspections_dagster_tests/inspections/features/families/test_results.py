from datetime import date, timedelta

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables


def test_the_day_before_counts_and_the_day_itself_does_not():
    day = date(2016, 8, 22)
    sunday = FAILED_CANVASS | {"week": day - timedelta(days=7), "weekday": 6}
    monday = FAILED_CANVASS | {"week": day, "weekday": 0}
    row = compute_features(spine([("L1", day)]), tables([sunday, monday])).iloc[0]
    assert (row["failures_ever"], row["days_since_last_failure"], row["code_2010_3_3y"]) == (1, 1, 1)


def test_a_window_of_a_year_begins_365_days_before():
    asked = spine([("L1", date(2017, 6, 6)), ("L1", date(2017, 6, 7))])
    assert compute_features(asked, tables([FAILED_CANVASS]))["failures_1y"].tolist() == [1, 0]
