import csv
import io

import pytest

from food_inspections_dagster.catalog import ESTABLISHMENTS, INSPECTIONS, PUBLISHED_LIST, VIOLATIONS
from food_inspections_dagster.serving.documents import EstablishmentDocument, EstablishmentsPage
from food_inspections_dagster_tests.defs.city import CITY

ADDRESS = "/v1/establishments"


@pytest.fixture(scope="module")
def register(stored_city):
    known = stored_city.table(str(ESTABLISHMENTS))
    return known[known["week"] == CITY[-1]]


def test_everybody_who_is_known_comes_by_name(client, register):
    page = client.get(ADDRESS, params={"limit": 5000}).json()
    EstablishmentsPage.model_validate(page)
    assert page["total"] == len(page["items"]) == len(register) and page["next"] is None
    assert {item["establishment_id"] for item in page["items"]} == set(register["establishment_id"])
    closed = client.get(ADDRESS, params={"is_listed": False, "limit": 5000}).json()
    assert closed["total"] == (~register["is_listed"]).sum() > 0


def test_pages_are_the_register_once(client, register):
    ids, cursor = [], None
    while cursor or not ids:
        page = client.get(ADDRESS, params={"limit": 700, **({"cursor": cursor} if cursor else {})}).json()
        ids += [item["establishment_id"] for item in page["items"]]
        cursor = page["next"]
    assert len(ids) == len(set(ids)) == len(register)


def test_words_find_by_name_address_licence_and_id(client, register):
    one = register[register["dba_name"].notna() & register["license_"].gt(0)].iloc[0]
    for words in (one.dba_name.lower(), one.address, str(one.license_), one.establishment_id):
        there = client.get(ADDRESS, params={"q": words, "limit": 5000}).json()["items"]
        assert one.establishment_id in {item["establishment_id"] for item in there}
    text = client.get(ADDRESS, params={"q": one.establishment_id, "format": "csv"}).text
    assert one.dba_name in [row["dba_name"] for row in csv.DictReader(io.StringIO(text))]


def test_one_has_its_history_its_scores_and_where_they_come_from(client, stored_city):
    inspections = stored_city.table(PUBLISHED_LIST.copy_of(INSPECTIONS))
    violations = stored_city.table(PUBLISHED_LIST.copy_of(VIOLATIONS))
    listed = {item["establishment_id"] for item in client.get("/v1/priorities?limit=5000").json()["items"]}
    visits = inspections[inspections["establishment_id"].isin(listed)].groupby("establishment_id").size()
    known = visits.idxmax()
    document = client.get(f"{ADDRESS}/{known}").json()
    EstablishmentDocument.model_validate(document)
    assert document["establishment"]["establishment_id"] == known
    of_place = inspections[inspections["establishment_id"] == known]
    assert sorted(one["inspection_id"] for one in document["inspections"]) == sorted(of_place["inspection_id"])
    dates = [one["inspection_date"] for one in document["inspections"]]
    assert dates == sorted(dates, reverse=True)
    cited = violations[violations["inspection_id"].isin(of_place["inspection_id"])]
    assert sum(len(one["violations"]) for one in document["inspections"]) == len(cited) > 0
    # Both weeks and labels; only the present week has a trace.
    assert {(one["week"], one["label"]) for one in document["scores"]} == {
        (str(week), label) for week in CITY[-2:] for label in ("failed", "critical_violation")
    }
    present = {one["label"]: one for one in document["scores"] if one["week"] == str(CITY[-1])}
    for trace in document["trace"]:
        assert trace["model_id"] == present[trace["label"]]["model_id"]
        assert trace["list_hash"] == document["publication"]["content_hash"]
        assert trace["hashes"]["data_hash"]
    assert len(document["trace"]) == 2


def test_an_earlier_week_knows_nothing_later(client):
    known = client.get(ADDRESS, params={"week": str(CITY[-2]), "limit": 300}).json()["items"]
    weeks = set()
    for item in known[::30]:
        document = client.get(f"{ADDRESS}/{item['establishment_id']}", params={"week": str(CITY[-2])}).json()
        weeks |= {one["week"] for one in (*document["inspections"], *document["scores"])}
    assert max(weeks) <= str(CITY[-2])


@pytest.mark.parametrize(("name", "status"), [("L1", 404), ("A0123456789abcdef", 404), ("X1", 422), ("L1'--", 422)])
def test_who_is_not_known_is_not_there(client, name, status):
    answer = client.get(f"{ADDRESS}/{name}")
    assert answer.status_code == status and answer.headers["content-type"] == "application/problem+json"
