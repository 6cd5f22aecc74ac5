import csv
import io
import threading

import orjson
import pyarrow.parquet as pq
import pytest
from starlette.testclient import TestClient

from food_inspections_dagster import schemas
from food_inspections_dagster.catalog import PRIORITIES
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.serving.app import create_app
from food_inspections_dagster.serving.documents import PRIORITY_COLUMNS, PrioritiesPage
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.serving.publishing import republish

ADDRESS = "/v1/priorities"


def items(client, **query):
    answer = client.get(ADDRESS, params={"limit": 5000, **query})
    assert answer.status_code == 200, answer.text
    return answer.json()["items"]


@pytest.fixture(scope="module")
def whole(client):
    return items(client)


def test_the_list_that_is_published_first_comes_by_rank(client, stored_city):
    page = client.get(ADDRESS).json()
    PrioritiesPage.model_validate(page)
    stored = stored_city.table(str(PRIORITIES))
    stored = stored[(stored["label"] == "failed") & (stored["week"] == CITY[-1])].sort_values("rank")
    assert page["label"] == "failed" and page["total"] == len(stored) > 100
    assert page["publication"]["week"] == str(CITY[-1])
    assert [item["establishment_id"] for item in page["items"]] == stored["establishment_id"].head(100).tolist()
    assert page["items"][0]["expected_find"] == stored["expected_find"].iloc[0]


def test_a_week_and_a_label_are_named(client):
    earlier = items(client, week=CITY[-2], label="critical_violation")
    assert {item["reason_1"] for item in earlier} == {"the week before"}
    missing = client.get(ADDRESS, params={"week": "2031-01-06"})
    assert missing.status_code == 404 and "/v1/weeks lists" in missing.json()["detail"]


@pytest.mark.parametrize("attribute", ["facility_type", "risk", "zip", "community_area", "side"])
def test_filters_leave_what_they_name(client, whole, attribute):
    values = sorted({item[attribute] for item in whole} - {None, "Unknown"})[:2]
    left = items(client, **{attribute: values})
    assert left == [item for item in whole if item[attribute] in values]
    assert 0 < len(left) < len(whole)


