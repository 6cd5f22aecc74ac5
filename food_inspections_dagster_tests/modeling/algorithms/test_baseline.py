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


def test_a_feature_of_one_value_is_refused(label: np.ndarray) -> None:
    ones = np.ones((len(label), 1), np.float32)
    inputs = Inputs((("rate", "numeric"),), ones, np.empty((len(label), 0), np.int32), ())
    with pytest.raises(FoodInspectionsError, match=f"'rate', which has one value in all {len(label)} training rows"):
        algorithms.fit(AlgorithmSpec("b", "baseline"), inputs, label)


def _chosen(inputs: Inputs, target: np.ndarray) -> str:
    design, fitted = algorithms.fit(AlgorithmSpec("b", "baseline"), inputs, target)
    return design.features[fitted["rank_by"].column][0]


def test_without_a_feature_it_takes_the_one_that_ranks_best(inputs: Inputs, label: np.ndarray) -> None:
    design, fitted = algorithms.fit(AlgorithmSpec("b", "baseline"), inputs, label)
    named = algorithms.fit(AlgorithmSpec("b", "baseline", {"feature": "rate"}), inputs, label)[1]
    assert ALGORITHM.dump(fitted) == ALGORITHM.dump(named)
    assert _chosen(inputs, label) == "rate"
    # By rank, whatever the direction and the scale.
    numeric = inputs.numeric.copy()
    numeric[:, 0], numeric[:, 3] = inputs.numeric[:, 3], -np.exp(20 * inputs.numeric[:, 0])
    other = Inputs(inputs.features, numeric, inputs.codes, inputs.vocabularies)
    assert _chosen(other, label) == "noise"
    score = ALGORITHM.predict(algorithms.fit(AlgorithmSpec("b", "baseline"), other, label)[1], design, other)
    assert (np.diff(score[np.argsort(numeric[:, 3], kind="stable")]) <= 0).all()


def test_its_choice_follows_the_target_and_the_first_wins_a_tie(inputs: Inputs, label: np.ndarray) -> None:
    # A target that only ``noise`` ranks, soft too.
    noise = inputs.numeric[:, 3]
    assert _chosen(inputs, noise > 1) == "noise"
    assert _chosen(inputs, np.clip(0.5 + noise / 8, 0, 1).astype(np.float32)) == "noise"
    numeric = inputs.numeric.copy()
    numeric[:, 1] = numeric[:, 2] = numeric[:, 0]
    numeric[:, 0] = np.nan
    twice = Inputs(inputs.features, numeric, inputs.codes, inputs.vocabularies)
    assert _chosen(twice, label) == "failures"
    # Unknown values stand in the middle: they speak neither for nor against a feature.
    holes = inputs.numeric.copy()
    holes[::5, 0] = np.nan
    assert _chosen(Inputs(inputs.features, holes, inputs.codes, inputs.vocabularies), label) == "rate"
