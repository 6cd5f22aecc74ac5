import asyncio
import base64

import pytest
from starlette.testclient import TestClient

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.serving import keys
from food_inspections_dagster.serving.app import create_app
from food_inspections_dagster.serving.front import Access, Front, key_of, normalised, takes_gzip
from food_inspections_dagster.serving.metrics import Metrics
from food_inspections_dagster.serving.state import Published, State
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.serving.conftest import changed
from food_inspections_dagster_tests.serving.publishing import republish
from food_inspections_dagster_tests.serving.test_state import ROW

ADDRESS = "/v1/priorities?limit=50"


def answers(client):
    lines = client.get("/metrics").text.splitlines()
    lines = [line for line in lines if line.startswith("food_inspections_answers_total")]
    return {line.split('"')[1]: float(line.rsplit(" ", 1)[1]) for line in lines}


def test_the_same_answer_is_made_once_however_it_is_asked_for(client):
    before = answers(client)
    pages = [
        client.get(f"/v1/priorities?{query}").content
        for query in ("limit=41&sort=name", "sort=name&limit=41", "sort=name&limit=4%31")
    ]
    after = answers(client)
    assert len(set(pages)) == 1
    assert after["made"] - before.get("made", 0) == 1 and after["kept"] - before.get("kept", 0) == 2


def test_an_answer_that_the_client_has_is_not_sent_again(client):
    first = client.get(ADDRESS)
    for headers in (
        {"if-none-match": first.headers["etag"]},
        {"if-modified-since": first.headers["last-modified"]},
    ):
        again = client.get(ADDRESS, headers=headers)
        assert again.status_code == 304 and again.content == b""
        assert again.headers["etag"] == first.headers["etag"]
    assert client.get(ADDRESS, headers={"if-none-match": '"other"'}).status_code == 200
    assert client.get(ADDRESS, headers={"if-none-match": "*"}).content == first.content
    assert client.get("/v1/priorities?limit=51").headers["etag"] != first.headers["etag"]
    wrong = client.get("/v1/priorities?limit=0", headers={"if-modified-since": first.headers["last-modified"]})
    assert wrong.status_code == 422


def test_unchanged_is_said_without_touching_a_table(published):
    """Even where nothing is kept: the tag follows from what was published."""
    with TestClient(create_app(changed(published, cache_megabytes=0))) as client:
        etag = client.get(ADDRESS).headers["etag"]
        assert client.get(ADDRESS, headers={"if-none-match": etag}).status_code == 304
        assert answers(client) == {"made": 1.0, "unchanged": 1.0}


def test_a_publication_changes_the_tag_and_the_answer(copy_of_city):
    settings = copy_of_city()
    with TestClient(create_app(settings)) as client:
        first = client.get(ADDRESS)
        republish(Database.from_settings(settings), CITY[-1], CITY[-1], "anew")
        client.app.watcher._until = -1.0  # the second is over
        again = client.get(ADDRESS, headers={"if-none-match": first.headers["etag"]})
    assert again.status_code == 200 and again.json()["items"][0]["reason_1"] == "anew"
    assert again.headers["etag"] != first.headers["etag"]


def test_answers_are_compressed_for_those_who_take_it(client):
    plain = client.get(ADDRESS)
    packed = client.get(ADDRESS, headers={"accept-encoding": "br, gzip;q=0.5"})
    assert packed.headers["content-encoding"] == "gzip" and "content-encoding" not in plain.headers
    assert packed.content == plain.content
    assert int(packed.headers["content-length"]) < int(plain.headers["content-length"]) / 3
    assert packed.headers["vary"] == plain.headers["vary"] == "accept, accept-encoding"
    raw = client.get("/v1/priorities?format=parquet", headers={"accept-encoding": "gzip"})
    assert "content-encoding" not in raw.headers


def test_the_head_of_an_answer_is_that_of_the_answer(client):
    whole, head = client.get(ADDRESS), client.head(ADDRESS)
    assert head.status_code == 200 and head.content == b""
    same = ("content-length", "content-type", "etag", "last-modified")
    assert {name: head.headers[name] for name in same} == {name: whole.headers[name] for name in same}
    assert client.head("/v1/nothing").status_code == 404


@pytest.mark.parametrize(
    "path",
    [
        *("/v1/..%2f..%2fetc/passwd", "/v1/%2e%2e/%2e%2e/x", "/v1//priorities", "/v1/priorities/", "/%00", "/v1/%00"),
        *("/static-offline-docs/..%2f__init__.py", "/static-offline-docs/%2e%2e/core.py", "/v1/priorities%00"),
    ],
)
def test_tricks_with_paths_lead_nowhere(client, path):
    answer = client.get(path)
    assert answer.status_code == 404 and answer.headers["content-type"] == "application/problem+json"


def test_a_method_that_there_is_not_is_refused(client):
    for method in ("PUT", "DELETE", "PATCH", "POST"):
        answer = client.request(method, "/v1/priorities")
        assert answer.status_code == 405 and "GET" in answer.headers["allow"]


