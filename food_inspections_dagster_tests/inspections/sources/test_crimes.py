from datetime import date

from food_inspections_dagster.inspections.source import clean
from food_inspections_dagster.inspections.sources.crimes import SOURCE
from food_inspections_dagster_tests.inspections.portal_rows import WEEK, plain, raw

BURGLARY = {
    "id": "9446748", "date": "2014-01-12T23:59:00.000", "primary_type": "BURGLARY", "community_area": "25",
    "latitude": "41.9", "longitude": "-87.7",
}  # fmt: skip


def test_a_burglary_of_a_sunday_night_lies_in_the_week_that_ends():
    cleaned = clean(SOURCE, raw(BURGLARY, BURGLARY | {"id": "7", "community_area": "0", "longitude": None}))
    burglary = {"week": WEEK, "date": date(2014, 1, 12), "primary_type": "BURGLARY"}
    assert plain(cleaned.rows) == [
        burglary | {"crime_id": 7, "community_area": None, "latitude": None, "longitude": None},
        burglary | {"crime_id": 9446748, "community_area": 25, "latitude": 41.9, "longitude": -87.7},
    ]
    assert cleaned.dropped == {}


def test_burglaries_without_number_kind_or_day_and_of_other_weeks_are_left_out():
    changes = [{"id": "HX1"}, {"primary_type": None}, {"date": "2014-02-30"}, {"date": "2014-01-05T23:59:00.000"}]
    cleaned = clean(SOURCE, raw(*(BURGLARY | change for change in changes)))
    assert cleaned.rows.empty
    assert cleaned.dropped == {
        "date outside of its week": 1, "no usable crime_id": 1, "no usable date": 1, "no usable primary_type": 1,
    }  # fmt: skip


def test_only_burglaries_are_asked_for():
    assert [form.condition({}) for form in SOURCE.forms] == ["primary_type = 'BURGLARY'"]
