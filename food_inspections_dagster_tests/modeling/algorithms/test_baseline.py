import numpy as np
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.algorithms.baseline import ALGORITHM
from food_inspections_dagster.modeling.rules import AlgorithmSpec


def test_it_ranks_by_its_feature_alone(specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray) -> None:
    design, fitted = algorithms.fit(specs["baseline"], inputs, label)
    score = ALGORITHM.predict(fitted, design, inputs)
    order = np.argsort(inputs.numeric[:, 0], kind="stable")
    assert (np.diff(score[order]) >= 0).all() and len(np.unique(score)) > 1000


def test_unknown_rows_get_their_own_base_rate() -> None:
    rng = np.random.default_rng(0)
    rate = rng.random(4000).astype(np.float32)
    label = rng.random(4000) < rate * 0.4
    rate[:1000], label[:1000] = np.nan, rng.random(1000) < 0.7
    inputs = Inputs((("rate", "numeric"),), rate[:, None], np.empty((4000, 0), np.int32), ())
    design, fitted = algorithms.fit(AlgorithmSpec("b", "baseline", {"feature": "rate"}), inputs, label)
    score = ALGORITHM.predict(fitted, design, inputs)
    assert score[:1000] == pytest.approx(label[:1000].mean(), abs=1e-3)
    assert score[1000:].mean() == pytest.approx(label[1000:].mean(), abs=1e-3)


def test_a_feature_that_is_not_numeric_is_refused(inputs: Inputs, label: np.ndarray) -> None:
    with pytest.raises(FoodInspectionsError, match="ranks by the feature 'kind'"):
        algorithms.fit(AlgorithmSpec("b", "baseline", {"feature": "kind"}), inputs, label)
