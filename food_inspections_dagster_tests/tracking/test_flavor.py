import io
from datetime import date

import numpy as np
import orjson
import pandas as pd
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.persistence import FittedModel, answers, dump
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Schedule
from food_inspections_dagster.tracking.client import write
from food_inspections_dagster.tracking.flavor import model_digest, model_folder
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.modeling.cases import model_at
from food_inspections_dagster_tests.modeling.conftest import FIRST

FEATURES = (("rate", "numeric"), ("sparse", "numeric"), ("noise", "numeric"), ("kind", "categorical"))
SCHEDULE = Schedule(update_weeks=13, training_window_weeks=26, min_training_rows=300, calibration_weeks=26)
SPECS = (
    AlgorithmSpec("xgboost", "xgboost", {"n_estimators": 30, "min_child_weight": 5.0}),
    AlgorithmSpec("logistic_regression", "logistic_regression", {"C": 0.1}),
    AlgorithmSpec("knn", "knn", {"n_neighbors": 60, "selected_columns": 4, "components": 3}),
)
WEIGHT = 0.25
WEEK_OF_FIT = FIRST + 39 * WEEK


@pytest.fixture(scope="module", params=SPECS, ids=lambda spec: spec.name)
def model(request: pytest.FixtureRequest, rows: pd.DataFrame) -> FittedModel:
    return model_at(request.param, FEATURES, SCHEDULE, rows, WEEK_OF_FIT)


@pytest.fixture
def pyfunc(monkeypatch):
    monkeypatch.setenv("MLFLOW_DISABLE_TELEMETRY", "true")
    import mlflow.pyfunc

    return mlflow.pyfunc


def same(given: pd.DataFrame, model: FittedModel, rows: pd.DataFrame) -> None:
    expected = answers([model], Inputs.of(rows, model.features), WEIGHT)[0]._asdict()
    assert list(given.columns) == list(expected)
    for name, values in expected.items():
        assert np.array_equal(given[name].to_numpy(), values), name  # bit for bit


def test_mlflow_gives_the_numbers_of_the_project(model, rows, pyfunc, tmp_path):
    write(tmp_path, model_folder(dump(model), WEEK_OF_FIT, WEIGHT))
    loaded = pyfunc.load_model(str(tmp_path))
    names = [name for name, _ in FEATURES]
    some = rows.iloc[-200:].reset_index(drop=True)
    assert some["sparse"].isna().any()
    same(loaded.predict(some[names]), model, some)
    # As a request has them: JSON, where what is unknown is null, and a number is a double.
    sent = some[names].astype({"kind": object}).to_json(orient="split", double_precision=15)
    as_json = pd.read_json(io.StringIO(sent), orient="split", dtype={"kind": object}, precise_float=True)
    same(loaded.predict(as_json), model, some)
    assert len(np.unique(loaded.predict(some[names])["expected_find"])) > 10


def test_a_folder_has_the_models_own_files_and_no_pickle(model):
    files = dump(model)
    folder = model_folder(files, WEEK_OF_FIT, WEIGHT)
    assert folder == model_folder(files, WEEK_OF_FIT, WEIGHT)
    assert {path.removeprefix("data/"): content for path, content in folder.items() if path != "MLmodel"} == files
    assert not any(content.startswith(b"\x80") for content in folder.values())


def test_the_mlflow_model_names_features_answers_and_card(model, pyfunc, tmp_path):
    write(tmp_path, model_folder(dump(model), WEEK_OF_FIT, WEIGHT))
    metadata = pyfunc.load_model(str(tmp_path)).metadata
    assert metadata.signature.inputs.input_names() == [name for name, _ in FEATURES]
    assert metadata.signature.outputs.input_names() == ["expected_find", "own_risk", "priority"]
    assert metadata.metadata["model_id"] == model.model_id
    assert metadata.utc_time_created.startswith(str(WEEK_OF_FIT))


def test_the_weight_of_the_surroundings_is_the_one_that_was_registered(model, rows, pyfunc, tmp_path):
    some = rows.iloc[-50:].reset_index(drop=True)
    given = {}
    for weight in (0.0, 1.0):
        write(tmp_path / str(weight), model_folder(dump(model), WEEK_OF_FIT, weight))
        given[weight] = pyfunc.load_model(str(tmp_path / str(weight))).predict(some[[name for name, _ in FEATURES]])
    assert given[0.0]["priority"].equals(given[0.0]["own_risk"])
    assert given[1.0]["priority"].equals(given[1.0]["expected_find"])
    assert model_digest(model.model_id, 0.0) != model_digest(model.model_id, 1.0)


def test_a_damaged_file_is_refused(model, pyfunc, tmp_path):
    folder = model_folder(dump(model), WEEK_OF_FIT, WEIGHT)
    card = orjson.loads(folder["data/model.json"])
    folder["data/model.json"] = orjson.dumps({**card, "calibration": {**card["calibration"], "slope": 9.0}})
    write(tmp_path, folder)
    with pytest.raises(FoodInspectionsError, match="changed after it was written"):
        pyfunc.load_model(str(tmp_path))


def test_a_feature_that_is_missing_is_named(model, rows, pyfunc, tmp_path):
    from mlflow.exceptions import MlflowException

    write(tmp_path, model_folder(dump(model), date(2010, 10, 4), WEIGHT))
    with pytest.raises(MlflowException, match="rate"):
        pyfunc.load_model(str(tmp_path)).predict(rows[["sparse", "noise", "kind"]].iloc[:5])
