"""Descriptions become clean rows; what cannot be used is refused, what is not known is named."""

from datetime import date

import pandas as pd
import pytest

from food_inspections_dagster.inspections import schemas
from food_inspections_dagster.inspections.described import Refusal, describe, missing
from food_inspections_dagster.inspections.features.tables import PLACE_TYPES
from food_inspections_dagster_tests.inspections.portal_rows import plain

AS_OF = date(2019, 1, 7)
VISIT = {"inspection_date": date(2012, 1, 3), "inspection_type": "Canvass", "results": "Pass", "violations": ""}
KNOWN = {
    **{"dba_name": " JOE'S  GRILL", "facility_type": "restaurant", "risk": 1, "address": "1 N STATE ST"},
    **{"zip": "60601-1234", "latitude": 41.883333333333333, "longitude": -87.65, "inspections": [VISIT]},
}


def one(place, **changed):
    read = describe([{**place, **changed}], AS_OF)
    return read, read.refusals[0], read.unknowns[0]


def test_a_description_is_cleaned_as_the_portal_s_rows_are():
    text = "3. POTENTIALLY HAZARDOUS FOOD MEETS TEMPERATURE REQUIREMENT - Comments: COLD | 33. X - Comments: Y"
    visits = [
        {**VISIT, "inspection_type": "CANVASS RE-INSPECTION", "results": "Fail", "violations": text},
        {**VISIT, "inspection_date": date(2018, 9, 3), "violation_codes": [{"code": 3, "severity": "priority"}]},
    ]
    read, refused, unknown = one(KNOWN, inspections=visits)
    assert (refused, unknown) == ((), ())
    schemas.INSPECTIONS.validate(read.described.inspections)
    schemas.VIOLATIONS.validate(read.described.violations)
    first, second = plain(read.described.inspections)
    assert (first["inspection_type"], first["is_reinspection"], first["failed"]) == ("Canvass", True, True)
    assert (first["critical_count"], first["minor_count"], first["codebook"]) == (1, 1, "2010")
    assert (second["critical_count"], second["codebook"]) == (1, "2018")
    (place,) = plain(read.described.places)
    assert list(place) == list(PLACE_TYPES) and place["establishment_id"] == read.ids[0] == first["establishment_id"]
    assert place["dba_name"] == first["dba_name"] == "JOE'S GRILL" and place["facility_type"] == "Restaurant"
    assert (place["zip"], place["risk"], place["latitude"]) == ("60601", 1, 41.883333333333333)


def test_codes_and_text_are_one_list_and_severities_are_the_code_s_before_2018():
    visit = {**VISIT, "violations": "33. X - Comments: Y", "violation_codes": [{"code": 3}, {"code": 21}]}
    read, *_ = one(KNOWN, inspections=[visit])
    assert read.described.violations["code"].tolist() == [33, 3, 21]
    assert read.described.violations["severity"].tolist() == ["minor", "critical", "serious"]


@pytest.mark.parametrize(
    ("severity", "meant"), [("priority", "priority"), ("priority_foundation", "priority_foundation"), ("core", "core")]
)
def test_a_severity_since_2018_is_what_was_given(severity, meant):
    codes = [{"code": 38, "severity": severity}]
    visit = {**VISIT, "inspection_date": date(2018, 7, 2), "violations": None, "violation_codes": codes}
    read, refused, unknown = one(KNOWN, inspections=[visit])
    assert read.described.violations["severity"].tolist() == [meant] and not refused and not unknown


def test_what_is_dated_on_or_after_the_cut_off_is_refused_with_its_row():
    visits = [VISIT, {**VISIT, "inspection_date": AS_OF}, {**VISIT, "inspection_date": date(2020, 1, 1)}]
    read, refused, _ = one(KNOWN, inspections=visits, license_start_date=AS_OF)
    assert [refusal.place for refusal in refused] == [
        ("inspections", "1", "inspection_date"),
        ("inspections", "2", "inspection_date"),
        ("license_start_date",),
    ]
    assert refused[0].why == "2019-01-07 is not before 2019-01-07, up to which data are used: leave it out."
    assert read.ids == (None,) and not len(read.described.places) and not len(read.described.inspections)


def test_what_cannot_be_cleaned_is_refused_and_the_other_places_stay():
    bad = [{**VISIT, "violations": "SOMETHING"}, {**VISIT, "violation_codes": [{"code": 60}]}]
    read = describe([{"inspections": bad}, KNOWN], AS_OF)
    assert read.refusals == (
        (
            Refusal(("inspections", "0"), "Violation 1 is not written '<code>. <TITLE> - Comments: <text>'."),
            Refusal(("inspections", "1"), "Violation 1 has the code 60, which the 2010 codebook lacks."),
        ),
        (),
    )
    assert read.ids[0] is None and set(read.described.inspections["establishment_id"]) == {read.ids[1]}


def test_what_is_not_known_is_named():
    _, _, nothing = one({})
    assert nothing == (
        *("its name", "its risk class", "its zip code", "its location", "its kind of facility", "any past visit"),
        "when its licence began",
    )
    visit = {**VISIT, "inspection_date": date(2018, 9, 3), "inspection_type": "WIBBLE", "violations": None}
    visits = [visit, {**visit, "inspection_type": None, "violation_codes": [{"code": 38}, {"code": 55}]}]
    _, _, lost = one(KNOWN, facility_type="wibble", zip="6060", latitude=52.5, inspections=visits)
    assert lost == (
        *("its zip code", "its location", "its zip code has no five digits", "its location lies outside the city"),
        "its kind of facility is in no vocabulary, and counts as Other",
        "inspections.0: its type is in no vocabulary, and counts as Other",
        "inspections.0: its violations, which count as none",
        "inspections.1: its type",
        "inspections.1: the severity of 38, 55, which count as core",
    )


def test_what_is_not_known_of_a_place_of_the_city_is_named_alike():
    row = {**dict.fromkeys(PLACE_TYPES), "dba_name": "A", "facility_type": "Unknown", "latitude": 41.9}
    assert missing(row, 1) == ["its risk class", "its zip code", "its kind of facility"]
    assert missing({**row, "risk": 1, "zip": "60601", "facility_type": "School"}, 0) == ["any past visit"]


def test_a_licence_is_one_for_food_from_its_day_on():
    read = describe([{}, {"license_start_date": date(2018, 12, 3)}], AS_OF)
    (term,) = plain(read.described.business_licenses)
    assert (term["license_code"], term["license_start_date"], term["expiration_date"]) == (
        1006,
        date(2018, 12, 3),
        None,
    )
    assert f"L{term['license_number']}" == read.ids[1]


def test_nobody_is_described():
    read = describe([], AS_OF)
    assert read.ids == () and len(read.described.places) == 0
    assert isinstance(read.described.places, pd.DataFrame)
