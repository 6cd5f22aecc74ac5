"""The whole city is sent, once, whatever happens on the way; the list never waits for it."""

import socket
from typing import Any

import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.tracking.projection import Outcome, bring_up_to_date
from food_inspections_dagster.tracking.stored_facts import StoredFacts
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.tracking.conftest import tracked
from food_inspections_dagster_tests.tracking.mlflow_server import TrackingServer, tracking_server
from food_inspections_dagster_tests.world import World

PATIENT = 600  # seconds that no test is to need


def send(world: World, seconds: float | None = None) -> Outcome:
    outcome = bring_up_to_date(world.settings, world.stored, world.ledger, seconds)
    assert outcome is not None
    return outcome


def content(server: TrackingServer) -> dict[Any, Any]:
    """Return what a server holds, without the numbers that it gave to runs itself."""
    of_run = {}
    for run_id, run in server.runs.items():
        tags = {name: value for name, value in run["tags"].items() if not name.startswith("mlflow.")}
        name = tags["food_inspections.model_group"], tags["food_inspections.label"], tags["food_inspections.recipe"]
        assert name not in of_run, "two runs of a recipe"
        files = {path.split("/", 1)[1]: kept for path, kept in server.files.items() if path.startswith(run_id)}
        kept = {key: value for key, value in run.items() if key not in ("id", "tags", "name")}
        of_run[name] = {**kept, "tags": tags, "files": files}
    aliases = {name: model["aliases"] for name, model in server.models.items()}
    return {"runs": of_run, "aliases": aliases}


@pytest.fixture(scope="module")
def undisturbed(stored_city: World) -> TrackingServer:
    """A server that got everything at once."""
    with tracking_server() as server:
        world = tracked(stored_city, server.url)
        outcome = send(world)
        assert outcome.problem == "", outcome.sentence
        return server


def test_everything_is_there_in_one_run_for_each_recipe(undisturbed: TrackingServer, stored_city: World):
    keys = StoredFacts(stored_city.stored, stored_city.ledger, stored_city.settings).all_keys()
    assert undisturbed.facts() == sorted(key.tag for key in keys)
    assert list(undisturbed.experiments) == [stored_city.settings.experiment]
    algorithms, labels = stored_city.settings.models.algorithms, stored_city.settings.models.labels
    for label in labels:
        for group in (*algorithms, "selected_model"):
            runs = undisturbed.of(group, label)
            assert runs and all(run["status"] == "FINISHED" for run in runs), (group, label)
    dagster_runs = {run.run_id for run in stored_city.instance.get_runs()}
    for run in undisturbed.runs.values():
        assert set(run["tags"]["dagster_run_ids"].split()) <= dagster_runs and run["tags"]["dagster_run_ids"]
        assert run["parameters"]["label"] == run["tags"]["food_inspections.label"]
        first, last = (run["tags"][f"food_inspections.{name}_week"] for name in ("first", "last"))
        assert run["tags"]["mlflow.runName"].endswith(f"{first} to {last}")


def test_files_and_hashes_are_those_of_the_stores(undisturbed: TrackingServer, stored_city: World):
    document = stored_city.document(catalog.model("ridge"), CITY[-1])
    model = next(one for one in document["models"] if one["label"] == "failed" and one["model_id"])
    (run,) = [run for run in undisturbed.of("ridge", "failed") if f"fit.{model['model_id']}" in run["tags"]]
    assert run["tags"][f"fit.{model['model_id']}"] == model["anchor"]
    for path in model["files"]:
        stored = stored_city.objects.get(f"{catalog.model('ridge').prefix}/{path}")
        assert undisturbed.files[f"{run['id']}/fits/{model['anchor']}/{path.rsplit('/', 1)[1]}"] == stored
    assert {name for name, _ in run["datasets"]} == {"feature_matrix"}
    steps = {step for _, step, _, _ in run["metrics"]}
    assert len(steps) > 2 and max(steps) <= len(CITY)


