"""Parameters of the model groups, checked against the defaults of their algorithms.

The algorithms are imported at the first use: with scikit-learn and xgboost they cost 1.2 CPU seconds, which a process
that only opens Dagster's storage need not spend.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

from food_inspections_dagster.errors import nearest


class Fault(NamedTuple):
    """What is wrong with a parameter: the keys below models.parameters, and the end of a sentence."""

    keys: tuple[str, ...]
    reason: str


def algorithm_defaults() -> dict[str, Mapping[str, Any]]:
    """Return the default parameters of each algorithm."""
    from food_inspections_dagster.modeling.algorithms import ALGORITHMS

    return {name: algorithm.defaults for name, algorithm in ALGORITHMS.items()}


def fault_in(parameters: Mapping[str, Any]) -> Fault | None:
    """Return the first fault of parameters by algorithm, if there is one."""
    defaults = algorithm_defaults()
    for group, values in parameters.items():
        if group not in defaults:
            return Fault((group,), f"'{group}' is no algorithm: {nearest(group, defaults)}")
        if not isinstance(values, Mapping):
            return Fault((group,), "it must be a mapping of parameters, which may be empty: {}")
        for name, value in values.items():
            if name not in defaults[group]:
                reason = f"'{name}' is no parameter of {group}: {nearest(name, defaults[group])}"
                return Fault((group, name), reason)
            # None takes a value of a weaker layer away.
            reason = "" if value is None else _fault_of_value(defaults[group][name], value)
            if reason:
                return Fault((group, name), reason)
    return None


def _fault_of_value(default: object, value: object) -> str:
    number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "it must be true or false"
    if isinstance(default, int):
        return "" if number and isinstance(value, int) and value >= 1 else "it must be a whole number of at least 1"
    if isinstance(default, float):
        return "" if number and value >= 0 else "it must be a number of at least 0"  # type: ignore[operator]
    return "" if isinstance(value, str) else "it must be text"
