import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import linear


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4)).astype(np.float32)
    return X, (rng.random(2000) < 1 / (1 + np.exp(-X[:, 0]))).astype(np.float32)


def test_log_odds_are_those_of_scikit_learn() -> None:
    X, y = _data()
    model = linear.fit_logistic(X, y, C=0.1, max_iter=100)
    assert linear.total(Pipeline([("model", model)]), X) == pytest.approx(model.decision_function(X), abs=1e-5)


def test_a_soft_target_has_the_loss_that_is_linear_in_it() -> None:
    X, y = _data()
    target = np.clip(y * 0.75 + 0.25 * (X[:, 1] > 0), 0, 1).astype(np.float32)
    model = linear.fit_logistic(X, target, C=0.1, max_iter=200)
    # At the minimum the gradient is that of the penalty.
    p = 1 / (1 + np.exp(-model.decision_function(X).astype(np.float64)))
    assert X.T @ (target - p) == pytest.approx(model.coef_[0] / 0.1, abs=0.2)
    assert p.mean() == pytest.approx(target.mean(), abs=1e-3)


def test_class_weights_are_those_of_scikit_learn() -> None:
    X, y = _data()
    y = ((y == 1) & (X[:, 1] > 0.5)).astype(np.float32)
    model = linear.fit_logistic(X, y, C=0.1, max_iter=200, balance="class_weight")
    expected = LogisticRegression(C=0.1, class_weight="balanced").fit(X, y.astype(int))
    assert model.coef_ == pytest.approx(expected.coef_, abs=1e-3)


def test_a_fit_that_does_not_converge_is_refused() -> None:
    X, y = _data()
    with pytest.raises(FoodInspectionsError, match="did not converge"), pytest.warns(Warning):
        linear.fit_logistic(X, y, C=100.0, max_iter=1)