def test_a_box_a_probability_and_words_narrow_too(client, whole):
    placed = [item for item in whole if item["latitude"] is not None]
    west, east = sorted(item["longitude"] for item in placed)[len(placed) // 4 : len(placed) : len(placed) // 2][:2]
    inside = [item for item in placed if west <= item["longitude"] <= east]
    assert items(client, bbox=f"{west:.15f},41,{east:.15f},43") == inside and 0 < len(inside) < len(placed)
    least = whole[len(whole) // 2]["expected_find"]
    assert items(client, min_probability=least) == [item for item in whole if item["expected_find"] >= least]
    name = next(item for item in whole if item["dba_name"] and " " in item["dba_name"])
    words = f"{name['dba_name'].split()[-1].lower()} {name['address'].split()[0]}"
    assert name["establishment_id"] in {item["establishment_id"] for item in items(client, q=words)}
    assert items(client, q="%") == [] and items(client, q="no_such_word") == []


@pytest.mark.parametrize("sort", ["rank", "-expected_find", "own_risk", "name", "-last_inspection_date", "zip"])
def test_pages_in_any_order_are_the_whole_list_once(client, whole, sort):
    ids, query = [], {"sort": sort, "limit": 497}
    while query:
        page = client.get(ADDRESS, params=query)
        ids += [item["establishment_id"] for item in page.json()["items"]]
        following = page.json()["next"]
        assert ("next" in page.links) == (following is not None)
        query = {**query, "cursor": following} if following else None
    assert len(ids) == len(set(ids)) == len(whole)
    name = sort.removeprefix("-")
    if name in ("expected_find", "own_risk"):
        values = {item["establishment_id"]: item[name] for item in whole}
        there = [values[one] for one in ids]
        assert there == sorted(there, reverse=sort.startswith("-"))


def test_every_format_holds_the_same_rows(client, whole):
    table = client.get(ADDRESS, headers={"accept": "text/csv"})
    rows = list(csv.DictReader(io.StringIO(table.text)))
    assert [row["establishment_id"] for row in rows] == [item["establishment_id"] for item in whole]
    assert table.headers["content-disposition"] == f'attachment; filename="priorities-failed-{CITY[-1]}.csv"'
    places = client.get(ADDRESS, params={"format": "geojson"})
    assert places.headers["content-type"] == "application/geo+json"
    feature = places.json()["features"][0]
    assert feature["geometry"]["coordinates"] == [whole[0]["longitude"], whole[0]["latitude"]]
    file = client.get(ADDRESS, headers={"accept": "application/vnd.apache.parquet"})
    parquet = pq.read_table(io.BytesIO(file.content))
    types = schemas.arrow_types(PRIORITIES.schema)
    assert parquet.schema.names == list(PRIORITY_COLUMNS)
    assert [field.type for field in parquet.schema] == [types[name] for name in PRIORITY_COLUMNS]
    assert parquet["expected_find"].to_pylist() == [item["expected_find"] for item in whole]
    about = orjson.loads(parquet.schema.metadata[b"food_inspections"])
    assert about["publication"]["week"] == str(CITY[-1])


def test_a_format_that_there_is_not_is_refused(client):
    assert client.get(ADDRESS, headers={"accept": "image/png"}).status_code == 406
    assert client.get(ADDRESS, params={"format": "xml"}).status_code == 422


INJECTIONS = [
    "' OR '1'='1",
    "'; DROP TABLE api.priorities; --",
    "1); SELECT pg_sleep(30); --",
    "' UNION SELECT rolpassword FROM pg_authid --",
    "%' OR 1=1 --",
    "{priorities}",
    "%(week)s",
    "%s",
    "\\'; SELECT 1; --",
    "$1",
    "${jndi:ldap://localhost/a}",
    "../../etc/passwd",
    "<script>alert(1)</script>",
    "\x00",
    "\ud7ff\uffff",
]


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("name", ["q", "facility_type", "community_area", "zip", "sort", "cursor", "week", "bbox"])
def test_what_is_sent_is_never_sql(client, whole, name, text):
    answer = client.get(ADDRESS, params={name: text, "limit": 5000})
    assert answer.status_code in (200, 409, 422)
    if answer.status_code == 200:
        assert answer.json()["items"] == []
    else:
        assert answer.headers["content-type"] == "application/problem+json"
    if "\x00" in text:
        assert answer.status_code == 422
    assert len(items(client)) == len(whole)


def test_a_cursor_belongs_to_one_publication(copy_of_city):
    settings = copy_of_city()
    with TestClient(create_app(settings)) as client:
        cursor = client.get(ADDRESS, params={"limit": 5}).json()["next"]
        assert client.get(ADDRESS, params={"limit": 5, "cursor": cursor}).status_code == 200
        other = client.get(ADDRESS, params={"limit": 5, "cursor": cursor, "sort": "name"})
        assert other.status_code == 409 and "for the order rank" in other.json()["detail"]
        republish(Database.from_settings(settings), CITY[-1], CITY[-1], "again")
        stale = client.get(ADDRESS, params={"limit": 6, "cursor": cursor})
        assert stale.status_code == 409 and "published anew" in stale.json()["detail"]


def test_readers_meet_no_error_and_no_mixture_while_a_week_is_published_again(copy_of_city):
    settings = copy_of_city()
    database = Database.from_settings(settings)
    republish(database, CITY[-1], CITY[-1], "word 0")
    done, seen, faults = threading.Event(), [], []

    def read(client, number):
        # Queries that differ are made anew, the same one comes from what is kept.
        queries = ["limit=5000", f"limit=5000&min_probability=0.0000{number}", "limit=5000&sort=name"]
        while not done.is_set():
            for query in queries:
                answer = client.get(f"{ADDRESS}?{query}")
                if answer.status_code != 200:
                    faults.append(answer.text)
                    return
                page = answer.json()
                words = {item["reason_1"] for item in page["items"]}
                seen.append((page["publication"]["publication_id"], *words))
                if len(words) != 1 or len(page["items"]) != page["total"]:
                    faults.append(f"a mixture: {words}")

    with TestClient(create_app(settings)) as client:
        readers = [threading.Thread(target=read, args=(client, number)) for number in range(4)]
        for reader in readers:
            reader.start()
        for number in range(1, 6):
            republish(database, CITY[-1], CITY[-1], f"word {number}")
        done.set()
        for reader in readers:
            reader.join()
        last = client.get(f"{ADDRESS}?limit=5000&risk=1").json()
    assert faults == []
    # Each publication has one word, whoever read it.
    assert len(dict(seen)) == len(set(seen)) > 1
    assert {item["reason_1"] for item in last["items"]} == {"word 5"}