def shown(client, headers):
    """Ask for the first page as the dashboard does."""
    components = ("page.children", "nav.children", "week-holder.children", "kept.data")
    values = {"pathname": "/", "search": ""}
    body = {
        "output": f"..{'...'.join(components)}..",
        "outputs": [dict(zip(("id", "property"), one.split("."), strict=True)) for one in components],
        "inputs": [{"id": "location", "property": name, "value": value} for name, value in values.items()],
        "changedPropIds": ["location.pathname"],
    }
    return client.post("/_dash-update-component", json=body, headers=headers)


def test_keys_open_what_their_scopes_say(copy_of_city):
    settings = copy_of_city()
    database = Database.from_settings(settings)
    with database.connect() as connection:
        reads = keys.create(connection, "reader", ["read"], "me")
        computes = keys.create(connection, "computer", ["compute"], "me")
    with TestClient(create_app(settings, Access(keys=True))) as client:
        refused = client.get("/v1/weeks")
        assert refused.status_code == 401 and refused.headers["www-authenticate"] == "Bearer"
        page = client.get("/docs")
        assert page.status_code == 401 and page.headers["www-authenticate"].startswith("Basic")
        assert client.get("/healthz").status_code == client.get("/readyz").status_code == 200
        bearer, plain = {"authorization": f"Bearer {reads}"}, {"x-api-key": reads}
        basic = {"authorization": "Basic " + base64.b64encode(f"me:{reads}".encode()).decode()}
        for headers in (bearer, plain, basic):
            assert client.get("/v1/weeks", headers=headers).status_code == 200
        assert client.get("/v1/weeks", headers={"x-api-key": computes}).status_code == 403
        assert client.post("/v1/plan", headers={"x-api-key": reads}).status_code == 403
        assert shown(client, plain).status_code == 200 and "page-monday" in shown(client, plain).text
        assert shown(client, {}).status_code == 401 and shown(client, {"x-api-key": computes}).status_code == 403
        with database.connect() as connection:
            keys.revoke(connection, reads.split("_")[1])
        client.app.watcher._until = -1.0
        assert client.get("/v1/weeks", headers=plain).status_code == 401


def test_who_asks_too_often_waits(published):
    with TestClient(create_app(published, Access(rate="3/minute"))) as client:
        statuses = [client.get("/v1/weeks").status_code for _ in range(4)]
        assert statuses == [200, 200, 200, 429]
        refused = client.get("/v1/weeks", headers={"x-api-key": "fi_other_key"})  # a key that nobody asked for
        assert refused.status_code == 429 and 0 < int(refused.headers["retry-after"]) <= 60
        assert client.get("/healthz").status_code == 200


# --- over applications that behave badly


class Watched:
    async def state(self):
        return State(Published(**ROW), None)


def asked(app, receive=None, path="/x", headers=(), seconds=0.1):
    store = Store("postgresql:///nowhere?host=/nowhere", 1, 2, 1)
    front = Front(app, Watched(), Metrics(store), Access(), seconds, 100, 10_000)
    sent = []

    async def send(message):
        sent.append(message)

    async def nothing():
        await asyncio.sleep(30)

    scope = {"type": "http", "method": "POST", "path": path, "headers": list(headers), "query_string": b""}
    asyncio.run(front(scope, receive or nothing, send))
    return sent[0]["status"], sent


def test_what_takes_too_long_is_ended_and_says_who_was_slow():
    async def slow_app(scope, receive, send):
        await asyncio.sleep(30)

    async def reading_app(scope, receive, send):
        await receive()

    assert asked(slow_app)[0] == 504
    assert asked(reading_app)[0] == 408


def test_an_application_that_fails_is_answered_by_a_problem():
    async def failing(scope, receive, send):
        raise RuntimeError("secret")

    status, sent = asked(failing)
    assert status == 500 and b"secret" not in sent[1]["body"]


def test_a_body_that_is_too_large_is_refused_before_and_while_it_is_read():
    async def reading_app(scope, receive, send):
        while (await receive())["more_body"]:
            pass

    async def pieces():
        return {"type": "http.request", "body": b"x" * 60, "more_body": True}

    assert asked(reading_app, pieces)[0] == 413
    assert asked(reading_app, pieces, headers=[(b"content-length", b"101")])[0] == 413
    assert asked(reading_app, pieces, headers=[(b"content-length", b"x")])[0] == 413


def test_an_answer_that_breaks_off_is_not_begun_again():
    async def broken(scope, receive, send):
        await send({"type": "http.response.start", "status": 200, "headers": []})
        raise RuntimeError

    status, sent = asked(broken)
    assert status == 200 and len(sent) == 1


def test_parts_of_a_request():
    assert normalised(b"b=2&a=1&b=1") == normalised(b"a=1&b=1&b=2") != normalised(b"a=1&b=12")
    assert takes_gzip(b"deflate, gzip") and takes_gzip(b"*") and not takes_gzip(b"gzip;q=0, br") and not takes_gzip(b"")
    assert key_of({b"authorization": b"Basic !"}) == key_of({}) == key_of({b"authorization": b"Digest x"}) == ""
