"""``/v1/predict`` over the small city's publication, with the process that predicts."""

import pandas as pd
import pytest
from starlette.testclient import TestClient

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.serving.app import create_app
from food_inspections_dagster.serving.front import Access
from food_inspections_dagster.serving.keys import create
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.serving.conftest import changed

NUMBERS = ("expected_find", "expected_find_low", "expected_find_high", "own_risk", "priority")
VISIT = {"inspection_date": "2010-02-01", "inspection_type": "Canvass", "results": "Pass", "violations": ""}


@pytest.fixture(scope="module")
def client(stored_city):
    with TestClient(create_app(changed(stored_city.settings, request_seconds=3_600))) as client:
        yield client


def listed_of(client, **asked):
    return client.get("/v1/priorities", params={"limit": 1000, **asked}).json()["items"]


@pytest.mark.parametrize("label", ["failed", "critical_violation"])
def test_everybody_on_the_list_has_the_published_numbers_in_batches(client, label):
    items = listed_of(client, label=label)
    assert len(items) > 300
    ids = [{"establishment_id": item["establishment_id"]} for item in items]
    answer = client.post("/v1/predict", json={"label": label, "establishments": ids})
    assert answer.status_code == 200, answer.text
    made = answer.json()
    assert (made["scored"], made["refused"], made["label"]) == (len(items), 0, label)
    assert made["as_of_date"] == items[0]["as_of_date"] and made["model_id"] == items[0]["model_id"]
    assert made["model_group"] == items[0]["model_group"]
    for item, one in zip(items, made["predictions"], strict=True):
        assert {name: one[name] for name in NUMBERS} == {name: item[name] for name in NUMBERS}
        assert one["reasons"] == [item[f"reason_{i}"] for i in (1, 2, 3) if item[f"reason_{i}"] is not None]
        for name in ("establishment_id", "rank", "caution", "dba_name", "facility_type", "visits"):
            assert one[name] == item[name], name
        assert one["in_cohort"] and one["note"] is None


def test_a_batch_of_a_thousand_is_answered_in_its_order_and_one_more_is_refused(client):
    name = listed_of(client, limit=1)[0]["establishment_id"]
    pair = [{"establishment_id": name}, {"reference": "mine", "dba_name": "TACOS", "inspections": [VISIT] * 2}]
    made = client.post("/v1/predict", json={"establishments": pair * 500}).json()
    assert made["scored"] == 1_000
    assert [one["establishment_id"] for one in made["predictions"]] == [name, None] * 500
    assert [one["reference"] for one in made["predictions"]] == [None, "mine"] * 500
    assert made["predictions"][0] == made["predictions"][998] and made["predictions"][1]["visits"] == 2
    assert made["predictions"][1]["expected_find"] == made["predictions"][999]["expected_find"]
    answer = client.post("/v1/predict", json={"establishments": pair * 500 + pair[:1]})
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    assert client.post("/v1/predict", content=b"x" * 1_100_000).status_code == 413


