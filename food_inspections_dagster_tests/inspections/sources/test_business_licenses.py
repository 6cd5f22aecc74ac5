from datetime import date

import pytest

from food_inspections_dagster.inspections.source import clean
from food_inspections_dagster.inspections.sources.business_licenses import CODES, SOURCE
from food_inspections_dagster.weeks import FIRST_WEEK
from food_inspections_dagster_tests.inspections.portal_rows import WEEK, plain, raw

TERM = {
    "id": "1041-20140107", "license_number": "1041", "license_start_date": "2014-01-07T00:00:00.000",
    "expiration_date": "2016-01-15T00:00:00.000", "license_code": "1006",
    "license_description": "Retail Food Establishment", "application_type": "RENEW", "license_status": "AAI",
    "account_number": "77", "legal_name": "GOLDEN  DELI INC.", "doing_business_as_name": "GOLDEN DELI",
    "address": "1 N STATE  ST 1ST", "zip_code": "60602-1234", "latitude": "41.882", "longitude": "-87.628",
}  # fmt: skip


def test_a_term_with_blanks_folded_and_its_zip_code_cut_to_five_digits():
    cleaned = clean(SOURCE, raw(TERM))
    assert plain(cleaned.rows) == [
        {
            "week": WEEK, "term_id": "1041-20140107", "license_number": 1041, "license_start_date": date(2014, 1, 7),
            "expiration_date": date(2016, 1, 15), "license_code": 1006,
            "license_description": "Retail Food Establishment", "application_type": "RENEW", "license_status": "AAI",
            "account_number": 77, "legal_name": "GOLDEN DELI INC.", "doing_business_as_name": "GOLDEN DELI",
            "address": "1 N STATE ST 1ST", "zip": "60602", "latitude": 41.882, "longitude": -87.628,
        }
    ]  # fmt: skip
    assert cleaned.dropped == {}


def test_what_identifies_a_term_is_required_and_the_rest_may_be_null():
    bare = {name: TERM[name] for name in ("id", "license_number", "license_start_date", "license_code")}
    (row,) = plain(clean(SOURCE, raw(bare)).rows)
    assert [name for name, value in row.items() if value is not None] == [
        "week", "term_id", "license_number", "license_start_date", "license_code",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"id": " "}, "no usable term_id"),
        ({"license_number": "-1041"}, "no usable license_number"),
        ({"license_start_date": "07/01/2014"}, "no usable license_start_date"),
        ({"license_code": "food"}, "no usable license_code"),
        ({"license_start_date": "2014-01-13T00:00:00.000"}, "license_start_date outside of its week"),
    ],
)
def test_terms_that_are_left_out(change, reason):
    cleaned = clean(SOURCE, raw(TERM | {"id": "other"}, TERM | change))
    assert cleaned.rows["term_id"].tolist() == ["other"]
    assert cleaned.dropped == {reason: 1}


def test_of_a_term_that_was_changed_the_newest_row_stays():
    issued = TERM | {":updated_at": "2014-01-08T00:00:00.000Z"}
    revoked = TERM | {":updated_at": "2014-03-01T00:00:00.000Z", "license_status": "REV"}
    cleaned = clean(SOURCE, raw(issued, revoked))
    assert cleaned.rows["license_status"].tolist() == ["REV"] and cleaned.dropped == {"repeated": 1}


def test_licences_that_began_before_the_calendar_lie_in_its_first_week():
    early = TERM | {"license_start_date": "2008-12-01T00:00:00.000"}
    assert clean(SOURCE, raw(early, week=FIRST_WEEK)).rows["license_number"].tolist() == [1041]
    assert clean(SOURCE, raw(early)).dropped == {"license_start_date outside of its week": 1}


def test_only_kinds_that_places_with_food_hold_are_asked_for_as_the_portal_types_them():
    (form,) = SOURCE.forms
    assert {1006, 1470, 1781} <= set(CODES)
    assert form.condition({"license_code": "number"}).startswith("license_code in (1005, 1006, ")
    assert form.condition({"license_code": "text"}).startswith("license_code in ('1005', '1006', ")
