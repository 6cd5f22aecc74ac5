import hashlib
from datetime import date

import orjson
import pandas as pd
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.documents import (
    card_of,
    files_of,
    known_files,
    model_of,
    models_of,
    stored_files,
    to_documents,
)
from food_inspections_dagster.modeling.persistence import load, read_card
from food_inspections_dagster.modeling.rules import LABELS, AlgorithmSpec, Features, Schedule
from food_inspections_dagster.modeling.training import TrainedWeeks
from food_inspections_dagster.weeks import week_range
from food_inspections_dagster_tests.modeling.cases import CRITICAL, FAILED, recipe, trained_on

FEATURES: Features = (("rate", "numeric"), ("kind", "categorical"))
WEEKS = week_range(date(2010, 3, 1), date(2010, 9, 6))
#: Two recipes of one algorithm.
GROUPS = ("logistic_regression", "logistic_regression.strong")


def _train(schedule: Schedule, rows: pd.DataFrame, weeks: list[date]) -> list[TrainedWeeks]:
    specs = [AlgorithmSpec(name, "logistic_regression", {"C": c}) for name, c in zip(GROUPS, (0.1, 0.01), strict=True)]
    return [trained_on(recipe(spec, FEATURES, FAILED, CRITICAL), schedule, rows, weeks) for spec in specs]


@pytest.fixture(scope="module")
def trained(schedule: Schedule, rows: pd.DataFrame) -> list[TrainedWeeks]:
    return _train(schedule, rows, WEEKS)


def test_a_document_has_an_entry_for_each_recipe_and_label(trained: list[TrainedWeeks]) -> None:
    documents, blobs = to_documents(trained)
    assert list(documents) == WEEKS
    for week, document in documents.items():
        assert document["week"] == week.isoformat()
        assert [(e["model_group"], e["label"]) for e in document["models"]] == [
            (g, la) for g in GROUPS for la in LABELS
        ]
    first, last = documents[WEEKS[0]], documents[WEEKS[-1]]
    assert not list(models_of(first)) and len(list(models_of(last))) == 4
    for entry in first["models"]:
        assert (entry["model_id"], entry["files"], entry["anchor"]) == (None, {}, "2010-01-04")
        assert entry["reason"] == "60 training rows from 2010-01-04 to 2010-01-04, and 300 are needed"
    for entry in last["models"]:
        assert entry["reason"] is None and entry["anchor"] == "2010-07-05"
        assert {path: hashlib.sha256(blobs[path]).hexdigest() for path in entry["files"]} == entry["files"]
        assert set(entry["files"]) == {
            f"artifacts/{entry['model_id']}/{name}" for name in ("model.json", "model.skops")
        }
        model = load(files_of(entry["files"], blobs))
        assert (model.model_id, model.card["label"], model.card["model_group"]) == (
            entry["model_id"], entry["label"], entry["model_group"],
        )  # fmt: skip
    assert {path for d in documents.values() for e in d["models"] for path in e["files"]} == set(blobs)


def test_the_files_of_a_model_are_found_by_its_card(trained: list[TrainedWeeks]) -> None:
    documents, blobs = to_documents(trained)
    for entry in documents[WEEKS[-1]]["models"]:
        files = files_of(entry["files"], blobs)
        card = read_card(files)
        assert stored_files(card, blobs) == files and load(stored_files(card, blobs)).model_id == entry["model_id"]
    with pytest.raises(FoodInspectionsError, match=f"artifacts/{card['model_id']}/model.json is gone"):
        stored_files(card, {})


def test_a_model_is_found_by_its_group_and_label(trained: list[TrainedWeeks]) -> None:
    documents, _ = to_documents(trained)
    last = orjson.loads(orjson.dumps(documents[WEEKS[-1]]))
    found = [model_of(last, group, label) for group in GROUPS for label in LABELS]
    assert found == last["models"] and len({entry["model_id"] for entry in last["models"]}) == 4
    assert model_of(last, "xgboost", "failed") is None and model_of(last, GROUPS[0], "passed") is None
    assert model_of(documents[WEEKS[0]], GROUPS[0], "failed") is None and model_of(None, GROUPS[0], "failed") is None


def test_a_week_by_itself_has_the_same_document(
    trained: list[TrainedWeeks], schedule: Schedule, rows: pd.DataFrame
) -> None:
    week = WEEKS[-3]
    alone, files = to_documents(_train(schedule, rows, [week]))
    whole, blobs = to_documents(trained)
    assert orjson.dumps(alone[week]) == orjson.dumps(whole[week])
    assert files.items() <= blobs.items() and len(files) == 8


def test_missing_and_damaged_files_are_refused_and_count_as_unknown(trained: list[TrainedWeeks]) -> None:
    documents, blobs = to_documents(trained)
    document = documents[WEEKS[-1]]
    entry = model_of(document, GROUPS[1], "failed")
    assert entry is not None
    path = next(path for path in entry["files"] if path.endswith(".skops"))
    whole = known_files(document, blobs, GROUPS[1])
    assert list(whole) == list(LABELS) and whole["failed"] == files_of(entry["files"], blobs)
    gone = {name: content for name, content in blobs.items() if name != path}
    for damaged, sentence in [
        (gone, "is gone from the object store"),
        ({**blobs, path: blobs[path][:-1]}, "was cut or changed"),
        ({**blobs, path: b""}, "was cut or changed"),
    ]:
        with pytest.raises(FoodInspectionsError, match=sentence):
            files_of(entry["files"], damaged)
        # The other label, and the other recipe, are known still.
        assert known_files(document, damaged, GROUPS[1]) == {"critical_violation": whole["critical_violation"]}
        assert known_files(document, damaged, GROUPS[0]) == known_files(document, blobs, GROUPS[0])


def test_documents_without_files_and_of_older_forms_are_unknown(trained: list[TrainedWeeks]) -> None:
    documents, blobs = to_documents(trained)
    older = {"model_id": "0" * 32, "label": "failed", "files": {"a": "b"}, "backtest": {"rows": {}}}
    for document in (None, {}, older, documents[WEEKS[0]], {"models": {"failed": older}}):
        assert known_files(document, blobs, GROUPS[0]) == {} and not list(models_of(document))
    assert known_files(documents[WEEKS[-1]], blobs, "xgboost") == {}


def test_the_card_of_a_model_that_no_document_names_any_more_is_read_by_its_id(trained: list[TrainedWeeks]) -> None:
    documents, blobs = to_documents(trained)
    model_id = next(iter(models_of(documents[WEEKS[-1]])))["model_id"]
    assert card_of(model_id, blobs)["model_id"] == model_id
    with pytest.raises(FoodInspectionsError, match=r"model\.json is gone"):
        card_of(model_id, {path: content for path, content in blobs.items() if model_id not in path})
