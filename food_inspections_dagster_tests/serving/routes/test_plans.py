from collections import Counter

import pytest
from starlette.testclient import TestClient

from food_inspections_dagster.serving.app import create_app


@pytest.fixture(scope="module")
def client(stored_city):
    with TestClient(create_app(stored_city.settings)) as client:
        yield client


def test_a_week_is_planned_from_the_published_list(client):
    asked = {"inspectors": 3, "visits_per_day": 4, "days": 2}
    answer = client.post("/v1/plan", json=asked)
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert len(made["visits"]) == 24 <= made["places"]
    assert set(Counter((v["inspector"], v["day"]) for v in made["visits"]).values()) == {4}
    listed = client.get("/v1/priorities", params={"limit": 24}).json()
    assert made["publication"] == listed["publication"]
    assert {v["establishment_id"] for v in made["visits"]} == {i["establishment_id"] for i in listed["items"]}
    assert made["expected_finds"] == pytest.approx(listed["items"][-1]["expected_finds"])
    assert client.post("/v1/plan", json=asked).content == answer.content


def test_filters_and_rules_act(client):
    sides = {row["side"] for row in client.get("/v1/priorities", params={"limit": 500}).json()["items"]}
    side = sorted(sides)[0]
    rule = {"facility_types": ["Restaurant"], "days_since_last_visit": 30}
    asked = {"inspectors": 1, "visits_per_day": 2, "sides": [side], "label": "critical_violation", "must_visit": [rule]}
    made = client.post("/v1/plan", json=asked).json()
    assert made["label"] == "critical_violation"
    assert {share["group"] for share in made["shares"] if share["attribute"] == "side"} == {side}
    must = [visit for visit in made["visits"] if visit["is_must"]]
    assert must and {visit["facility_type"] for visit in must} == {"Restaurant"}


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"inspectors": 0, "visits_per_day": 1},
        {"inspectors": 1, "visits_per_day": 1, "unknown": 1},
        {"inspectors": 1, "visits_per_day": 1, "zips": ["\0"]},
        {"inspectors": 1, "visits_per_day": 1, "must_visit": [{}] * 21},
        {"inspectors": 1, "visits_per_day": 1, "week": "2010-01-05x"},
    ],
)
def test_what_cannot_be_planned_is_refused(client, asked):
    answer = client.post("/v1/plan", json=asked)
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"


def test_a_week_that_is_not_published_is_named(client):
    answer = client.post("/v1/plan", json={"inspectors": 1, "visits_per_day": 1, "week": "2010-01-04"})
    assert answer.status_code == 404 and "2010-01-04 is not published" in answer.json()["detail"]
