import pandas as pd
import pytest
import requests

from food_inspections_portal.city.establishments import REGIONS
from food_inspections_portal.sources import INSPECTIONS

SYSTEM = {":id", ":created_at", ":updated_at", ":version"}


def test_star_has_computed_regions_but_no_system_fields(portal):
    (row,) = portal.get(limit=1, where="latitude is not null")
    assert SYSTEM.isdisjoint(row)
    assert set(REGIONS) <= set(row)


def test_computed_regions_vanish_under_an_order_unless_they_are_named(portal):
    (row,) = portal.get(select=":*,*", order=":id", limit=1, where="latitude is not null")
    assert set(row) >= SYSTEM and set(REGIONS).isdisjoint(row)
    (row,) = portal.get(select=f":*,*,{','.join(REGIONS)}", order=":id", limit=1, where="latitude is not null")
    assert set(row) >= SYSTEM | set(REGIONS)


def test_values_are_strings_absent_values_are_missing_and_location_is_nested(portal, rows):
    unnamed = rows[rows["aka_name"].isna() & rows["latitude"].notna()].iloc[0]
    (row,) = portal.get(where=f":id = '{unnamed[':id']}'", select="*")
    assert "aka_name" not in row
    location = row.pop("location")
    assert location == {
        "latitude": unnamed["latitude"],
        "longitude": unnamed["longitude"],
        "human_address": '{"address": "", "city": "", "state": "", "zip": ""}',
    }
    assert row == {name: value for name, value in unnamed.items() if not pd.isna(value) and name not in SYSTEM}
    bare = rows[rows["latitude"].isna()].iloc[0]
    (row,) = portal.get(where=f":id = '{bare[':id']}'")
    assert "location" not in row


def test_limit_is_1000_unless_given_and_offset_skips(portal, rows):
    assert len(portal.get()) == 1000
    ids = sorted(rows[":id"])
    assert [row[":id"] for row in portal.get(select=":id", order=":id", limit=5, offset=7)] == ids[7:12]
    assert portal.get(order=":id", offset=len(rows)) == []
    assert portal.get(limit=0) == []


def test_pages_under_id_are_the_whole_dataset_once(portal, rows):
    received: list[str] = []
    while page := portal.get(select=":id", order=":id", limit=700, offset=len(received)):
        received += [row[":id"] for row in page]
    assert received == sorted(rows[":id"])


@pytest.mark.parametrize("order", [None, "inspection_date"])
def test_pages_without_a_total_order_are_not(portal, rows, order):
    clauses = {} if order is None else {"order": order}
    received = [
        row[":id"]
        for offset in range(0, len(rows), 50)
        for row in portal.get(select=":id", limit=50, offset=offset, **clauses)
    ]
    assert len(received) == len(rows) and len(set(received)) < len(rows)
    again = portal.get(select=":id", limit=50, **clauses)
    assert [row[":id"] for row in again] == received[:50]


def test_order_is_by_type_and_direction(portal, rows):
    numbers = pd.to_numeric(rows["inspection_id"]).dropna().astype(int)
    received = portal.get(select="inspection_id", order="inspection_id", limit=50_000)
    assert [int(row["inspection_id"]) for row in received if row] == sorted(numbers)
    received = portal.get(
        select="inspection_date,inspection_id", order="inspection_date DESC, inspection_id", limit=2000
    )
    keys = [(row["inspection_date"], -int(row["inspection_id"])) for row in received]
    assert keys == sorted(keys, reverse=True)


def test_groups_with_aggregates_aliases_and_having(portal, rows):
    received = portal.get(
        select="date_trunc_ymd(inspection_date) as day,count(*) as count,max(:updated_at) as updated",
        group="day",
        order="day",
        limit=50_000,
    )
    days = rows.groupby("inspection_date")[":updated_at"].agg(["size", "max"])
    assert [(row["day"], row["count"], row["updated"]) for row in received] == [
        (day, str(size), newest) for day, size, newest in days.itertuples()
    ]
    few = portal.get(select="results,count(*)", group="results", having="count(*) > 100", order="count(*) desc")
    counts = rows["results"].value_counts()
    assert [(row["results"], int(row["count"])) for row in few] == list(counts[counts > 100].items())


def test_aggregates_without_groups(portal, rows):
    numbers = pd.to_numeric(rows["inspection_id"])
    (received,) = portal.get(
        select="count(*),count(aka_name),count(distinct zip) as zips,min(inspection_id),sum(inspection_id),"
        "avg(inspection_id) as mean,max(inspection_date)"
    )
    assert received["count"] == str(len(rows))
    assert received["count_aka_name"] == str(rows["aka_name"].notna().sum())
    assert received["zips"] == str(rows["zip"].nunique())
    assert received["min_inspection_id"] == str(numbers.min())
    assert float(received["sum_inspection_id"]) == numbers.sum()
    assert float(received["mean"]) == pytest.approx(numbers.mean())
    assert received["max_inspection_date"] == rows["inspection_date"].max()
    assert portal.get(select="count(*)", where="zip = '00000'") == [{"count": "0"}]


