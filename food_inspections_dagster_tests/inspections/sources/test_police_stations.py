from food_inspections_dagster.inspections.source import clean
from food_inspections_dagster.inspections.sources.police_stations import SOURCE
from food_inspections_dagster.weeks import FIRST_WEEK
from food_inspections_dagster_tests.inspections.portal_rows import plain, raw

FIRST = {
    "district": "1", "district_name": "Central", "address": "1718 S State  St", "zip": "60616",
    "latitude": "41.8583725929", "longitude": "-87.627356171",
}  # fmt: skip


def test_stations_are_those_of_districts_and_the_headquarters():
    headquarters = {"district": "Headquarters", "latitude": "41.8307", "longitude": "0"}
    cleaned = clean(SOURCE, raw(headquarters, FIRST, week=FIRST_WEEK))
    assert plain(cleaned.rows) == [
        {
            "week": FIRST_WEEK, "district": "1", "district_name": "Central", "address": "1718 S State St",
            "zip": "60616", "latitude": 41.8583725929, "longitude": -87.627356171,
        },
        dict.fromkeys(cleaned.rows.columns) | {"week": FIRST_WEEK, "district": "Headquarters"},
    ]  # fmt: skip
    assert cleaned.dropped == {}


def test_a_station_without_a_district_is_left_out_and_none_stands_twice():
    cleaned = clean(SOURCE, raw(FIRST | {"district": "\t"}, FIRST, FIRST, week=FIRST_WEEK))
    assert cleaned.rows["district"].tolist() == ["1"]
    assert cleaned.dropped == {"no usable district": 1, "repeated": 1}
