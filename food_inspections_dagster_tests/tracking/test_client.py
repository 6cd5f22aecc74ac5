import logging
import os
import socket
import sys

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import Tracking
from food_inspections_dagster.tracking.client import connected, place, variables
from food_inspections_dagster_tests.tracking.mlflow_server import TrackingServer

SECRET = "very-secret"  # noqa: S105 - of no server


def tracking(uri: str, **changed: object) -> Tracking:
    return Tracking(**{"uri": uri, "timeout_seconds": 60, "retries": 0, "run_seconds": 60, **changed})  # type: ignore[arg-type]


def with_login(server: TrackingServer) -> str:
    return server.url.replace("://", f"://ana:{SECRET}%2F@")


def test_user_and_password_go_apart_from_the_address():
    given = tracking("https://ana:p%40ss@mlflow.example.org:8443/base/")
    assert place(given) == "https://mlflow.example.org:8443/base"
    login = {name: value for name, value in variables(given).items() if "USERNAME" in name or "PASSWORD" in name}
    assert login == {"MLFLOW_TRACKING_USERNAME": "ana", "MLFLOW_TRACKING_PASSWORD": "p@ss"}
    assert not any("PASSWORD" in name for name in variables(tracking("https://mlflow.example.org")))


def test_the_server_is_asked_with_the_login_and_nothing_stays_in_the_environment(server, monkeypatch):
    monkeypatch.setenv("MLFLOW_HTTP_REQUEST_TIMEOUT", "77")
    level = logging.getLogger("urllib3.connectionpool").level
    before = dict(os.environ)
    with connected(tracking(with_login(server))) as client:
        assert client.experiment("inspections") == "1"
        assert client.experiment("inspections") == "1"
        assert os.environ["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert server.experiments == {"inspections": "1"}
    assert server.logins == {"Basic YW5hOnZlcnktc2VjcmV0Lw=="}
    assert dict(os.environ) == before
    assert logging.getLogger("urllib3.connectionpool").level == level


def test_more_than_one_request_takes_is_sent_in_parts(server):
    with connected(tracking(server.url)) as client:
        run = client.create_run(client.experiment("e"), "name", {"a": "b"}, {f"p{n}": str(n) for n in range(150)})
        client.log(run.info.run_id, [(f"m{n}", n, 0, 0) for n in range(1_500)], {"folder/file.txt": b"content"})
        client.tag(run.info.run_id, {f"t{n}": "x" for n in range(120)})
        assert len(client.runs("1")) == 1
    kept = server.runs[run.info.run_id]
    assert (len(kept["parameters"]), len(kept["metrics"]), len(kept["tags"])) == (150, 1_500, 121)
    assert server.files == {f"{run.info.run_id}/folder/file.txt": b"content"}


def test_all_pages_of_runs_are_read(server):
    with connected(tracking(server.url)) as client:
        experiment = client.experiment("e")
        made = {client.create_run(experiment, f"run {n}", {}, {}).info.run_id for n in range(5)}
        assert {run.info.run_id for run in client.runs(experiment)} == made


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (500, "refused a request (500)"),
        (403, "refused a request (INTERNAL_ERROR)"),
        (429, "refused a request (429)"),
        ("hang", "does not answer"),
    ],
)
def test_a_server_that_fails_is_one_sentence_without_its_words(server, fault, words):
    server.fault = fault
    given = tracking(with_login(server), timeout_seconds=1 if fault == "hang" else 60)
    with pytest.raises(FoodInspectionsError) as told, connected(given) as client:
        client.experiment("inspections")
    sentence = str(told.value)
    assert f"MLflow at {server.url} {words}: " in sentence and "food-inspections track" in sentence
    assert SECRET not in sentence and "ana" not in sentence
    assert told.value.__cause__ is None and told.value.__suppress_context__


def test_a_closed_port_is_one_sentence():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))  # nobody listens on it, and nobody else gets it
        port = probe.getsockname()[1]
        closed = tracking(f"http://ana:{SECRET}@127.0.0.1:{port}")
        with pytest.raises(FoodInspectionsError, match=f":{port} does not answer") as told, connected(closed) as client:
            client.experiment("inspections")
    assert SECRET not in str(told.value)


def test_an_artifact_that_is_refused_is_a_sentence_too(server):
    with (
        pytest.raises(FoodInspectionsError, match=r"refused a request \(507\)"),
        connected(tracking(server.url)) as client,
    ):
        run = client.create_run(client.experiment("e"), "name", {}, {})
        client.log(run.info.run_id, [], {"file.txt": b"content"})
        server.fault = 507
        client.log(run.info.run_id, [], {"file.txt": b"content"})


def test_without_the_client_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(FoodInspectionsError, match="extra `tracking`"), connected(tracking("http://127.0.0.1:9")):
        pass
