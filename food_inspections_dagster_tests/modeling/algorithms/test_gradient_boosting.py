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
