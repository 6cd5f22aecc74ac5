import importlib
import sys
from collections.abc import Iterator, Mapping
from datetime import date
from pathlib import Path
from types import MappingProxyType

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Inputs, discover, resolve
from food_inspections_dagster.modeling.intervals import ScoreIntervals
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule
from food_inspections_dagster.modeling.scoring import Order, Wording, rank
from food_inspections_dagster_tests.modeling.cases import recipe, trained_on

TOY = """
import json
import numpy as np
from food_inspections_dagster.modeling.algorithms.protocol import Algorithm

class Toy(Algorithm):
    name = "toy"
    description = "Every row's odds are those of the training rows."
    kind = "python"
    defaults = {"added": 0.0}
    libraries = ()
    file = "model.json.txt"
    explained_ranks = 2

    def fit(self, parameters, seed, design, inputs, target, previous=None):
        return float(target.mean(dtype=float)) + parameters["added"]

    def predict(self, fitted, design, inputs):
        return np.full(len(inputs), fitted)

    def contributions(self, fitted, design, inputs):
        return np.full((len(inputs), len(design.owners)), 0.5)

    def dump(self, fitted):
        return json.dumps(fitted).encode()

    def load(self, data):
        return json.loads(data)

ALGORITHM = Toy()
"""


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_each_algorithm_learns_and_stays_calibrated(
    name: str, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    train, test = slice(0, 2400), slice(2400, 3600)
    design, fitted = algorithms.fit(specs[name], inputs.take(train), label[train])
    score = ALGORITHMS[name].predict(fitted, design, inputs.take(test))
    assert score.dtype == np.float64 and ((score >= 0) & (score <= 1)).all()
    assert roc_auc_score(label[test], score) > 0.65
    # A mean of ranks is no probability, and knows none.
    expected = 0.5 if name == "rank_mean" else label[test].mean()
    assert score.mean() == pytest.approx(expected, abs=0.03)
    assert len(ALGORITHMS[name].predict(fitted, design, inputs.take(slice(0, 0)))) == 0


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_a_row_gets_the_same_bits_in_whatever_company(
    name: str, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    design, fitted = algorithms.fit(specs[name], inputs, label)
    algorithm = ALGORITHMS[name]
    together = algorithm.predict(fitted, design, inputs)
    by_week = [algorithm.predict(fitted, design, inputs.take(slice(i, i + 60))) for i in range(0, 3600, 60)]
    assert np.concatenate(by_week).tobytes() == together.tobytes()
    rows = np.arange(0, 3600, 9)
    alone = [algorithm.predict(fitted, design, inputs.take(slice(i, i + 1))) for i in rows]
    assert np.concatenate(alone).tobytes() == together[rows].tobytes()
    shuffled = np.random.default_rng(0).permutation(3600)
    assert algorithm.predict(fitted, design, inputs.take(shuffled)).tobytes() == together[shuffled].tobytes()


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_preprocessing_sees_training_rows_only(
    name: str, specs: dict[str, AlgorithmSpec], rows: pd.DataFrame, label: np.ndarray, features: Features
) -> None:
    train = rows.iloc[:1200]
    alone = Inputs.of(train, features)
    design, fitted = algorithms.fit(specs[name], alone, label[:1200])
    later = rows.iloc[1200:].assign(kind="Never seen", noise=pd.Series([1e6] * 2400).astype(rows["noise"].dtype).array)
    together = Inputs.of(pd.concat([train, later]), features).take(slice(0, 1200))
    second_design, second = algorithms.fit(specs[name], together, label[:1200])
    predict = ALGORITHMS[name].predict
    assert np.array_equal(predict(fitted, design, alone), predict(second, second_design, together))
    # Unknown categories and wild values are met without an error.
    assert np.isfinite(predict(fitted, design, Inputs.of(later, features))).all()


def soft(label: np.ndarray) -> np.ndarray:
    """A soft target in quarters that goes with the label."""
    rng = np.random.default_rng(4)
    return (rng.integers(0, 2, len(label)) + 2 * label + rng.integers(0, 2, len(label)) * label).astype(np.float32) / 4


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_a_soft_target_is_learnt_without_a_bias(
    name: str, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    target = soft(label)
    train, test = slice(0, 2400), slice(2400, 3600)
    design, fitted = algorithms.fit(specs[name], inputs.take(train), target[train])
    score = ALGORITHMS[name].predict(fitted, design, inputs.take(test))
    assert roc_auc_score(label[test], score) > 0.65
    expected = 0.5 if name == "rank_mean" else target[test].mean()
    assert score.mean() == pytest.approx(expected, abs=0.03)
    # As a number a hard target is what it is as a truth value.
    as_truth = algorithms.fit(specs[name], inputs, label)[1]
    as_number = algorithms.fit(specs[name], inputs, label.astype(np.float32))[1]
    assert ALGORITHMS[name].dump(as_truth) == ALGORITHMS[name].dump(as_number)


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_several_targets_at_once_are_fitted_as_each_alone(
    name: str, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    targets = np.array([label.astype(np.float32), soft(label), np.roll(label, 1).astype(np.float32)])
    algorithm = ALGORITHMS[name]
    design, fits = algorithms.fit_many(specs[name], inputs, targets)
    some = inputs.take(slice(0, 300))
    scores = algorithm.predict_many(fits, design, some)
    for target, fitted, score in zip(targets, fits, scores, strict=True):
        assert algorithm.predict(fitted, design, some).tobytes() == score.tobytes()
        alone = algorithm.dump(algorithms.fit(specs[name], inputs, target)[1])
        assert algorithm.joint or algorithm.dump(fitted) == alone
        stored = algorithm.load(algorithm.dump(fitted))
        assert algorithm.predict(stored, design, some).tobytes() == score.tobytes()
    assert algorithm.predict_many(fits, design, inputs.take(slice(0, 0))).shape == (3, 0)


@pytest.mark.parametrize("name", ["ridge", "logistic_regression", "xgboost"])
def test_a_soft_target_is_the_mean_of_its_hard_ones(
    name: str, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    # Rows that stand there twice, once with each class, are rows with a target of one half.
    half = np.where(np.arange(3600) % 2, label, 0.5).astype(np.float32)
    twice = inputs.take(np.tile(np.arange(3600), 2))
    hard = np.concatenate([np.ceil(half), np.floor(half)])
    parameters = {**specs[name].parameters}
    # As many rows are twice as many: so is the penalty to be.
    doubled = {"ridge": {"alpha": 200.0}, "logistic_regression": {"C": 0.05}, "xgboost": {}}[name]
    design, fitted = algorithms.fit(specs[name], inputs, half)
    design2, fitted2 = algorithms.fit(AlgorithmSpec(name, name, {**parameters, **doubled}), twice, hard)
    first = ALGORITHMS[name].predict(fitted, design, inputs)
    second = ALGORITHMS[name].predict(fitted2, design2, inputs)
    assert np.abs(first - second).mean() < (0.02 if name == "xgboost" else 0.001)


@pytest.mark.parametrize(
    ("targets", "sentence"),
    [
        (np.full((1, 3600), 1.0), "its target is the same for all 3600 rows"),
        (np.linspace(0, 1.1, 3600)[None], "outside 0 to 1 or is unknown"),
        (np.array([[np.nan, *[0.5] * 3599]]), "outside 0 to 1 or is unknown"),
        (np.zeros((1, 5)), "shape \\(1, 5\\), and there are 3600 rows"),
    ],
)
def test_targets_that_nothing_can_be_learnt_from_are_refused(
    targets: np.ndarray, sentence: str, specs: dict[str, AlgorithmSpec], inputs: Inputs
) -> None:
    with pytest.raises(FoodInspectionsError, match=sentence):
        algorithms.fit_many(specs["ridge"], inputs, targets)


def test_a_recipe_is_the_same_by_whatever_name_and_with_defaults_written_out() -> None:
    spec = AlgorithmSpec("a", "xgboost", {"max_depth": 3})
    assert algorithms.key(spec) == algorithms.key(AlgorithmSpec("b", "xgboost"))
    assert algorithms.key(spec) != algorithms.key(AlgorithmSpec("b", "xgboost", {"max_depth": 4}))
    assert algorithms.key(spec) != algorithms.key(AlgorithmSpec("b", "xgboost", seed=1))


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_contributions_of_a_row_are_its_own_and_of_no_rows_none(
    name: str, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    design, fitted = algorithms.fit(specs[name], inputs, label)
    contributions = ALGORITHMS[name].contributions
    together = contributions(fitted, design, inputs.take(slice(0, 8)))
    assert together.shape == (8, len(design.owners)) and together.any()
    for row in range(8):
        alone = contributions(fitted, design, inputs.take(slice(row, row + 1)))
        assert alone == pytest.approx(together[row : row + 1], abs=1e-9)
    assert contributions(fitted, design, inputs.take(slice(0, 0))).shape == (0, len(design.owners))


@pytest.mark.parametrize("name", ["xgboost", "logistic_regression", "baseline"])
def test_contributions_add_up_to_the_log_odds(
    name: str, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    design, fitted = algorithms.fit(specs[name], inputs, label)
    some = inputs.take(slice(0, 200))
    score = ALGORITHMS[name].predict(fitted, design, some)
    bias = np.log(score / (1 - score)) - ALGORITHMS[name].contributions(fitted, design, some).sum(axis=1)
    assert np.ptp(bias) < 1e-4


@pytest.fixture
def with_toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Mapping[str, algorithms.Algorithm]]:
    """The algorithms where one file more lies in the package."""
    (tmp_path / "toy.py").write_text(TOY)
    importlib.invalidate_caches()
    monkeypatch.setattr(algorithms, "__path__", [*algorithms.__path__, str(tmp_path)])
    monkeypatch.setattr(algorithms, "ALGORITHMS", discover())
    yield algorithms.ALGORITHMS
    sys.modules.pop(f"{algorithms.__name__}.toy", None)


def test_an_algorithm_is_added_by_one_file(
    with_toy: Mapping[str, algorithms.Algorithm], schedule: Schedule, rows: pd.DataFrame, features: Features
) -> None:
    assert list(with_toy) == sorted([*ALGORITHMS, "toy"])
    week = date(2010, 10, 11)
    spec = AlgorithmSpec("toy_group", "toy", {"added": 0.01})
    trained = trained_on(recipe(spec, features), schedule, rows, [week])
    files = trained.models[str(trained.weeks[0].model_id)]
    assert sorted(files) == ["model.json", "model.json.txt"]
    model = load(files)
    window = model.card["training_window"]
    assert model.card["libraries"].keys() == {"numpy"}
    some = rows.head(5).reset_index(drop=True)
    score = model.algorithm.predict(model.fitted, model.design, Inputs.of(some, features))
    assert (score == window["positives"] / window["rows"] + 0.01).all()
    assert model.predict(some) == pytest.approx(window["positives"] / window["rows"], abs=0.03)
    phrases = {name: lambda value: "something" for name, _ in features}
    nothing, order = ScoreIntervals((), (), (), (), (), 0.95), Order(surroundings=0.5)
    cohort = some[["establishment_id", "zip"]].assign(latitude=41.9, visits=3)
    ranked = rank(model, "toy_group", cohort, some, week, Wording(phrases), order, nothing).rows
    assert ranked["reason_1"].notna().tolist() == [True, True, False, False, False]


def test_two_algorithms_of_one_name_are_refused(
    with_toy: Mapping[str, algorithms.Algorithm], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, f"{algorithms.__name__}.toy_again", None)
    monkeypatch.delitem(sys.modules, f"{algorithms.__name__}.toy_again")
    (tmp_path / "toy_again.py").write_text(TOY)
    importlib.invalidate_caches()
    with pytest.raises(FoodInspectionsError, match="call their algorithm toy: rename one"):
        discover()


def test_no_other_module_of_the_method_names_an_algorithm() -> None:
    package = Path(algorithms.__file__).parent
    shared = [p for p in package.glob("*.py") if "\nALGORITHM = " not in p.read_text()]
    others = ("persistence", "training", "documents", "explanations", "scoring", "grids", "own_risk")
    stores = [package.parent / f"{name}.py" for name in others]
    for file in [*shared, *stores]:
        text = file.read_text()
        assert not [name for name in ALGORITHMS if f'"{name}"' in text], file


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (AlgorithmSpec("a", "forest"), "'forest', which is unknown: use one of baseline, estimator, knn"),
        (AlgorithmSpec("a", "knn", {"k": 5}), "unknown parameter 'k': knn takes impute"),
        (AlgorithmSpec("a", "ridge", {"impute": "zero"}), "impute = 'zero': 'zero' is none of its values: use mean"),
        (AlgorithmSpec("a", "ridge", {"flags": 1}), "flags = 1: it must be true or false"),
        (AlgorithmSpec("a", "ridge", {"alpha": 0.0}), "do not fit together: alpha must be above 0"),
        (AlgorithmSpec("a", "knn", {"impute": "none"}), "impute is none, and it cannot learn from what is unknown"),
        (AlgorithmSpec("a", "ridge", {"scaling": "none"}), "set scaling to standard"),
    ],
)
def test_unknown_recipes_are_refused(spec: AlgorithmSpec, sentence: str) -> None:
    with pytest.raises(FoodInspectionsError, match=sentence):
        resolve(spec)


def test_the_algorithms_are_read_only() -> None:
    assert isinstance(ALGORITHMS, MappingProxyType)
    for algorithm in ALGORITHMS.values():
        assert isinstance(algorithm.defaults, MappingProxyType)
        assert algorithm.description.endswith(".")
    with pytest.raises(FoodInspectionsError, match="'forest' is unknown: use one of baseline"):
        algorithms.algorithm("forest")
