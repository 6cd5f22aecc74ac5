import numpy as np
import pytest
from scipy.stats import rankdata

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Inputs
from food_inspections_dagster.modeling.algorithms.rank_mean import ALGORITHM
from food_inspections_dagster.modeling.rules import AlgorithmSpec

SPEC = AlgorithmSpec("both", "rank_mean", {"members": {"ridge": {}, "logistic_regression": {"C": 0.1}}})


def test_a_score_is_the_mean_of_its_ranks_among_training_rows(inputs: Inputs, label: np.ndarray) -> None:
    design, fitted = algorithms.fit(SPEC, inputs, label)
    ranks = []
    for name, parameters in SPEC.parameters["members"].items():
        one = algorithms.fit(AlgorithmSpec(name, name, parameters), inputs, label)
        score = ALGORITHMS[name].predict(one[1], one[0], inputs)
        ranks.append((rankdata(score) - 0.5) / len(score))
    assert ALGORITHM.predict(fitted, design, inputs) == pytest.approx(np.mean(ranks, axis=0), abs=0.002)


def test_members_that_are_fitted_already_are_not_fitted_again(
    inputs: Inputs, label: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    alone = algorithms.fit(SPEC, inputs, label)[1]
    known = {}
    for spec in ALGORITHM.members(algorithms.resolve(SPEC), SPEC.seed):
        known[algorithms.key(spec)] = algorithms.fit(spec, inputs, label)[1]
    for name in SPEC.parameters["members"]:
        monkeypatch.setattr(type(ALGORITHMS[name]), "fit_many", None)
    reused = algorithms.fit(SPEC, inputs, label, members=known)[1]
    assert ALGORITHM.dump(reused) == ALGORITHM.dump(alone)


def test_the_strongest_contribution_follows_the_signal(inputs: Inputs, label: np.ndarray) -> None:
    spec = AlgorithmSpec("both", "rank_mean", {"members": {"ridge": {}, "xgboost": {"n_estimators": 20}}})
    design, fitted = algorithms.fit(spec, inputs, label)
    score = ALGORITHM.predict(fitted, design, inputs)
    total = ALGORITHM.contributions(fitted, design, inputs).sum(axis=1)
    assert np.corrcoef(total, score)[0, 1] > 0.9
    assert total[score > 0.9].min() > 0 > total[score < 0.1].max()


@pytest.mark.parametrize(
    ("members", "sentence"),
    [
        ({"ridge": {}}, "fewer than two"),
        ({"ridge": {}, "rank_mean": {}}, "'rank_mean', which is no other algorithm"),
        ({"ridge": {}, "forest": {}}, "'forest', which is no other algorithm"),
        ({"ridge": {"alpha": "much"}, "xgboost": {}}, "its member ridge has the parameter alpha = 'much'"),
    ],
)
def test_members_that_cannot_be_fitted_are_refused(members: dict, sentence: str) -> None:
    with pytest.raises(FoodInspectionsError, match=sentence):
        algorithms.resolve(AlgorithmSpec("a", "rank_mean", {"members": members}))
