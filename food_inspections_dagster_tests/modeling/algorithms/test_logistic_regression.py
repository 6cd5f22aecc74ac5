import numpy as np

from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.algorithms.logistic_regression import ALGORITHM
from food_inspections_dagster.modeling.rules import AlgorithmSpec


def spread(penalty: float, inputs: Inputs, label: np.ndarray) -> float:
    spec = AlgorithmSpec("l", "logistic_regression", {"C": penalty})
    return float(np.ptp(ALGORITHM.predict(*reversed(algorithms.fit(spec, inputs, label)), inputs)))


def test_a_stronger_penalty_draws_scores_together(inputs: Inputs, label: np.ndarray) -> None:
    assert spread(1e-6, inputs, label) < spread(1e-3, inputs, label) < spread(1.0, inputs, label)


def test_a_stored_fit_gives_the_same_bits(inputs: Inputs, label: np.ndarray) -> None:
    design, fitted = algorithms.fit(AlgorithmSpec("l", "logistic_regression"), inputs, label)
    data = ALGORITHM.dump(fitted)
    again = ALGORITHM.load(data)
    assert ALGORITHM.predict(again, design, inputs).tobytes() == ALGORITHM.predict(fitted, design, inputs).tobytes()
    assert ALGORITHM.dump(again) == data
