import sys

import numpy as np
import pandas as pd
import pytest
from sklearn.feature_selection import SelectKBest, f_classif
from sklearn.metrics import roc_auc_score

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Design, Inputs, preprocessing
from food_inspections_dagster.modeling.algorithms.preprocessing import CHOICES, DEFAULTS, Preprocessing
from food_inspections_dagster.modeling.algorithms.scaling import Scaling
from food_inspections_dagster.modeling.rules import AlgorithmSpec

OPTIONS = [
    {name: value}
    for name, values in CHOICES.items()
    for value in values
    if (name, value) not in {*DEFAULTS.items(), ("impute", "none")}
]


@pytest.mark.parametrize("options", [*OPTIONS, {"flags": False}, {"log": False}], ids=str)
@pytest.mark.parametrize("name", ["logistic_regression", "ridge", "knn", "estimator"])
def test_each_option_gives_a_model_that_ranks_and_whose_rows_keep_their_bits(
    name: str, options: dict, specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    parameters = {**specs[name].parameters, "selected_columns": 3, **options}
    if options.get("scaling") == "none":
        parameters |= {"outliers": "quantile", "select": "none"}
    spec = AlgorithmSpec(name, name, parameters)
    design, fitted = algorithms.fit(spec, inputs.take(slice(0, 2400)), label[:2400])
    algorithm, test = ALGORITHMS[name], inputs.take(slice(2400, 2800))
    score = algorithm.predict(fitted, design, test)
    # Neighbours by columns that are not scaled are neighbours by the widest of them, which here is noise.
    assert roc_auc_score(label[2400:2800], score) > (0.5 if (name, options) == ("knn", {"scaling": "none"}) else 0.62)
    alone = [algorithm.predict(fitted, design, test.take(slice(i, i + 1))) for i in range(0, 400, 9)]
    assert np.concatenate(alone).tobytes() == score[::9].tobytes()
    stored = algorithm.load(algorithm.dump(fitted))
    assert algorithm.predict(stored, design, test).tobytes() == score.tobytes()
    terms = algorithm.contributions(fitted, design, test.take(slice(0, 60)))
    assert np.isfinite(terms).all() and np.corrcoef(terms.sum(axis=1), score[:60])[0, 1] > 0.5


def test_encoding_by_target_is_out_of_fold_in_training_and_the_mean_later(inputs: Inputs, label: np.ndarray) -> None:
    design = Design.fit(inputs)
    prepare = Preprocessing(Scaling(clip=False, log=False, standardise=False, flags=False), encoding="target")
    # A target that the rows' own category cannot tell: out of fold its encoding knows nothing of the row.
    own = np.random.default_rng(0).random(3600).astype(np.float32)
    scaled = prepare.fit_transform(design, inputs, own[None])
    column = np.flatnonzero(prepare.origin_ >= 6)
    assert len(column) == 1
    training = scaled[:, column[0]]
    later = prepare.transform(design, inputs)[:, column[0]]
    codes = inputs.codes[:, 0]
    assert all(len(np.unique(later[codes == code])) == 1 for code in np.unique(codes))
    # Five folds, each a stretch of rows with the means of the others.
    assert all(len(np.unique(training[codes == code])) == 5 for code in np.unique(codes))
    fold = slice(0, 720)
    outside = np.array([own[720:][codes[720:] == code].mean() for code in codes[fold]])
    assert training[fold] == pytest.approx(outside, abs=0.03)
    frequent = pd.Series(own).groupby(codes).mean()
    assert later[codes == 1].mean() == pytest.approx(frequent[1], abs=0.01)


def test_imputation_by_the_median_or_none_is_what_it_says(inputs: Inputs, label: np.ndarray) -> None:
    design = Design.fit(inputs)
    plain = {"clip": False, "log": False, "standardise": False, "flags": False}
    unknown = np.isnan(inputs.numeric[:, 2])
    values = inputs.numeric[:, 2]
    for impute, expected in [("median", np.nanmedian(values)), ("mean", np.nanmean(values))]:
        prepare = Preprocessing(Scaling(impute=impute, **plain))
        scaled = prepare.fit_transform(design, inputs, label[None])
        column = scaled[:, np.flatnonzero(prepare.origin_ == 2)[0]]
        assert column[unknown] == pytest.approx(expected, abs=1e-2)
        assert np.array_equal(column[~unknown], inputs.numeric[~unknown, 2])
    prepare = Preprocessing(Scaling(impute="none", **plain))
    scaled = prepare.fit_transform(design, inputs, label[None])
    assert np.array_equal(np.isnan(scaled[:, np.flatnonzero(prepare.origin_ == 2)[0]]), unknown)
    standard = Preprocessing(Scaling(impute="median")).fit_transform(design, inputs, label[None])
    assert standard.mean(axis=0) == pytest.approx(0, abs=1e-4) and standard.std(axis=0) == pytest.approx(1, abs=1e-3)


def test_the_best_columns_are_those_of_the_f_statistic() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 30)).astype(np.float32)
    y = (X[:, :5].sum(axis=1) + rng.normal(0, 4, 3000) > 2).astype(np.int8)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = SelectKBest(f_classif, k=8).fit(scaled, y).get_support(indices=True)
    order = np.argsort(-preprocessing.f_statistic_order(scaled, y), kind="stable")
    assert np.sort(order[:8]).tolist() == expected.tolist()


def test_mutual_information_sees_what_is_not_a_line() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(4000, 6)).astype(np.float32)
    y = (np.abs(X[:, 2]) > 1.2).astype(np.float32)
    X[:50, 4] = np.nan
    worth = preprocessing.mutual_information(X, y)
    assert worth.argmax() == 2 and worth[2] > 10 * np.delete(worth, 2).max()
    entropy = -(y.mean() * np.log(y.mean()) + (1 - y.mean()) * np.log(1 - y.mean()))
    assert worth[2] <= entropy


def test_class_weights_make_both_classes_weigh_half() -> None:
    target = np.array([0, 0, 0, 0.5, 1], dtype=np.float32)
    negative, positive = preprocessing.class_weights(target, "class_weight")
    assert positive * target.sum() == pytest.approx(2.5) == negative * (1 - target).sum()
    rows, label, weights = preprocessing.as_classes(np.arange(5)[:, None], target, "class_weight")
    assert rows.ravel().tolist() == [3, 4, 0, 1, 2, 3] and label.tolist() == [1, 1, 0, 0, 0, 0]
    assert weights is not None and weights[label == 1].sum() == pytest.approx(weights[label == 0].sum())


def test_smote_balances_the_classes_and_draws_the_same_rows_again(inputs: Inputs, label: np.ndarray) -> None:
    scaled = Preprocessing().fit_transform(Design.fit(inputs), inputs, label[None])
    hard = label.astype(np.float32)
    rows, target = preprocessing.resample(scaled, hard, "smote", 5)
    assert target.mean() == 0.5 and 2 * label.sum() < len(rows) < len(scaled)
    again, _ = preprocessing.resample(scaled, hard, "smote", 5)
    assert rows.tobytes() == again.tobytes()
    with pytest.raises(FoodInspectionsError, match="the target is soft"):
        preprocessing.resample(scaled, hard / 2, "smote", 5)


def test_smote_without_its_library_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imblearn.over_sampling", None)
    with pytest.raises(FoodInspectionsError, match="install the extra 'balance'"):
        preprocessing.resample(np.zeros((4, 1)), np.array([0, 0, 0, 1], dtype=np.float32), "smote", 1)
