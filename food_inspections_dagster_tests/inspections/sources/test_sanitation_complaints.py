from datetime import date

from food_inspections_dagster.inspections.source import clean
from food_inspections_dagster.inspections.sources.sanitation_complaints import SOURCE
from food_inspections_dagster_tests.inspections.portal_rows import WEEK, plain, raw

PLACE = {"street_address": "1 N STATE ST", "zip_code": "60602", "community_area": "32"}
PLACE |= {"latitude": "41.882", "longitude": "-87.628"}
OLD = PLACE | {
    ":id": "row-a", "creation_date": "2014-01-07T00:00:00.000", "status": "Completed",
    "service_request_number": "14-1", "what_is_the_nature_of_this_code_violation_": "Garbage in alley",
}  # fmt: skip
NEW = PLACE | {":id": "row-b", "created_date": "2014-01-08T09:12:13.000", "status": "Open", "sr_number": "SR14-2"}


def test_complaints_of_both_systems_are_one_table():
    cleaned = clean(SOURCE, raw(NEW, OLD))
    place = {"address": "1 N STATE ST", "zip": "60602", "community_area": 32, "latitude": 41.882, "longitude": -87.628}
    assert plain(cleaned.rows) == [
        {
            "week": WEEK, "row_id": "row-a", "request_number": "14-1", "creation_date": date(2014, 1, 7),
            "status": "Completed", "nature": "Garbage in alley", **place,
        },
        {
            "week": WEEK, "row_id": "row-b", "request_number": "SR14-2", "creation_date": date(2014, 1, 8),
            "status": "Open", "nature": None, **place,
        },
    ]  # fmt: skip
    assert cleaned.dropped == {}


def test_request_numbers_may_repeat_but_rows_may_not():
    cleaned = clean(SOURCE, raw(OLD, OLD | {":id": "row-c"}, OLD | {"status": "Open"}))
    assert cleaned.rows["row_id"].tolist() == ["row-a", "row-c"]
    assert cleaned.rows["request_number"].tolist() == ["14-1", "14-1"]
    assert cleaned.dropped == {"repeated": 1}


def test_complaints_without_a_day_of_the_week_are_left_out():
    cleaned = clean(SOURCE, raw(OLD | {"creation_date": None}, NEW | {"created_date": "2014-01-05T23:00:00.000"}))
    assert cleaned.rows.empty
    assert cleaned.dropped == {"creation_date outside of its week": 1, "no usable creation_date": 1}


def test_each_form_is_known_by_its_date_and_the_new_one_asks_for_what_the_old_one_lacks():
    old, new = SOURCE.forms
    assert SOURCE.form_of(OLD) is old and SOURCE.form_of(NEW) is new
    assert (old.condition({}), new.condition({})) == (
        "", "sr_type = 'Sanitation Code Violation' and legacy_record = false",
    )  # fmt: skip
