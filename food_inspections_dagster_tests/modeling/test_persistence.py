import hashlib
import io
import json
import zipfile
from datetime import date

import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.linear_model import LinearRegression

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.persistence import canonical_json, content_hash, dump, load, read_card
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule
from food_inspections_dagster.modeling.training import train_and_backtest

WEEK = date(2010, 10, 11)
FEATURES: Features = (
    ("rate", "numeric"),
    ("sparse", "numeric"),
    ("noise", "numeric"),
    ("kind", "categorical"),
)


def _fit(spec: AlgorithmSpec, schedule: Schedule, rows: pd.DataFrame) -> dict[str, bytes]:
    trained = train_and_backtest(spec, schedule, "failed", FEATURES, rows, [WEEK], "v1")
    assert len(trained.models) == 1
    return dict(next(iter(trained.models.values())))


@pytest.fixture(scope="module")
def stored(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> dict[str, dict[str, bytes]]:
    return {name: _fit(spec, schedule, rows) for name, spec in specs.items()}


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_the_same_fit_gives_the_same_bytes_and_so_does_a_reloaded_model(
    name: str,
    stored: dict[str, dict[str, bytes]],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
) -> None:
    assert _fit(specs[name], schedule, rows.copy()) == stored[name]
    assert dump(load(stored[name])) == stored[name]


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_a_reloaded_model_predicts_the_same_bits(
    name: str,
    stored: dict[str, dict[str, bytes]],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
) -> None:
    trained = train_and_backtest(specs[name], schedule, "failed", FEATURES, rows, [WEEK], "v1")
    week = rows.loc[rows["week"] == WEEK].sort_values("inspection_id")
    assert np.array_equal(load(stored[name]).predict(week), trained.backtest["score"].to_numpy())


def test_the_card_tells_what_the_model_is(stored: dict[str, dict[str, bytes]]) -> None:
    card = json.loads(stored["knn"]["model.json"])
    assert card["algorithm"] == "knn" and card["label"] == "failed"
    assert card["training_window"] == {
        "first_week": "2010-04-12",
        "last_week": "2010-10-04",
        "rows": 26 * 60,
        "positives": card["training_window"]["positives"],
    }
    assert 0 < card["training_window"]["positives"] < 26 * 60
    assert 0.5 < card["training_metrics"]["roc_auc"] < 1
    assert card["features"] == [list(feature) for feature in FEATURES]
    assert set(card["libraries"]) == {"numpy", "scikit-learn", "scipy", "skops"}
    assert set(json.loads(stored["xgboost"]["model.json"])["libraries"]) == {"numpy", "xgboost"}
    assert card["artifact"]["sha256"] == hashlib.sha256(stored["knn"]["model.skops"]).hexdigest()


def _resigned(files: dict[str, bytes], data: bytes) -> dict[str, bytes]:
    """Put another artifact under a valid card, as somebody with write access could."""
    card = json.loads(files["model.json"])
    name = card["artifact"]["name"]
    card["artifact"] |= {"sha256": hashlib.sha256(data).hexdigest(), "bytes": len(data)}
    card["checksum"] = content_hash({key: value for key, value in card.items() if key != "checksum"})
    return {"model.json": canonical_json(card), name: data}


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_damaged_files_are_refused(name: str, stored: dict[str, dict[str, bytes]]) -> None:
    files = stored[name]
    artifact = next(key for key in files if key != "model.json")
    data, card = files[artifact], files["model.json"]
    flipped = bytearray(data)
    flipped[len(data) // 2] ^= 1
    changed = card.replace(b'"seed": 20100104', b'"seed": 20100105')
    assert changed != card
    for bad, sentence in [
        ({}, "there is no model.json"),
        ({"model.json": card}, "is missing"),
        ({**files, artifact: data[:-10]}, "was cut or changed"),
        ({**files, artifact: bytes(flipped)}, "was cut or changed"),
        ({**files, "model.json": changed}, "was changed after it was written"),
        ({**files, "model.json": card[: len(card) // 2]}, "is not JSON"),
        ({**files, "model.json": b"\xff\xfe"}, "is not JSON"),
        ({**files, "model.json": b"[]"}, "does not say that it is"),
        ({**files, "model.json": b'{"format": "something else"}'}, "does not say that it is"),
        (_resigned(files, b"not a model at all"), "cannot be read"),
        (_resigned(files, data[: len(data) // 2]), "cannot be read"),
    ]:
        with pytest.raises(FoodInspectionsError, match=sentence) as error:
            load(bad)
        assert "not a model of this project" in str(error.value) and "materialise" in str(error.value)


def test_a_card_that_describes_another_model_is_refused(stored: dict[str, dict[str, bytes]]) -> None:
    card = json.loads(stored["knn"]["model.json"])
    card["code_version"] = "v2"
    card["checksum"] = content_hash({key: value for key, value in card.items() if key != "checksum"})
    with pytest.raises(FoodInspectionsError, match="describes the model"):
        read_card({"model.json": canonical_json(card)})


def _skops_naming(module: str, function: str) -> bytes:
    """A skops file that asks its reader to import and build something else."""
    schema = {
        "__class__": function,
        "__module__": module,
        "__loader__": "ObjectNode",
        "content": None,
        "__id__": 1,
        "protocol": 2,
        "_skops_version": skops.__version__,
    }
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("schema.json", json.dumps(schema))
    return out.getvalue()


def test_foreign_types_are_never_built(stored: dict[str, dict[str, bytes]]) -> None:
    with pytest.raises(FoodInspectionsError, match=r"UntrustedTypesFoundException.*subprocess.Popen"):
        load(_resigned(stored["knn"], _skops_naming("subprocess", "Popen")))
    other = skops.io.dumps(LinearRegression().fit([[0.0], [1.0]], [0.0, 1.0]))
    with pytest.raises(FoodInspectionsError, match="holds a LinearRegression, not a Pipeline"):
        load(_resigned(stored["knn"], other))


def test_no_artifact_is_a_pickle(stored: dict[str, dict[str, bytes]]) -> None:
    for files in stored.values():
        for name, data in files.items():
            if name.endswith(".skops"):
                with zipfile.ZipFile(io.BytesIO(data)) as archive:
                    parts = archive.namelist()
                assert all(part == "schema.json" or part.endswith(".npy") for part in parts)
            assert not data.startswith(b"\x80")
