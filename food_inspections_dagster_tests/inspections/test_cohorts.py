from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.inspections.cohorts import (
    ATTRIBUTES,
    WINDOW_DAYS,
    active_establishments,
    in_cohort,
)
from food_inspections_dagster_tests.inspections.features.histories import source

AS_OF = date(2013, 2, 4)


def on(day: str, **values) -> dict:
    return {"inspection_date": day} | values


def test_a_place_seen_before_the_date_is_active_and_one_seen_on_it_is_not(history):
    inspections = history(on("2013-02-03", license_="1"), on("2013-02-04", license_="2"))
    assert active_establishments(inspections, AS_OF)["establishment_id"].tolist() == ["L1"]


@pytest.mark.parametrize("result", ["Out of Business", "Business Not Located"])
def test_a_closed_place_is_out_until_it_is_seen_again(history, result):
    closed = [on("2012-01-05"), on("2012-05-03", results=result)]
    assert active_establishments(history(*closed), AS_OF).empty
    assert len(active_establishments(history(*closed, on("2012-06-01", results="No Entry")), AS_OF)) == 1


def test_the_window_ends_after_three_years(history):
    edge = AS_OF - timedelta(days=WINDOW_DAYS)
    inspections = history(on(str(edge), license_="1"), on(str(edge - timedelta(days=1)), license_="2"))
    assert active_establishments(inspections, AS_OF)["establishment_id"].tolist() == ["L1"]
    assert len(active_establishments(inspections, AS_OF, window_days=WINDOW_DAYS + 1)) == 2


def test_attributes_are_the_latest_known(history):
    inspections = history(
        on("2012-01-05", dba_name="OLD", facility_type="School", zip="60601", risk="Risk 1 (High)"),
        on("2012-05-03", dba_name="NEW", facility_type=None, zip=None, risk="All", results="Fail"),
    )
    row = active_establishments(inspections, AS_OF).iloc[0]
    assert (row["dba_name"], row["facility_type"], row["zip"], row["risk"]) == ("NEW", "School", "60601", 1)
    assert (row["last_inspection_date"], row["last_result"], row["visits"]) == (date(2012, 5, 3), "Fail", 2)


def test_columns_and_types_even_when_nobody_is_active(history):
    inspections = history(on("2012-01-05"))
    for table in (
        active_establishments(inspections, AS_OF),
        active_establishments(inspections.iloc[:0], AS_OF),
    ):
        names = ["establishment_id", *ATTRIBUTES, "last_inspection_date", "last_result", "visits"]
        assert table.columns.tolist() == names
        assert all(table[name].dtype == inspections[name].dtype for name in ATTRIBUTES)


def test_membership_in_bulk_is_that_of_each_list(real_raw):
    inspections = clean(real_raw("inspections_full_text")).inspections
    names = sorted(set(inspections["establishment_id"]))
    for day in (date(2012, 1, 2), date(2014, 9, 1), date(2020, 2, 3)):
        listed = active_establishments(inspections, day)["establishment_id"].tolist()
        spine = pd.DataFrame(
            {
                "establishment_id": pd.array(names, pd.ArrowDtype(pa.string())),
                "as_of_date": pd.array([day] * len(names), pd.ArrowDtype(pa.date32())),
            }
        )
        member = in_cohort(spine, inspections).to_pylist()
        assert listed == [name for name, active in zip(names, member, strict=True) if active]
        assert 0 < len(listed) < len(names)
        past = inspections[inspections["inspection_date"] < day]
        assert active_establishments(past, day).equals(active_establishments(inspections, day))


TERM = {
    "license_number": 7, "license_start_date": date(2012, 6, 1), "expiration_date": date(2014, 5, 31),
    "license_code": 1006, "doing_business_as_name": "NEW CAFE", "address": "1 N STATE ST", "zip": "60601",
    "latitude": 41.9, "longitude": -87.65,
}  # fmt: skip


@pytest.mark.parametrize(
    ("term", "new"),
    [
        ({}, True),
        ({"license_start_date": AS_OF}, False),
        ({"license_start_date": AS_OF - timedelta(days=1)}, True),
        ({"expiration_date": AS_OF - timedelta(days=1)}, False),
        ({"expiration_date": AS_OF}, True),
        ({"expiration_date": None}, True),
        ({"license_code": 1470}, False),
    ],
)
def test_a_place_with_a_licence_for_food_is_active_before_its_first_visit(history, term, new):
    licences = source("business_licenses", [TERM | term])
    listed = active_establishments(history(on("2013-02-03")), AS_OF, business_licenses=licences)
    assert ("L7" in listed["establishment_id"].tolist()) == new and len(listed) == 1 + new
    spine = pd.DataFrame({"establishment_id": ["L7", "L30790"], "as_of_date": [AS_OF, AS_OF]})
    spine["as_of_date"] = spine["as_of_date"].astype(pd.ArrowDtype(pa.date32()))
    assert in_cohort(spine, history(on("2013-02-03")), business_licenses=licences).to_pylist() == [new, True]


def test_a_new_place_is_what_its_newest_term_says_and_has_no_last_visit(history):
    moved = TERM | {"license_start_date": date(2013, 1, 5), "address": "2 S STATE ST", "license_code": 1584}
    later = TERM | {"license_start_date": AS_OF, "address": "3 W LAKE ST"}
    licences = source("business_licenses", [moved, TERM, later])
    row = active_establishments(history(), AS_OF, business_licenses=licences).iloc[0]
    assert row[["dba_name", "address", "zip", "facility_type", "license_"]].tolist() == [
        "NEW CAFE", "2 S STATE ST", "60601", "Daycare", 7,
    ]  # fmt: skip
    assert row[["risk", "last_inspection_date", "last_result"]].isna().all()


def test_a_place_that_was_found_closed_is_not_new_whatever_its_licence_says(history):
    licences = source("business_licenses", [TERM | {"license_number": 30790}])
    closed = history(on("2012-07-03", results="Out of Business"))
    assert active_establishments(closed, AS_OF, business_licenses=licences).empty
