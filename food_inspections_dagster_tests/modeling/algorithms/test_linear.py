import numpy as np
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import linear
from food_inspections_dagster.modeling.algorithms.scaling import Scaling


def _data() -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(2000, 4)).astype(np.float32)
    return X, (rng.random(2000) < 1 / (1 + np.exp(-X[:, 0]))).astype(np.int8)


def test_probabilities_are_those_of_scikit_learn() -> None:
    X, y = _data()
    pipeline = linear.fit(Scaling(), X, y, C=0.1, max_iter=100)
    assert linear.predict(pipeline, X) == pytest.approx(pipeline.predict_proba(X)[:, 1], abs=1e-5)


def test_a_fit_that_does_not_converge_is_refused() -> None:
    X, y = _data()
    with pytest.raises(FoodInspectionsError, match="did not converge"), pytest.warns(Warning):
        linear.fit(Scaling(), X, y, C=100.0, max_iter=1)
