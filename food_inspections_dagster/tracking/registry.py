"""Registered models: one for each label; its aliases name the version that the decision selected and the one behind
the list that readers see."""

from collections.abc import Mapping
from typing import Any

from food_inspections_dagster.settings import Settings
from food_inspections_dagster.tracking.client import Client
from food_inspections_dagster.tracking.facts import Key
from food_inspections_dagster.tracking.flavor import model_digest, model_folder
from food_inspections_dagster.tracking.stored_facts import StoredFacts

SELECTED, PUBLISHED = "selected", "published"
#: The tag of a version that says what it is of.
CONTENT = "food_inspections.content"


def registered_name(experiment: str, label: str) -> str:
    """Return the name of a label's registered model."""
    return f"{experiment}.{label}"


def follow(
    client: Client,
    settings: Settings,
    there: StoredFacts,
    holders: Mapping[Key, Any],
    selected: Mapping[str, Key],
    published: Mapping[str, Key],
) -> list[str]:
    """Register the models in use, and let the aliases name them; return the aliases that moved, with their versions.

    Args:
        holders: the MLflow run that holds each fit.
        selected, published: by label, the fit.
    """
    moved = []
    for label in sorted({*settings.models.labels, *selected, *published}):
        wanted = {alias: of[label] for alias, of in ((SELECTED, selected), (PUBLISHED, published)) if label in of}
        if not wanted:
            continue
        name = registered_name(settings.experiment, label)
        present = client.registered(name)
        known = {version.tags.get(CONTENT): str(version.version) for version in client.versions(name)}
        for alias, key in wanted.items():
            content = model_digest(key.content, settings.scores.surroundings_weight)
            if content not in known:
                known[content] = _register(client, settings, there, name, key, holders[key], content)
            if str(present.get(alias)) != known[content]:
                client.set_alias(name, alias, known[content])
                moved.append(f"{name}@{alias} is version {known[content]}")
        for alias in {SELECTED, PUBLISHED} & present.keys() - wanted.keys():
            client.delete_alias(name, alias)
            moved.append(f"{name}@{alias} is none")
    return moved


def _register(
    client: Client, settings: Settings, there: StoredFacts, name: str, key: Key, run: Any, content: str
) -> str:
    folder = f"registered/{content}"
    weight = settings.scores.surroundings_weight
    files = model_folder(there.model_files(key), key.week, weight)
    client.log(run.info.run_id, [], {f"{folder}/{path}": of_file for path, of_file in files.items()})
    tags = {CONTENT: content, "model_id": key.content, "model_group": key.model_group, "week": str(key.week)}
    words = f"{key.model_group} for {key.label}, fitted in the week of {key.week}; surroundings weigh {weight:g}."
    return client.create_version(name, run, folder, tags, words)
