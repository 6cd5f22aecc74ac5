"""Readers while a week is published again and again: no error, no mixture."""

import threading

from starlette.testclient import TestClient

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.serving.app import create_app
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.serving.conftest import changed
from food_inspections_dagster_tests.serving.publishing import drop_connections, republish


def test_readers_see_one_publication_or_the_next_while_it_is_published(copy_of_city):
    settings = changed(copy_of_city(), cache_megabytes=1)
    database, stop, wrong, counted = Database.from_settings(settings), threading.Event(), [], set()
    with TestClient(create_app(settings)) as client:

        def read():
            while not stop.is_set():
                answer = client.get("/v1/priorities", params={"limit": 5_000})
                words = {item["reason_1"] for item in answer.json().get("items", [])}
                if answer.status_code != 200 or (len(words) > 1 and not words.isdisjoint({"w0", "w1", "w2", "w3"})):
                    wrong.append((answer.status_code, words))
                counted.add(answer.json()["publication"]["publication_id"])

        readers = [threading.Thread(target=read) for _ in range(4)]
        for reader in readers:
            reader.start()
        for number in range(4):
            republish(database, CITY[-1], CITY[-1], f"w{number}")
        newest = client.get("/v1/weeks").json()
        stop.set()
        for reader in readers:
            reader.join()
    assert wrong == [] and len(counted) > 1 and newest


def test_the_server_survives_postgres_going_away(copy_of_city):
    settings = copy_of_city()
    with TestClient(create_app(settings)) as client:
        assert client.get("/v1/weeks").status_code == 200
        drop_connections(Database.from_settings(settings))
        codes = {client.get("/v1/priorities", params={"limit": n}).status_code for n in range(1, 9)}
        assert codes <= {200, 503} and client.get("/healthz").status_code == 200
        for _ in range(100):
            if client.get("/readyz").status_code == 200:
                break
        assert client.get("/v1/priorities", params={"limit": 9}).status_code == 200


def test_nothing_of_the_settings_shows(client, published):
    pages = [client.get(path).text for path in ("/openapi.json", "/docs", "/metrics", "/v1/weeks", "/v1/nothing")]
    for secret in (str(published.root), published.database_name, str(published.embedded_directory)):
        assert not any(secret in page for page in pages)
    assert "cdn" not in pages[1].lower(), "the documentation needs no network"
