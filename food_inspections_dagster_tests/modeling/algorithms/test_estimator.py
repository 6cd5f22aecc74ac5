import numpy as np
import pytest
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import Inputs, estimator
from food_inspections_dagster.modeling.algorithms.estimator import ALGORITHM
from food_inspections_dagster.modeling.rules import AlgorithmSpec


def _spec(path: str, parameters: dict | None = None, **options: object) -> AlgorithmSpec:
    return AlgorithmSpec("e", "estimator", {"estimator": path, "estimator_parameters": parameters or {}, **options})


@pytest.mark.parametrize(
    "spec",
    [
        _spec("sklearn.naive_bayes.GaussianNB"),
        _spec("sklearn.linear_model.SGDClassifier", {"loss": "log_loss"}),
        _spec("sklearn.ensemble.HistGradientBoostingClassifier", {"max_iter": 10}, impute="none"),
        _spec("sklearn.ensemble.ExtraTreesRegressor", {"n_estimators": 5, "min_samples_leaf": 20}),
        _spec("sklearn.ensemble.AdaBoostClassifier", {"n_estimators": 3}),
        _spec("sklearn.neural_network.MLPRegressor", {"hidden_layer_sizes": [4], "max_iter": 5}),
    ],
    ids=lambda spec: spec.parameters["estimator"],
)
@pytest.mark.filterwarnings("ignore:Stochastic Optimizer")
def test_a_class_of_scikit_learn_is_fitted_stored_and_gives_each_row_its_own_bits(
    spec: AlgorithmSpec, inputs: Inputs, label: np.ndarray
) -> None:
    target = np.where(np.arange(3600) % 4, label, 0.25).astype(np.float32)
    design, fitted = algorithms.fit(spec, inputs, target)
    some = inputs.take(slice(0, 40))
    score = ALGORITHM.predict(fitted, design, some)
    assert ((score >= 0) & (score <= 1)).all() and score[label[:40]].mean() > score[~label[:40]].mean()
    alone = [ALGORITHM.predict(fitted, design, some.take(slice(i, i + 1))) for i in range(40)]
    assert np.concatenate(alone).tobytes() == score.tobytes()
    data = ALGORITHM.dump(fitted)
    assert ALGORITHM.predict(ALGORITHM.load(data), design, some).tobytes() == score.tobytes()
    assert ALGORITHM.dump(ALGORITHM.load(data)) == data
    assert ALGORITHM.dump(algorithms.fit(spec, inputs, target)[1]) == data


def test_contributions_are_the_change_by_substitution(inputs: Inputs, label: np.ndarray) -> None:
    spec = _spec("sklearn.ensemble.RandomForestClassifier", {"n_estimators": 10, "min_samples_leaf": 30})
    design, fitted = algorithms.fit(spec, inputs, label)
    some = inputs.take(slice(0, 30))
    numeric = some.numeric.copy()
    numeric[:, 0] = np.sort(inputs.numeric[:, 0])[round(3599 / 2)]
    changed = Inputs(some.features, numeric, some.codes, some.vocabularies)
    expected = ALGORITHM.predict(fitted, design, some) - ALGORITHM.predict(fitted, design, changed)
    terms = ALGORITHM.contributions(fitted, design, some)
    assert terms[:, 0] == pytest.approx(expected) and np.abs(expected).max() > 0.05


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (_spec("os.system"), "'os.system' is no classifier or regressor of scikit-learn"),
        (_spec("sklearn.svm.Nothing"), "'sklearn.svm.Nothing' is no classifier"),
        (_spec("sklearn.nothing.SVC"), "'sklearn.nothing.SVC' is no classifier"),
        (_spec("sklearn.datasets.load_iris"), "'sklearn.datasets.load_iris' is no classifier"),
        (_spec("sklearn.decomposition.PCA"), "'sklearn.decomposition.PCA' is no classifier"),
        (_spec("sklearn.svm.LinearSVC"), "a classifier has to give probabilities"),
        (_spec("sklearn.linear_model.Ridge", {"depth": 3}), "does not take its estimator_parameters"),
        (_spec("sklearn.linear_model.Ridge", impute="none"), "impute is none"),
    ],
)
def test_what_is_no_estimator_is_refused(spec: AlgorithmSpec, sentence: str) -> None:
    with pytest.raises(FoodInspectionsError, match=sentence):
        algorithms.resolve(spec)


@pytest.mark.parametrize(
    ("spec", "sentence"),
    [
        (_spec("sklearn.linear_model.Ridge", {"alpha": -1}), "cannot be fitted .*mend its estimator_parameters"),
        (_spec("sklearn.neighbors.KNeighborsRegressor"), "cannot be stored, for sklearn"),
        (_spec("sklearn.discriminant_analysis.LinearDiscriminantAnalysis"), "takes no weights"),
    ],
)
def test_what_cannot_be_fitted_or_stored_is_refused(
    spec: AlgorithmSpec, sentence: str, inputs: Inputs, label: np.ndarray
) -> None:
    target = np.where(np.arange(3600) % 4, label, 0.25).astype(np.float32)
    with pytest.raises(FoodInspectionsError, match=sentence):
        algorithms.fit(spec, inputs, target)


@pytest.mark.parametrize("field", ["left", "feature"])
@pytest.mark.parametrize("kind", [RandomForestClassifier, HistGradientBoostingClassifier])
def test_a_tree_that_leads_nowhere_is_refused(kind: type, field: str) -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 3))
    model = kind().set_params(random_state=0).fit(X, X[:, 0] > 0)
    estimator._check_trees(model, 3)
    with pytest.raises(ValueError, match="damaged"):
        estimator._check_trees(model, 0)
    if kind is RandomForestClassifier:
        tree = model.estimators_[7].tree_
        (tree.children_left if field == "left" else tree.feature)[0] = 10_000
    else:
        model._predictors[3][0].nodes["left" if field == "left" else "feature_idx"][0] = 10_000
    with pytest.raises(ValueError, match="damaged"):
        estimator._check_trees(model, 3)