def test_functions_and_plain_filters(portal, rows):
    (received,) = portal.get(select="upper(results) as loud,lower(city) as low", limit=1, where="city is not null")
    assert received["loud"].isupper() and received["low"].islower()
    years = portal.get(select="date_trunc_y(inspection_date) as y,date_extract_m(inspection_date) as m", limit=1)
    assert years[0]["y"].endswith("-01-01T00:00:00.000") and 1 <= int(years[0]["m"]) <= 12
    answer = requests.get(portal.url, params={"results": "Fail", "$limit": "50000"}, timeout=60).json()
    assert len(answer) == (rows["results"] == "Fail").sum()
    number = rows["inspection_id"].dropna().iloc[3]
    assert len(requests.get(portal.url, params={"inspection_id": number}, timeout=60).json()) == 1


@pytest.mark.parametrize(
    ("parameters", "code"),
    [
        ({"$select": "nothing"}, "query.soql.no-such-column"),
        ({"$where": "nothing = 1"}, "query.soql.no-such-column"),
        ({"nothing": "1"}, "query.soql.no-such-column"),
        ({"$select": "sleep(1)"}, "query.soql.no-such-function"),
        ({"$where": "read_text('x') = 'y'"}, "query.soql.no-such-function"),
        ({"$where": "results ="}, "query.compiler.malformed"),
        ({"$where": "1=1; drop table x"}, "query.compiler.malformed"),
        ({"$where": "1=1) union select (1"}, "query.compiler.malformed"),
        ({"$where": "results = 'x' limit 1"}, "query.compiler.malformed"),
        ({"$where": "results in (select results from t)"}, "query.compiler.malformed"),
        ({"$where": "(" * 3000 + "1=1" + ")" * 3000}, "query.compiler.malformed"),
        ({"$select": "* exclude (zip)"}, "query.compiler.malformed"),
        ({"$select": "results from other"}, "query.compiler.malformed"),
        ({"$order": "zip, (select 1)"}, "query.compiler.malformed"),
        ({"$where": "zip = 60601"}, "query.soql.type-mismatch"),
        ({"$where": "inspection_date > 'soon'"}, "query.soql.type-mismatch"),
        ({"$where": "inspection_id like '1%'"}, "query.soql.type-mismatch"),
        ({"$where": "zip"}, "query.soql.type-mismatch"),
        ({"$where": "count(*) > 1"}, "query.soql.aggregate-in-ungrouped-context"),
        ({"$select": "results,count(*)"}, "query.soql.column-not-in-group-bys"),
        ({"$select": "count(*)", "$group": "zip", "$order": "city"}, "query.soql.column-not-in-group-bys"),
        (
            {"$select": "count(*)", "$group": "zip", "$having": "city = 'x'"},
            "query.soql.column-not-in-group-bys",
        ),
        ({"$q": "pizza"}, "invalid_request"),
        ({"$query": "select *"}, "invalid_request"),
        ({"$limit": "50001"}, "invalid_request"),
        ({"$limit": "-1"}, "invalid_request"),
        ({"$offset": "x"}, "invalid_request"),
    ],
)  # fmt: skip
def test_what_is_not_soql_is_refused_with_the_portals_code(portal, parameters, code):
    assert portal.refused(**parameters) == code


def test_literals_are_never_sql(portal):
    assert portal.get(where="results = 'Fail'' or ''1''=''1'") == []
    assert portal.get(where="dba_name = '\"; drop table rows_0; --'") == []
    assert portal.get(select="count(*)")[0]["count"] != "0"


def test_unknown_dataset_and_method(portal):
    answer = requests.get(f"{portal.server.url}/resource/aaaa-bbbb.json", timeout=60)
    assert (answer.status_code, answer.json()["code"]) == (404, "dataset.missing")
    assert requests.put(portal.url, json=[], timeout=60).status_code == 405
    assert requests.get(f"{portal.server.url}/elsewhere", timeout=60).json()["code"] == "not_found"


def test_metadata_says_that_it_is_simulated(portal, rows):
    view = portal.metadata()
    assert view["id"] == INSPECTIONS
    assert view["name"] == "Food Inspections (SIMULATED CITY, not real data)"
    assert "no row describes a real business" in view["attribution"]
    newest = pd.Timestamp(rows[":updated_at"].max())
    assert view["rowsUpdatedAt"] == view["viewLastModified"] == int(newest.timestamp())
    types = {column["fieldName"]: column["dataTypeName"] for column in view["columns"]}
    assert types["inspection_date"] == "calendar_date" and types["inspection_id"] == "number"
    assert types["location"] == "location" and types["zip"] == "text"
    assert set(REGIONS) <= set(types) and SYSTEM.isdisjoint(types)


def test_headers_name_the_fields(portal):
    answer = portal.ask(select="zip,inspection_id", limit=1)
    assert answer.headers["X-SODA2-Fields"] == '["zip","inspection_id"]'
    assert answer.headers["X-SODA2-Types"] == '["text","number"]'
    assert answer.headers["Content-Type"].startswith("application/json")
