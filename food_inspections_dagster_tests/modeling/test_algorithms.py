import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Design, Inputs, OutlierClipper, resolve
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features

FEATURES: Features = (
    ("rate", "numeric"),
    ("failures", "numeric"),
    ("sparse", "numeric"),
    ("noise", "numeric"),
    ("constant", "numeric"),
    ("unknown", "numeric"),
    ("kind", "categorical"),
)


@pytest.fixture(scope="module")
def inputs(rows: pd.DataFrame) -> Inputs:
    return Inputs.of(rows, FEATURES)


@pytest.fixture(scope="module")
def label(rows: pd.DataFrame) -> np.ndarray:
    return rows["failed"].to_numpy(dtype=bool)


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_each_algorithm_learns_and_stays_calibrated(
    name: str, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    train, test = slice(0, 2400), slice(2400, 3600)
    design, estimator = algorithms.fit(specs[name], inputs.take(train), label[train])
    score = estimator.predict(design.matrix(inputs.take(test)))
    assert score.dtype == np.float64 and ((score >= 0) & (score <= 1)).all()
    assert roc_auc_score(label[test], score) > 0.65
    assert score.mean() == pytest.approx(label[test].mean(), abs=0.03)
    assert len(estimator.predict(design.matrix(inputs.take(slice(0, 0))))) == 0


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_preprocessing_sees_training_rows_only(
    name: str, specs: dict[str, AlgorithmSpec], rows: pd.DataFrame, label: np.ndarray
) -> None:
    train = rows.iloc[:1200]
    alone = Inputs.of(train, FEATURES)
    design, estimator = algorithms.fit(specs[name], alone, label[:1200])
    later = rows.iloc[1200:].assign(kind="Never seen", noise=pd.Series([1e6] * 2400).astype(rows["noise"].dtype).array)
    together = Inputs.of(pd.concat([train, later]), FEATURES).take(slice(0, 1200))
    second_design, second = algorithms.fit(specs[name], together, label[:1200])
    expected = estimator.predict(design.matrix(alone))
    assert np.array_equal(expected, second.predict(second_design.matrix(together)))
    # Unknown categories and wild values are met without an error.
    assert np.isfinite(estimator.predict(design.matrix(Inputs.of(later, FEATURES)))).all()


@pytest.mark.parametrize("name", ["xgboost", "logistic_regression", "baseline"])
def test_contributions_add_up_to_the_log_odds(
    name: str, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    design, estimator = algorithms.fit(specs[name], inputs, label)
    matrix = design.matrix(inputs.take(slice(0, 200)))
    score = estimator.predict(matrix)
    bias = np.log(score / (1 - score)) - estimator.contributions(matrix).sum(axis=1)
    assert np.ptp(bias) < 1e-4


def test_knn_contributions_are_the_change_by_substitution(
    specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    design, estimator = algorithms.fit(specs["knn"], inputs, label)
    matrix = design.matrix(inputs.take(slice(0, 50)))
    found = estimator.contributions(matrix)
    median = np.median(inputs.numeric[:, 0])
    changed = matrix.copy()
    changed[:, 0] = median
    k = specs["knn"].parameters["n_neighbors"]

    def log_odds(share: np.ndarray) -> np.ndarray:
        return np.log((share * k + 0.5) / (k - share * k + 0.5))  # type: ignore[operator]

    expected = log_odds(estimator.predict(matrix)) - log_odds(estimator.predict(changed))
    assert found[:, 0] == pytest.approx(expected)
    assert np.abs(found[:, 0]).max() > 0.1
    assert not found[:, FEATURES.index(("constant", "numeric"))].any()


def test_xgboost_gives_the_same_bytes_with_one_thread_and_with_two(
    specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = []
    for threads in (1, 2):
        monkeypatch.setattr(algorithms, "THREADS", threads)
        _, estimator = algorithms.fit(specs["xgboost"], inputs, label)
        found.append(bytes(estimator.booster.save_raw("ubj")))  # type: ignore[attr-defined]
    assert found[0] == found[1]


def test_baseline_ranks_by_its_feature_alone(
    specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    design, estimator = algorithms.fit(specs["baseline"], inputs, label)
    score = estimator.predict(design.matrix(inputs))
    order = np.argsort(inputs.numeric[:, 0], kind="stable")
    assert (np.diff(score[order]) >= 0).all() and len(np.unique(score)) > 1000


def test_baseline_gives_unknown_rows_their_own_base_rate() -> None:
    rng = np.random.default_rng(0)
    rate = rng.random(4000).astype(np.float32)
    label = rng.random(4000) < rate * 0.4
    rate[:1000], label[:1000] = np.nan, rng.random(1000) < 0.7
    inputs = Inputs((("rate", "numeric"),), rate[:, None], np.empty((4000, 0), np.int32), ())
    design, estimator = algorithms.fit(AlgorithmSpec("b", "baseline", {"feature": "rate"}), inputs, label)
    score = estimator.predict(design.matrix(inputs))
    assert score[:1000] == pytest.approx(label[:1000].mean(), abs=1e-3)
    assert score[1000:].mean() == pytest.approx(label[1000:].mean(), abs=1e-3)


def test_design_gives_rare_unseen_and_null_categories_zeros(rows: pd.DataFrame) -> None:
    design = Design.fit(Inputs.of(rows, FEATURES))
    assert design.categories["kind"] == ("Grocery Store", "Restaurant", "School")
    some = rows.head(5).assign(
        kind=pd.Series(["School", "Rare", "New", None, "Restaurant"]).astype(rows["kind"].dtype).array
    )
    one_hot = design.matrix(Inputs.of(some, FEATURES))[:, -3:]
    assert one_hot.tolist() == [[0, 0, 1], [0, 0, 0], [0, 0, 0], [0, 0, 0], [0, 1, 0]]
    assert design.owners.tolist() == [0, 1, 2, 3, 4, 5, 6, 6, 6]


def test_clipper_cuts_outliers_takes_logs_of_long_tails_and_leaves_flags() -> None:
    rng = np.random.default_rng(0)
    flag = (rng.random(1000) < 0.003).astype(np.float32)
    tail = rng.exponential(50, 1000).astype(np.float32)
    plain = rng.normal(size=1000).astype(np.float32)
    plain[0], tail[1] = 1e6, np.nan
    X = np.column_stack([flag, tail, plain])
    clipper = OutlierClipper().fit(X)
    out = clipper.transform(X)
    assert clipper.log_.tolist() == [False, True, False]
    assert np.array_equal(out[:, 0], flag)
    assert out[0, 2] < 5 and np.isnan(out[1, 1])
    assert np.nanmax(out[:, 1]) <= np.log1p(np.nanquantile(tail, 0.997))
    assert X[0, 2] == 1e6  # the input is not changed


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        (AlgorithmSpec("a", "forest"), "'forest', which is unknown: use one of xgboost"),
        (AlgorithmSpec("a", "knn", {"k": 5}), "unknown parameter 'k': knn takes n_neighbors"),
    ],
)
def test_unknown_recipes_are_refused(spec: AlgorithmSpec, said: str) -> None:
    with pytest.raises(FoodInspectionsError, match=said):
        resolve(spec)


def test_bad_features_are_refused_by_name(rows: pd.DataFrame, label: np.ndarray) -> None:
    with pytest.raises(FoodInspectionsError, match="lack missing_one"):
        Inputs.of(rows, (("missing_one", "numeric"),))
    with pytest.raises(FoodInspectionsError, match="kind is said to be numeric"):
        Inputs.of(rows, (("kind", "numeric"),))
    with pytest.raises(FoodInspectionsError, match="noise holds infinite values"):
        Inputs.of(rows.assign(noise=pd.Series([np.inf] * len(rows)).astype(rows["noise"].dtype).array), FEATURES)
    with pytest.raises(FoodInspectionsError, match="ranks by the feature 'kind'"):
        algorithms.fit(AlgorithmSpec("b", "baseline", {"feature": "kind"}), Inputs.of(rows, FEATURES), label)