def test_what_is_there_is_not_sent_again(undisturbed: TrackingServer, stored_city: World, server: TrackingServer):
    server.experiments, server.runs, server.models = undisturbed.experiments, undisturbed.runs, undisturbed.models
    outcome = send(tracked(stored_city, server.url))
    assert (outcome.sent, outcome.waiting, outcome.problem, outcome.aliases) == (0, 0, "", ())
    assert "everything is there" in outcome.sentence
    writing = ("create", "log-batch", "log-inputs", "update", "alias", "mlflow-artifacts/")
    assert not [path for path in server.requests if any(word in path for word in writing)]


def test_what_breaks_off_goes_on_until_all_is_there_once(
    undisturbed: TrackingServer, stored_city: World, server: TrackingServer
):
    world = tracked(stored_city, server.url)
    outcomes = []
    for good in (3, 40, 90, None):
        server.good_requests = None if good is None else len(server.requests) + good
        outcomes.append(send(world))
    assert all(one.problem and "food-inspections track" in one.sentence for one in outcomes[:-1])
    assert outcomes[-1].problem == "" and outcomes[-1].waiting == 0
    assert outcomes[1].sent or outcomes[2].sent, "nothing was sent before it broke off"
    assert content(server) == content(undisturbed)


def test_a_run_that_somebody_deleted_is_sent_again(stored_city: World, server: TrackingServer):
    world = tracked(stored_city, server.url)
    send(world)
    (gone,) = server.of("knn", "failed")[:1]
    del server.runs[gone["id"]]
    outcome = send(world)
    assert outcome.problem == "" and outcome.sent > 0
    again = server.of("knn", "failed")[-1]
    assert again["metrics"] == gone["metrics"] and again["parameters"] == gone["parameters"]


@pytest.mark.parametrize("fault", [500, "hang", "drip", 403])
def test_a_server_that_fails_is_told_and_stops_nothing(stored_city: World, server: TrackingServer, fault: int | str):
    server.fault = fault
    city = tracked(stored_city, server.url, 1 if fault in ("hang", "drip") else 120)
    before, stale = city.hashes(), city.stale(CITY)  # tests before may have left a week blocked
    outcome = send(city, seconds=1 if fault == "drip" else PATIENT)
    assert outcome.problem and "very-secret" not in outcome.sentence
    assert outcome.sent == 0 and server.runs == {}
    assert city.hashes() == before and city.stale(CITY) == stale, "the list does not wait for it"


def test_a_closed_port_is_told_with_its_address_and_without_its_password(stored_city: World):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
        outcome = send(tracked(stored_city, f"http://ana:very-secret@127.0.0.1:{port}"), PATIENT)
    assert f"MLflow at http://127.0.0.1:{port} does not answer" in outcome.problem
    assert "very-secret" not in outcome.sentence and "food-inspections track" in outcome.sentence


def test_what_there_is_no_time_for_waits(stored_city: World, server: TrackingServer, undisturbed: TrackingServer):
    world = tracked(stored_city, server.url)
    outcome = send(world, seconds=0)
    assert outcome.sent == 0 and outcome.waiting == len(undisturbed.facts())
    assert "tracking.run_seconds" in outcome.problem and f"{outcome.waiting} fits, decisions" in outcome.sentence
    assert send(world).problem == ""
    assert content(server) == content(undisturbed)


def test_two_do_not_send_at_once(city: World, server: TrackingServer):
    with city.database.connect() as connection:
        connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('tracking', 0))")
        outcome = send(city)
    assert "Another process is sending" in outcome.problem and server.requests == []


def test_a_mistake_of_ours_stops_nobody_either(city: World, monkeypatch):
    def broken(self: StoredFacts) -> None:
        raise ZeroDivisionError("very-secret")

    monkeypatch.setattr(StoredFacts, "all_keys", broken)
    outcome = send(city)
    assert outcome.problem.startswith("Tracking failed (ZeroDivisionError in test_projection.py:")
    assert "very-secret" not in outcome.sentence


def test_nothing_is_tracked_unless_a_server_is_named(stored_city: World):
    assert bring_up_to_date(stored_city.settings, stored_city.stored, stored_city.ledger) is None
