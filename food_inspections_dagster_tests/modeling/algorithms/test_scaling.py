import numpy as np
import pytest
from sklearn.feature_selection import VarianceThreshold
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from food_inspections_dagster.modeling.algorithms.scaling import Scaling


@pytest.fixture
def X() -> np.ndarray:
    """A rare flag, a long tail with gaps, a plain column with an outlier, a constant and one that is never known."""
    rng = np.random.default_rng(0)
    flag = (rng.random(1000) < 0.003).astype(np.float32)
    tail = rng.exponential(50, 1000).astype(np.float32)
    plain = rng.normal(size=1000).astype(np.float32)
    plain[0], tail[1:40] = 1e6, np.nan
    return np.column_stack([flag, tail, plain, np.full(1000, 3), np.full(1000, np.nan)]).astype(np.float32)


def test_outliers_are_cut_long_tails_logged_and_flags_left_alone(X: np.ndarray) -> None:
    scaling = Scaling().fit(X)
    assert scaling.log_.tolist() == [False, True, False, False, False]
    assert np.isinf(scaling.low_[0]) and scaling.high_[2] < 5
    assert scaling.median_[[0, 2, 3]].tolist() == [0, np.sort(X[:, 2])[500], 3] and np.isnan(scaling.median_[4])
    assert scaling.origin_.tolist() == [0, 1, 2, 1] and scaling.marks_.tolist() == [False, False, False, True]
    assert X[0, 2] == 1e6  # the input is not changed


def test_it_is_what_the_steps_of_scikit_learn_give(X: np.ndarray) -> None:
    steps = make_pipeline(
        SimpleImputer(strategy="mean", add_indicator=True, keep_empty_features=True),
        VarianceThreshold(),
        StandardScaler(),
    )
    scaling = Scaling(quantile=None)
    # The indicator of a column that is never known is constant, and goes.
    assert scaling.fit_transform(X) == pytest.approx(steps.fit_transform(X.astype(np.float64)), rel=1e-4, abs=1e-4)


def test_what_is_learnt_is_applied_to_other_rows_and_to_some_columns(X: np.ndarray) -> None:
    scaling = Scaling()
    scaled = scaling.fit_transform(X)
    assert scaling.transform(X).tobytes() == scaled.tobytes()
    assert scaling.transform(X[7:8]).tobytes() == scaled[7:8].tobytes()
    outputs = np.array([3, 1])
    assert np.array_equal(scaling.transform(X[:, [1, 4]], outputs, np.array([1, 4])), scaled[:, outputs])
    unknown = np.full((1, 5), np.nan, dtype=np.float32)
    assert scaling.transform(unknown)[0, :3].tolist() == [0, 0, 0] and scaling.transform(unknown)[0, 3] > 3
