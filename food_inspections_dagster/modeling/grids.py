"""Grids: the values of an algorithm's parameters, each combination a model group."""

import itertools
from collections.abc import Mapping, Sequence

from food_inspections_dagster.digests import canonical_json
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import algorithm, resolve
from food_inspections_dagster.modeling.algorithms.parameters import fault_of_value
from food_inspections_dagster.modeling.rules import AlgorithmSpec

#: A grid with more groups than this is refused: each of them is fitted at every anchor.
MOST_GROUPS = 200


def expand(
    name: str, grid: Mapping[str, Sequence[object]], fixed: Mapping[str, object] | None = None, seed: int = 20100104
) -> tuple[AlgorithmSpec, ...]:
    """Return a recipe for each combination of the grid's values, the last parameter fastest.

    Args:
        name: the algorithm.
        grid: values by parameter, in the order in which names show them.
        fixed: parameters that all of them have.
        seed: of all of them.

    Returns:
        recipes with names such as ``xgboost[max_depth=2,learning_rate=0.1]``; the algorithm's own name where the grid
        is empty.

    Raises:
        FoodInspectionsError: for an unknown algorithm or parameter, a value or combination that it does not take, one
            that is named twice, or more than ``MOST_GROUPS`` combinations.
    """
    fixed = dict(fixed or {})
    where = f"The grid of {name}"
    count = 1
    for parameter, values in grid.items():
        if isinstance(values, str) or not isinstance(values, Sequence) or not values:
            raise FoodInspectionsError(f"{where} gives {parameter} {values!r}: give it a list of values.")
        if parameter in fixed:
            raise FoodInspectionsError(f"{where} varies {parameter}, which is fixed too: name it once.")
        for value in values:
            fault = fault_of_value(algorithm(name), parameter, value)
            if fault:
                raise FoodInspectionsError(f"{where} has {parameter} = {value!r}: {fault}.")
        texts = [_text(value) for value in values]
        for text in texts:
            if texts.count(text) > 1:
                raise FoodInspectionsError(f"{where} has {parameter} = {text} twice: name it once.")
        count *= len(values)
    if count > MOST_GROUPS:
        raise FoodInspectionsError(f"{where} has {count} combinations, more than {MOST_GROUPS}: shorten its lists.")
    specs = []
    for values in itertools.product(*grid.values()):
        chosen = dict(zip(grid, values, strict=True))
        label = ",".join(f"{parameter}={_text(value)}" for parameter, value in chosen.items())
        specs.append(AlgorithmSpec(f"{name}[{label}]" if label else name, name, {**fixed, **chosen}, seed))
        resolve(specs[-1])
    return tuple(specs)


def _text(value: object) -> str:
    """Return a value as names show it: 0.1, true, mean, sklearn.svm.SVC, {"max_depth": 3}."""
    if isinstance(value, str):
        return value
    if isinstance(value, float) and value.is_integer() and abs(value) < 1e15:
        return str(int(value))
    return " ".join(canonical_json(value).decode().split())
