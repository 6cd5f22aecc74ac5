from dataclasses import replace

import numpy as np
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.tracking import registry
from food_inspections_dagster.tracking.client import connected, write
from food_inspections_dagster.tracking.facts import FIT, Key
from food_inspections_dagster.tracking.stored_facts import StoredFacts
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.tracking.conftest import tracked
from food_inspections_dagster_tests.tracking.mlflow_server import TrackingServer
from food_inspections_dagster_tests.world import World

LABEL = "failed"


@pytest.fixture
def world(stored_city: World, server: TrackingServer) -> World:
    return tracked(stored_city, server.url)


@pytest.fixture
def there(world: World) -> StoredFacts:
    return StoredFacts(world.stored, world.ledger, world.settings)


def follow(world: World, there: StoredFacts, selected: dict[str, Key], published: dict[str, Key]) -> list[str]:
    """Follow, with one run that holds every fit."""
    with connected(world.settings.tracking) as client:
        experiment = client.experiment("e")
        runs = client.runs(experiment) or [client.create_run(experiment, "run", {}, {})]
        holders = dict.fromkeys([*selected.values(), *published.values()], runs[0])
        return registry.follow(client, world.settings, there, holders, selected, published)


def two_fits(there: StoredFacts) -> tuple[Key, Key]:
    fits = [key for key in there.all_keys() if key.kind == FIT and key.label == LABEL and key.model_group == "ridge"]
    return fits[-2], fits[-1]


def test_aliases_follow_the_decision_and_the_published_list(world, there, server):
    old, new = two_fits(there)
    name = registry.registered_name(world.settings.experiment, LABEL)
    assert follow(world, there, {LABEL: old}, {LABEL: old}) == [
        f"{name}@selected is version 1",
        f"{name}@published is version 1",
    ]
    assert follow(world, there, {LABEL: old}, {LABEL: old}) == []
    assert follow(world, there, {LABEL: new}, {LABEL: old}) == [f"{name}@selected is version 2"]
    assert follow(world, there, {LABEL: new}, {LABEL: new}) == [f"{name}@published is version 2"]
    # Rolled back: readers see the list of the model before, which has its version already.
    assert follow(world, there, {LABEL: new}, {LABEL: old}) == [f"{name}@published is version 1"]
    assert server.version(name, "published")["tags"] == [
        {"key": "food_inspections.content", "value": server.version(name, "published")["source"].rsplit("/", 1)[1]},
        {"key": "model_id", "value": old.content},
        {"key": "model_group", "value": "ridge"},
        {"key": "week", "value": str(old.week)},
    ]
    assert server.version(name, "selected")["version"] == "2"


def test_an_alias_of_nothing_is_taken_away(world, there, server):
    old, new = two_fits(there)
    follow(world, there, {LABEL: new}, {LABEL: old})
    name = registry.registered_name(world.settings.experiment, LABEL)
    assert follow(world, there, {}, {LABEL: old}) == [f"{name}@selected is none"]
    assert server.models[name]["aliases"] == {"published": "2"}  # the decision's was registered first


def test_what_is_registered_gives_the_numbers_of_the_list(world, there, server, tmp_path, monkeypatch):
    """The version's files, loaded as `mlflow models serve` does, on the feature rows of a week."""
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow.pyfunc

    follow(world, there, there.selected(), there.published())
    rows = world.rows(catalog.FEATURE_MATRIX)
    rows = rows[rows["week"] == CITY[-1]].reset_index(drop=True)
    for label, key in there.published().items():
        version = server.version(registry.registered_name(world.settings.experiment, label), "published")
        folder = version["source"].removeprefix("mlflow-artifacts:/") + "/"
        files = {path.removeprefix(folder): of for path, of in server.files.items() if path.startswith(folder)}
        write(tmp_path / label, files)
        model = load(there.model_files(key))
        given = mlflow.pyfunc.load_model(str(tmp_path / label)).predict(rows[[name for name, _ in model.features]])
        assert np.array_equal(given["expected_find"].to_numpy(), model.predict(rows)), label


def test_another_weight_of_the_surroundings_is_another_version(world, there, server):
    old, _ = two_fits(there)
    follow(world, there, {LABEL: old}, {})
    scores = world.settings.scores.model_copy(update={"surroundings_weight": 1.0})
    other = replace(world, settings=world.settings.model_copy(update={"scores": scores}))
    assert follow(other, there, {LABEL: old}, {})[0].endswith("@selected is version 2")
