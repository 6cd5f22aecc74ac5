from datetime import date

import pandas as pd
import pyarrow as pa

from food_inspections_dagster.inspections.places import register
from food_inspections_dagster.inspections.schemas import ESTABLISHMENTS
from food_inspections_dagster.schemas import validated
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.inspections.features.histories import source

WEEK_OF = date(2013, 2, 4)
NOBODY = pd.Series([], dtype=pd.ArrowDtype(pa.string()))


def on(day: str, **values) -> dict:
    return {"inspection_date": day} | values


def ids(*names):
    return pd.Series(list(names), dtype=pd.ArrowDtype(pa.string()))


def test_closed_places_are_known_and_who_is_listed_says_so(history):
    inspections = history(
        on("2012-01-05", license_="1"),
        on("2012-01-05", license_="2"),
        on("2012-05-03", license_="2", results="Out of Business"),
        on("2005-01-05", license_="3"),
    )
    rows = register(WEEK_OF, inspections, ids("L1"), 1095)
    validated(ESTABLISHMENTS, rows)
    assert rows["establishment_id"].tolist() == ["L1", "L2", "L3"]
    assert rows["is_listed"].tolist() == [True, False, False]
    assert rows["last_result"].tolist() == ["Pass", "Out of Business", "Pass"]
    assert rows["first_inspection_date"].tolist() == [date(2012, 1, 5), date(2012, 1, 5), date(2005, 1, 5)]
    assert rows["visits"].tolist() == [1, 2, 1]


def test_what_comes_after_the_week_changes_nothing(history):
    before = [on("2013-02-10", license_="1", dba_name="OLD", zip="60601")]
    later = [on("2013-02-11", license_="1", dba_name="NEW", zip="60629"), on("2013-02-11", license_="2")]
    known = register(WEEK_OF, history(*before), ids("L1"), 1095)
    assert register(WEEK_OF, history(*before, *later), ids("L1"), 1095).equals(known)
    assert known[["dba_name", "zip", "side"]].iloc[0].tolist() == ["OLD", "60601", "Central"]


def test_groups_are_known_where_a_place_has_a_name_and_a_point(history):
    shops = [on("2013-02-05", license_=str(n), dba_name="SUBWAY", address=f"{n} W LAKE ST") for n in (1, 2, 3)]
    nowhere = on("2013-02-05", license_="4", dba_name="OTHER", latitude=None, longitude=None, zip=None)
    square = '{"type": "Polygon", "coordinates": [[[-88, 41], [-87, 41], [-87, 43], [-88, 43], [-88, 41]]]}'
    areas = source("community_areas", [{"week": WEEK_OF, "number": 1, "name": "LOOP", "geometry": square}])
    rows = register(WEEK_OF, history(*shops, nowhere), NOBODY, 1095, community_areas=areas).set_index(
        "establishment_id"
    )
    assert rows["chain_or_single"].tolist() == ["chain", "chain", "chain", "single"]
    assert rows["community_area"].tolist()[:3] == ["LOOP"] * 3 and pd.isna(rows.loc["L4", "community_area"])
    assert rows.loc["L4", "side"] == "Unknown"


def test_who_has_a_licence_and_no_visit_is_known(history):
    licence = {"license_number": 9, "license_start_date": WEEK_OF, "expiration_date": WEEK_OF + 50 * WEEK}
    licences = source("business_licenses", [licence | {"doing_business_as_name": "NEW", "license_code": 1006}])
    rows = register(WEEK_OF, history(), ids("L9"), 1095, business_licenses=licences)
    assert rows["establishment_id"].tolist() == ["L9"] and rows["visits"].tolist() == [0]
    assert rows[["first_inspection_date", "last_result"]].isna().all(axis=None)
