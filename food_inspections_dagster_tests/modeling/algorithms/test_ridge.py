import numpy as np
import pytest
from sklearn.linear_model import Ridge

from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import Inputs, preprocessing
from food_inspections_dagster.modeling.algorithms.ridge import ALGORITHM
from food_inspections_dagster.modeling.rules import AlgorithmSpec


@pytest.mark.parametrize("balance", ["none", "class_weight"])
def test_coefficients_are_those_of_scikit_learn(inputs: Inputs, label: np.ndarray, balance: str) -> None:
    target = np.where(np.arange(3600) % 3, label, 0.25).astype(np.float32)
    design, fitted = algorithms.fit(AlgorithmSpec("r", "ridge", {"alpha": 300.0, "balance": balance}), inputs, target)
    scaled = fitted["prepare"].transform(design, inputs).astype(np.float64)
    weights = preprocessing.row_weights(target, balance)
    expected = Ridge(alpha=300.0).fit(scaled, target, sample_weight=weights)
    assert fitted["model"].coef_ == pytest.approx(expected.coef_, rel=1e-6, abs=1e-9)
    score = ALGORITHM.predict(fitted, design, inputs)
    assert score == pytest.approx(np.clip(expected.predict(scaled), 0, 1), abs=1e-6)
    assert np.average(score, weights=weights) == pytest.approx(np.average(target, weights=weights), abs=0.01)


def test_contributions_add_up_to_the_score(inputs: Inputs, label: np.ndarray) -> None:
    for scaling in ("standard", "none"):
        parameters = {"alpha": 300.0, "scaling": scaling, "outliers": "quantile"}
        design, fitted = algorithms.fit(AlgorithmSpec("r", "ridge", parameters), inputs, label)
        score = ALGORITHM.predict(fitted, design, inputs)
        rest = score - ALGORITHM.contributions(fitted, design, inputs).sum(axis=1)
        inside = (score > 0) & (score < 1)
        assert np.ptp(rest[inside]) < 1e-5
        assert rest[inside].mean() == pytest.approx(label.mean(), abs=1e-4)
