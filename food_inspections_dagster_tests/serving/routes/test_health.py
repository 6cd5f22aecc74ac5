import pytest
from starlette.testclient import TestClient

from food_inspections_dagster.serving.app import create_app
from food_inspections_dagster_tests.serving.conftest import on_database


def test_a_server_with_a_list_is_ready(client):
    assert client.get("/healthz").json() == {"status": "ok"}
    assert client.get("/readyz").json() == {"status": "ready"}


def test_what_was_asked_is_counted_by_route_and_never_by_value(client):
    client.get("/v1/establishments/L1")
    client.get("/v1/priorities?q=never-a-label")
    text = client.get("/metrics").text
    assert '{method="GET",route="/v1/establishments/{establishment_id}",status="404"}' in text
    assert "never-a-label" not in text and "food_inspections_pool_size" in text


ROUTES = ["/v1/priorities", "/v1/establishments", "/v1/establishments/L1", "/v1/inspections/1", "/v1/models"]
ROUTES += ["/v1/models/2010-01-04", "/v1/bias", "/v1/monitoring", "/v1/weeks", "/readyz"]


@pytest.fixture(scope="module")
def empty(published, module_database):
    module_database.connect().close()  # which creates it
    settings = on_database(published, module_database.database)
    with TestClient(create_app(settings)) as connected:
        yield connected


@pytest.mark.parametrize("address", ROUTES)
def test_before_the_first_publication_everybody_is_told_what_to_do(empty, address):
    answer = empty.get(address)
    assert answer.status_code == 503 and answer.headers["content-type"] == "application/problem+json"
    assert "run `make run`" in answer.json()["detail"]
    assert empty.get("/healthz").status_code == 200
