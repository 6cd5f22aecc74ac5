import time

import httpx
import psycopg
import pytest
from starlette.testclient import TestClient

from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.serving.app import create_app
from food_inspections_dagster.serving.store import Unavailable
from food_inspections_dagster_tests.serving.conftest import changed, listening


def test_the_documentation_needs_no_network(client):
    page = client.get("/docs").text
    assert "http://" not in page and "https://" not in page
    script = client.get("/static-offline-docs/swagger-ui-bundle.js")
    assert script.status_code == 200 and len(script.content) > 1_000_000


def test_the_server_outlives_a_database_that_goes_away_and_comes_back(published, tmp_path):
    """A Postgres of its own, with what the city has published: it is stopped and started again."""
    there = EmbeddedPostgres(tmp_path / "postgres")
    there.start()
    url = there.ensure_database("copy")
    with psycopg.connect(url) as connection:
        connection.execute(
            "CREATE SCHEMA api; CREATE TABLE api.publications (publication_id bigint, week date, content_hash text,"
            " code_version text, run_id text, published_at timestamptz, rows bigint);"
            "CREATE TABLE api.pointer (week date, publication_id bigint);"
            "CREATE TABLE api.pointer_moves (move_id bigint, moved_at timestamptz, kind text, why text, moved_by text,"
            " from_week date, to_week date, publication_id bigint);"
            "INSERT INTO api.publications VALUES (1, '2010-01-04', 'h', 'c', 'r', now(), 0);"
            "INSERT INTO api.pointer VALUES ('2010-01-04', 1);"
            "INSERT INTO api.pointer_moves VALUES (1, now(), 'publish', 'w', 'm', null, '2010-01-04', 1)"
        )
    settings = changed(published, wait_seconds=0.5, database_url=_Secret(url))
    with listening(settings) as (host, port), httpx.Client(base_url=f"http://{host}:{port}", timeout=20) as client:
        assert client.get("/v1/weeks").json()["weeks"][0]["week"] == "2010-01-04"
        there.stop()
        time.sleep(1.1)  # the look before is valid for a second
        for address in ("/v1/weeks", "/readyz", "/v1/weeks?x=1"):
            away = client.get(address)
            assert away.status_code == 503 and away.headers["retry-after"], address
            assert away.headers["content-type"] == "application/problem+json" and str(tmp_path) not in away.text
        assert client.get("/healthz").status_code == 200
        there.start()
        deadline = time.monotonic() + 30
        while client.get("/readyz").status_code != 200:
            assert time.monotonic() < deadline, "the server has not come back"
            time.sleep(0.2)
        assert client.get("/v1/weeks").status_code == 200
    there.stop()


class _Secret:
    def __init__(self, text):
        self._text = text

    def get_secret_value(self):
        return self._text


@pytest.mark.parametrize("address", ["/v1/priorities", "/openapi.json", "/docs", "/metrics", "/v1/nothing"])
def test_no_setting_shows_in_an_answer(client, published, address):
    answer = client.get(address)
    for secret in (str(published.embedded_directory), published.database_name, "Traceback", "postgresql://"):
        assert secret not in answer.text and secret not in str(answer.headers)


def test_the_application_opens_and_closes_with_its_server(published):
    app = create_app(published)
    with TestClient(app) as client:
        assert client.get("/readyz").status_code == 200
    with pytest.raises(Unavailable), app.store.snapshot():
        pass
