"""Parameters of the model groups, checked against the defaults of their algorithms.

The algorithms are imported at the first use: with scikit-learn and xgboost they cost 1.2 CPU seconds, which a process
that only opens Dagster's storage need not spend.
"""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from food_inspections_dagster.errors import nearest
from food_inspections_dagster.modeling.rules import AlgorithmSpec


class Fault(NamedTuple):
    """What is wrong with a parameter: the keys below models.parameters, and the end of a sentence."""

    keys: tuple[str, ...]
    reason: str


def algorithm_defaults() -> dict[str, Mapping[str, Any]]:
    """Return the default parameters of each algorithm."""
    from food_inspections_dagster.modeling.algorithms import ALGORITHMS

    return {name: algorithm.defaults for name, algorithm in ALGORITHMS.items()}


def fault_in(parameters: Mapping[str, Any]) -> Fault | None:
    """Return the first fault of parameters by algorithm, if there is one.

    Each is judged by itself: what does not fit together is known when the layers are one (``algorithms.resolve``).
    """
    from food_inspections_dagster.modeling.algorithms import ALGORITHMS
    from food_inspections_dagster.modeling.algorithms.parameters import fault_of_value

    for group, values in parameters.items():
        if group not in ALGORITHMS:
            return Fault((group,), f"'{group}' is no algorithm: {nearest(group, ALGORITHMS)}")
        if not isinstance(values, Mapping):
            return Fault((group,), "it must be a mapping of parameters, which may be empty: {}")
        for name, value in values.items():
            # None takes a value of a weaker layer away.
            reason = "" if value is None else fault_of_value(ALGORITHMS[group], name, value)
            if reason:
                return Fault((group, name), reason)
    return None


def expand_grid(
    name: str, grid: Mapping[str, Sequence[object]], fixed: Mapping[str, object], seed: int
) -> tuple[AlgorithmSpec, ...]:
    """Return the model groups of a grid; see ``modeling.grids``."""
    from food_inspections_dagster.modeling.grids import expand

    return expand(name, grid, {key: value for key, value in fixed.items() if key not in grid}, seed)