def test_what_is_refused_says_where_and_the_others_are_answered(client):
    late = {**VISIT, "inspection_date": str(CITY[-1] + pd.Timedelta(days=7))[:10]}
    asked = [
        {"establishment_id": "L999999999"},
        {"dba_name": "TACOS", "inspections": [VISIT, late]},
        {"dba_name": "TACOS", "inspections": [{**VISIT, "violations": "nothing to read"}]},
        {"dba_name": "TACOS", "risk": 1.0, "inspections": [{**VISIT, "violation_codes": [{"code": 3.0}]}]},
    ]
    made = client.post("/v1/predict", json={"establishments": asked}).json()
    unknown, dated, unreadable, fine = made["predictions"]
    assert (made["scored"], made["refused"]) == (1, 3)
    assert unknown["refused"][0]["in"] == ["establishment_id"] and "L999999999" in unknown["refused"][0]["message"]
    assert dated["refused"][0]["in"] == ["inspections", "1", "inspection_date"]
    assert made["as_of_date"] in dated["refused"][0]["message"]
    assert unreadable["refused"][0]["in"] == ["inspections", "0"]
    assert {one["expected_find"] for one in made["predictions"][:3]} == {None} and fine["expected_find"] > 0
    assert "its location" in fine["unknowns"] and fine["blank_features"] is not None


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"establishments": []},
        {"establishments": [{"establishment_id": "L1", "dba_name": "A"}]},
        {"establishments": [{"establishment_id": "1"}]},
        {"establishments": [{"risk": 4}]},
        {"establishments": [{"risk": "1"}]},
        {"establishments": [{"latitude": 400}]},
        {"establishments": [{"dba_name": "\0"}]},
        {"establishments": [{"unknown": 1}]},
        {"establishments": ["L1"]},
        {"establishments": [{"inspections": [{**VISIT, "results": "Perhaps"}]}]},
        {"establishments": [{"inspections": [{**VISIT, "inspection_date": 1}]}]},
        {"establishments": [{"inspections": [{**VISIT, "inspection_date": "2010-02-01T00:00:00"}]}]},
        {"establishments": [{"inspections": [{**VISIT, "violation_codes": [{"code": 0}]}]}]},
        {"establishments": [{"inspections": [VISIT] * 301}]},
        {"establishments": [{"establishment_id": "L1"}], "label": "other"},
        {"establishments": [{"establishment_id": "L1"}], "week": 7},
    ],
)
def test_what_cannot_be_read_is_refused(client, asked):
    answer = client.post("/v1/predict", json=asked)
    assert answer.status_code == 422 and answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["errors"]


def test_a_week_that_is_not_published_is_named(client):
    asked = {"establishments": [{"establishment_id": "L1"}], "week": "2010-01-04"}
    answer = client.post("/v1/predict", json=asked)
    assert answer.status_code == 404 and "2010-01-04 is not published" in answer.json()["detail"]


def test_where_the_data_were_corrected_since_it_is_said(published):
    """The week before shows the newest week's lists, which are not what its own data say."""
    with TestClient(create_app(published)) as client:
        week = str(CITY[-2])
        items = listed_of(client, week=week, limit=50)
        ids = [{"establishment_id": item["establishment_id"]} for item in items]
        made = client.post("/v1/predict", json={"establishments": ids, "week": week}).json()
        assert made["publication"]["week"] == week
        other = [
            (item, one)
            for item, one in zip(items, made["predictions"], strict=True)
            if one["expected_find"] != item["expected_find"]
        ]
        assert other
        for item, one in other:
            assert one["refused"] or f"which says {item['expected_find']:.4f}" in one["note"]
            assert one["rank"] == item["rank"]


def test_a_key_needs_the_scope_compute(copy_of_city):
    settings = copy_of_city()
    with Database.from_settings(settings).connect() as connection:
        keys = {scope: create(connection, scope, [scope], "test") for scope in ("read", "compute")}
    with TestClient(create_app(settings, Access(keys=True))) as client:
        asked = {"establishments": [{"dba_name": "TACOS"}]}
        for scope, status in (("read", 403), ("compute", 200)):
            answer = client.post("/v1/predict", json=asked, headers={"authorization": f"Bearer {keys[scope]}"})
            assert answer.status_code == status, answer.text
        assert client.post("/v1/predict", json=asked).status_code == 401


def test_a_store_that_is_away_is_a_sentence_and_lists_are_answered_all_the_same(published, tmp_path, caplog):
    storage = published.storage.model_copy(update={"objects_url": str(tmp_path / "nowhere")})
    away = published.model_copy(update={"storage": storage})
    with TestClient(create_app(away)) as client:
        answer = client.post("/v1/predict", json={"establishments": [{"dba_name": "TACOS"}]})
        assert answer.status_code == 503 and answer.json()["type"].endswith("store-unavailable")
        assert "nowhere" not in answer.text and "No prediction" in caplog.text
        assert client.get("/v1/priorities").status_code == 200
