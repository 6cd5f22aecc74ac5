import base64
import gzip

import pytest
from starlette.testclient import TestClient

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.serving import keys
from food_inspections_dagster.serving.app import create_app
from food_inspections_dagster.serving.front import Access, key_of, normalised, takes_gzip
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.serving.conftest import changed
from food_inspections_dagster_tests.serving.publishing import republish


def test_what_the_client_has_is_not_sent_again(client):
    first = client.get("/v1/priorities?limit=2")
    assert first.status_code == 200 and first.headers["etag"].startswith("W/") and "last-modified" in first.headers
    for header in ({"if-none-match": first.headers["etag"]}, {"if-modified-since": first.headers["last-modified"]}):
        again = client.get("/v1/priorities?limit=2", headers=header)
        assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", first.headers["etag"])
    assert client.get("/v1/priorities?limit=3").headers["etag"] != first.headers["etag"]
    assert client.head("/v1/priorities?limit=2").content == b""
    assert "x-snapshot" not in first.headers and first.headers["x-content-type-options"] == "nosniff"


def test_answers_are_compressed_for_who_takes_it(client):
    plain = client.get("/v1/priorities")
    packed = client.get("/v1/priorities", headers={"accept-encoding": "gzip"})
    assert packed.headers["content-encoding"] == "gzip" and packed.content == plain.content
    assert int(packed.headers["content-length"]) == len(gzip.compress(plain.content, 5, mtime=0)) < len(plain.content)
    assert "content-encoding" not in client.get("/healthz", headers={"accept-encoding": "gzip"}).headers


def test_a_publication_makes_all_answers_anew(copy_of_city):
    settings = copy_of_city()
    with TestClient(create_app(settings)) as client:
        before = client.get("/v1/priorities?limit=1")
        republish(Database.from_settings(settings), CITY[-1], CITY[-1], "another word")
        for _ in range(50):  # a look is valid for a second
            after = client.get("/v1/priorities?limit=1", headers={"if-none-match": before.headers["etag"]})
            if after.status_code == 200:
                break
            assert after.status_code == 304
            client.portal.call(_rest)
        assert after.json()["items"][0]["reason_1"] == "another word"
        assert after.headers["etag"] != before.headers["etag"]


async def _rest():
    import anyio

    await anyio.sleep(0.05)


def test_who_has_no_key_is_refused_and_who_has_one_opens_its_scopes(copy_of_city):
    settings = copy_of_city()
    with Database.from_settings(settings).connect() as connection:
        read = keys.create(connection, "reader", ["read"], "ana")
        compute = keys.create(connection, "program", ["compute"], "ana")
    plan = {"inspectors": 1, "visits_per_day": 1}
    with TestClient(create_app(settings, Access(keys=True, rate="6/minute"))) as client:
        assert client.get("/healthz").status_code == 200
        refused = client.get("/v1/weeks")
        assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
        assert client.get("/docs").headers["www-authenticate"].startswith("Basic")
        assert client.get("/v1/weeks", headers={"authorization": f"Bearer {read[:-1]}x"}).status_code == 401
        assert client.get("/v1/weeks", headers={"authorization": f"Bearer {read}"}).status_code == 200
        assert client.get("/v1/weeks", headers={"x-api-key": compute}).status_code == 403
        assert client.post("/v1/plan", json=plan, headers={"x-api-key": read}).status_code == 403
        assert client.post("/v1/plan", json=plan, headers={"x-api-key": compute}).status_code == 200
        codes = [client.get("/v1/weeks", headers={"x-api-key": read}).status_code for _ in range(8)]
        assert codes[:4] == [200] * 4 and codes[-1] == 429


def test_a_body_that_is_too_large_is_refused(published):
    with TestClient(create_app(changed(published, body_bytes=1_000))) as client:
        answer = client.post("/v1/plan", content=b"x" * 2_000, headers={"content-type": "application/json"})
        assert answer.status_code == 413 and answer.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/v1/%00", "/v1/..%2f..%2fetc/passwd", "/etc/passwd", "//v1/weeks", "/v1/weeks/"])
def test_tricks_with_paths_lead_nowhere(client, path):
    assert client.get(path).status_code == 404


INJECTIONS = [
    "'; drop table api.priorities; --",
    "' or '1'='1",
    "%27%20union%20select%201--",
    "\\",
    "$$",
    "a' ; select 1",
]


@pytest.mark.parametrize("text", INJECTIONS)
@pytest.mark.parametrize("name", ["q", "facility_type", "side", "community_area"])
def test_sql_in_a_value_is_a_value(client, text, name):
    answer = client.get("/v1/priorities", params={name: text})
    assert answer.status_code == 200 and answer.json()["items"] == []


@pytest.mark.parametrize("text", INJECTIONS)
def test_sql_where_a_choice_is_wanted_is_refused(client, text):
    for name in ("sort", "zip", "week", "label", "cursor", "format", "bbox"):
        assert client.get("/v1/priorities", params={name: text}).status_code == 422, name
    assert client.get(f"/v1/establishments/{text}").status_code in (404, 422)


def test_keys_are_read_where_clients_put_them():
    basic = base64.b64encode(b"anybody:fi_1_x")
    assert key_of({b"authorization": b"Basic " + basic}) == key_of({b"x-api-key": b"fi_1_x"}) == "fi_1_x"
    assert key_of({b"authorization": b"bearer fi_1_x "}) == "fi_1_x"
    assert key_of({b"authorization": b"Basic %%%"}) == key_of({}) == ""


def test_queries_that_mean_the_same_are_one():
    assert normalised(b"b=2&a=1") == normalised(b"a=1&b=2") != normalised(b"a=1&b=3")
    assert takes_gzip(b"br, gzip;q=0.5") and takes_gzip(b"*") and not takes_gzip(b"gzip;q=0") and not takes_gzip(b"")
