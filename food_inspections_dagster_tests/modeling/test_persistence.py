import hashlib
import io
import json
import zipfile
from datetime import date

import numpy as np
import pandas as pd
import pytest
import skops.io
from scipy.special import logit
from sklearn.linear_model import LinearRegression

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Inputs
from food_inspections_dagster.modeling.persistence import (
    FIT_IDENTITY,
    GROUP_IDENTITY,
    IDENTITY,
    FittedModel,
    answers,
    canonical_json,
    content_hash,
    dump,
    fit_id_of,
    load,
    model_group_id_of,
    model_id_of,
    read_card,
)
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule
from food_inspections_dagster_tests.modeling.cases import ABOUT, CRITICAL, FAILED, recipe, trained_on

WEEK = date(2010, 10, 11)
FEATURES: Features = (
    ("rate", "numeric"),
    ("sparse", "numeric"),
    ("noise", "numeric"),
    ("kind", "categorical"),
)


def _fit(spec: AlgorithmSpec, schedule: Schedule, rows: pd.DataFrame) -> dict[str, bytes]:
    trained = trained_on(recipe(spec, FEATURES), schedule, rows, [WEEK])
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
    window = rows.loc[(rows["week"] > date(2010, 4, 5)) & (rows["week"] <= date(2010, 10, 4))]
    window = window.sort_values(["week", "inspection_id"])
    inputs = Inputs.of(window, FEATURES)
    design, fitted = algorithms.fit(specs[name], inputs, window["failed"].to_numpy(bool))
    week = rows.loc[rows["week"] == WEEK]
    model = load(stored[name])
    score = ALGORITHMS[name].predict(fitted, design, Inputs.of(week, FEATURES))
    assert model.design == design
    assert np.array_equal(model.algorithm.predict(model.fitted, model.design, Inputs.of(week, FEATURES)), score)
    assert np.array_equal(model.predict(week), model.calibration.probability(score))
    assert len(np.unique(score)) > 20


def test_the_card_tells_what_the_model_is(stored: dict[str, dict[str, bytes]]) -> None:
    card = json.loads(stored["knn"]["model.json"])
    assert card["algorithm"] == "knn" and card["label"] == "failed" and card["target"] == {"failed": 1}
    assert card["about"] == {name: ABOUT[name] for name, _ in FEATURES}
    assert set(card["typical"]["numeric"]) == {"rate", "sparse", "noise"}
    assert card["typical"]["categorical"] == {"kind": "Restaurant"}
    assert card["calibration"].keys() == {"slope", "intercept", "rows", "basis"}
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


# ---------------------------------------------------------------------- what a model is, and what it says


def test_ids_change_with_what_they_cover_and_nothing_else(stored: dict[str, dict[str, bytes]]) -> None:
    card = read_card(stored["xgboost"])
    assert set(GROUP_IDENTITY) < set(FIT_IDENTITY) < set(IDENTITY)
    ids = {"model_group_id": model_group_id_of, "fit_id": fit_id_of, "model_id": model_id_of}
    covers = {"model_group_id": GROUP_IDENTITY, "fit_id": FIT_IDENTITY, "model_id": IDENTITY}
    for name, id_of in ids.items():
        assert id_of(card) == card[name]
        for key in card:
            changed = {**card, key: "something else"}
            assert (id_of(changed) != card[name]) == (key in covers[name]), (name, key)
    assert len({card[name] for name in ids}) == 3


@pytest.mark.parametrize("lost", ["about", "calibrated_by", "calibration", "typical", "fit_id", "target"])
def test_a_card_that_lacks_what_it_has_to_tell_is_refused(lost: str, stored: dict[str, dict[str, bytes]]) -> None:
    card = json.loads(stored["ridge"]["model.json"])
    del card[lost]
    card["checksum"] = content_hash({key: value for key, value in card.items() if key != "checksum"})
    with pytest.raises(FoodInspectionsError, match=f"model.json lacks {lost}"):
        read_card({"model.json": canonical_json(card)})


@pytest.fixture(scope="module")
def both(schedule: Schedule, specs: dict[str, AlgorithmSpec], rows: pd.DataFrame) -> dict[str, list[FittedModel]]:
    """The models of both labels."""
    trained = {
        name: trained_on(recipe(spec, FEATURES, FAILED, CRITICAL), schedule, rows, [WEEK])
        for name, spec in specs.items()
    }
    return {name: [load(of.models[str(entry.model_id)]) for entry in of.weeks] for name, of in trained.items()}


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_models_of_both_labels_answer_together_as_each_alone(
    name: str, both: dict[str, list[FittedModel]], rows: pd.DataFrame
) -> None:
    inputs = Inputs.of(rows.tail(200), (*FEATURES, ("failures", "numeric")))  # and a feature that they do not use
    together = answers(both[name], inputs, 0.3)
    assert [model.card["label"] for model in both[name]] == ["failed", "critical_violation"]
    for model, of_model in zip(both[name], together, strict=True):
        alone = answers([model], inputs, 0.3)[0]
        by_row = answers([model], inputs.take(slice(7, 8)), 0.3)[0]
        for answer, values in of_model._asdict().items():
            assert values.dtype == np.float64 and ((values > 0) & (values < 1)).all()
            assert values.tobytes() == getattr(alone, answer).tobytes()
            assert values[7:8].tobytes() == getattr(by_row, answer).tobytes()
        assert np.array_equal(of_model.expected_find, model.predict(inputs))
    assert not np.array_equal(together[0].expected_find, together[1].expected_find)


@pytest.mark.parametrize("name", ["ridge", "logistic_regression", "xgboost", "knn"])
def test_own_risk_knows_the_place_alone_and_priority_lies_between(
    name: str, both: dict[str, list[FittedModel]], rows: pd.DataFrame
) -> None:
    model = both[name][0]
    inputs = Inputs.of(rows.tail(300), FEATURES)
    place = {at for at, (feature, _) in enumerate(FEATURES) if ABOUT[feature] == "place"}
    numeric = inputs.numeric.copy()
    numeric[:, [at for at in range(3) if at not in place]] = np.float32(1.5)
    elsewhere = Inputs(inputs.features, numeric, inputs.codes, inputs.vocabularies)
    here, there = (answers([model], rows_of, 0.5)[0] for rows_of in (inputs, elsewhere))
    assert np.array_equal(here.own_risk, there.own_risk)
    assert not np.array_equal(here.expected_find, there.expected_find)
    whole, none = (answers([model], inputs, weight)[0] for weight in (1.0, 0.0))
    assert np.array_equal(whole.priority, whole.expected_find) and np.array_equal(none.priority, none.own_risk)
    if name == "logistic_regression":  # In a linear model half the surroundings are half the way.
        known = (np.abs(inputs.numeric[:, 1:]) < 2).all(axis=1)  # further out values are cut
        own, priority, expected = (logit(of[known]) for of in (here.own_risk, here.priority, here.expected_find))
        assert np.ptp(expected - own) > 0.05 and priority == pytest.approx((own + expected) / 2, abs=1e-3)


def test_scores_become_probabilities_by_the_calibration_of_the_card(both: dict[str, list[FittedModel]]) -> None:
    for models in both.values():
        for model in models:
            score = np.linspace(0, 1, 50)
            assert np.array_equal(model.probability(score), model.calibration.probability(score))
            assert model.card["calibration"] == model.calibration.to_dict()
