from datetime import date

from food_inspections_dagster.inspections.source import clean
from food_inspections_dagster.inspections.sources.weather import SOURCE
from food_inspections_dagster_tests.inspections.portal_rows import WEEK, plain, raw

MONDAY = {"date": "2014-01-06", "temperature_max": "-4.5"}


def test_a_day_needs_its_highest_temperature_and_no_more():
    cleaned = clean(SOURCE, raw({
        "date": "2014-01-07T00:00:00.000", "temperature_max": "2.7e1", "precip_intensity": "0.0021",
        "wind_speed": "11", "humidity": "n/a",
    }, MONDAY))  # fmt: skip
    assert plain(cleaned.rows) == [
        {
            "week": WEEK, "date": date(2014, 1, 6), "temperature_max": -4.5,
            "precip_intensity": None, "wind_speed": None, "humidity": None,
        },
        {
            "week": WEEK, "date": date(2014, 1, 7), "temperature_max": 27.0,
            "precip_intensity": 0.0021, "wind_speed": 11.0, "humidity": None,
        },
    ]  # fmt: skip
    assert cleaned.dropped == {}


def test_days_without_temperature_or_of_other_weeks_are_left_out_and_none_stands_twice():
    changes = [{"temperature_max": "NaN"}, {"date": "2014-01-13"}, {"date": "6 Jan 2014"}]
    corrected = {":updated_at": "2014-02-01T00:00:00.000Z", "temperature_max": "-3.0"}
    rows = [MONDAY | {":updated_at": "2014-01-07T00:00:00.000Z"}, MONDAY | corrected]
    cleaned = clean(SOURCE, raw(*rows, *(MONDAY | change for change in changes)))
    assert cleaned.rows["temperature_max"].tolist() == [-3.0]
    assert cleaned.dropped == {
        "date outside of its week": 1, "no usable date": 1, "no usable temperature_max": 1, "repeated": 1,
    }  # fmt: skip
