import numpy as np
import pytest

from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import Inputs, gradient_boosting
from food_inspections_dagster.modeling.rules import AlgorithmSpec


def test_the_bytes_are_the_same_with_one_thread_and_with_two(
    specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    results = []
    for threads in (1, 2):
        monkeypatch.setattr(gradient_boosting, "THREADS", threads)
        _, booster = algorithms.fit(specs["xgboost"], inputs, label)
        results.append(gradient_boosting.ALGORITHM.dump(booster))
    assert results[0] == results[1]


def test_boosting_goes_on_from_the_fit_before(inputs: Inputs, label: np.ndarray) -> None:
    parameters = {
        "n_estimators": 20,
        "min_child_weight": 5.0,
        "chained_fits": 3,
        "continued_rounds": 8,
    }
    spec = AlgorithmSpec("xgboost", "xgboost", parameters)
    algorithm = gradient_boosting.ALGORITHM
    assert algorithm.chained_fits(algorithms.resolve(spec)) == 3
    before = algorithms.fit(spec, inputs.take(slice(0, 1800)), label[:1800])
    data = algorithm.dump(before[1])
    # Later rows have a frequent category more: the columns stay those of the fit before.
    later = inputs.take(slice(600, 3600))
    kinds = np.where(np.arange(3000) % 5, later.codes[:, 0], len(later.vocabularies[0]))
    later = Inputs(later.features, later.numeric, kinds[:, None].astype(np.int32), ((*later.vocabularies[0], "Zoo"),))
    stored = (before[0], algorithm.load(data))
    design, after = algorithms.fit(spec, later, label[600:], previous=stored)
    assert design == before[0] and after.num_boosted_rounds() == 28
    assert algorithm.dump(stored[1]) == data  # the fit before is left as it was
    assert algorithm.dump(algorithms.fit(spec, later, label[600:], previous=before)[1]) == algorithm.dump(after)
    first = algorithm.contributions(before[1], design, later)
    assert not np.array_equal(first, algorithm.contributions(after, design, later))
    # Without the option the fit before counts for nothing.
    plain = AlgorithmSpec("xgboost", "xgboost", {**parameters, "chained_fits": 1})
    alone = algorithms.fit(plain, later, label[600:])
    assert algorithm.dump(algorithms.fit(plain, later, label[600:], previous=before)[1]) == algorithm.dump(alone[1])
