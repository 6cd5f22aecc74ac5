"""The algorithms: one module each, one way in (feature rows), one way out (a probability per row).

    feature rows ─ Inputs ─ Design (categories kept) ─ the algorithm's own module

A module that holds ``ALGORITHM`` is an algorithm: to add one, add its module, and a line below ``models.parameters`` of
``conf`` with what differs from its defaults, if anything does. The other modules hold what algorithms share.

Everything that is learnt from data (categories, quantiles, means, components) is learnt from the training rows.
No class is weighted: at a base rate of 20 % weights gain nothing in rank and cost the calibration. A row's
probability never depends on the rows that it is scored with.
"""

import importlib
import pkgutil
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

import numpy as np

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs, sum_by_feature
from food_inspections_dagster.modeling.algorithms.protocol import Algorithm
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread
from food_inspections_dagster.modeling.rules import AlgorithmSpec

__all__ = ["ALGORITHMS", "Algorithm", "Design", "Inputs", "algorithm", "discover", "fit", "resolve", "sum_by_feature"]


def discover() -> Mapping[str, Algorithm]:
    """Return the algorithms of this package's modules by name, sorted.

    Raises:
        FoodInspectionsError: where two modules have the same name for their algorithm.
    """
    by_name: dict[str, Algorithm] = {}
    for info in pkgutil.iter_modules(__path__):
        module = importlib.import_module(f"{__name__}.{info.name}")
        algorithm: Algorithm | None = getattr(module, "ALGORITHM", None)
        if algorithm is None:
            continue
        if algorithm.name in by_name:
            raise FoodInspectionsError(f"Two modules of {__name__} call their algorithm {algorithm.name}: rename one.")
        by_name[algorithm.name] = algorithm
    return MappingProxyType(dict(sorted(by_name.items())))


ALGORITHMS: Mapping[str, Algorithm] = discover()


def algorithm(name: str) -> Algorithm:
    """Return an algorithm.

    Raises:
        FoodInspectionsError: where there is none of this name.
    """
    try:
        return ALGORITHMS[name]
    except KeyError:
        raise FoodInspectionsError(f"The algorithm '{name}' is unknown: use one of {', '.join(ALGORITHMS)}.") from None


def resolve(spec: AlgorithmSpec) -> dict[str, Any]:
    """Return the full parameters of a recipe, sorted by name.

    Raises:
        FoodInspectionsError: for an unknown algorithm or parameter.
    """
    if spec.algorithm not in ALGORITHMS:
        raise FoodInspectionsError(
            f"Model group '{spec.name}' asks for the algorithm '{spec.algorithm}', which is unknown: "
            f"use one of {', '.join(ALGORITHMS)}."
        )
    defaults = ALGORITHMS[spec.algorithm].defaults
    unknown = sorted(set(spec.parameters) - set(defaults))
    if unknown:
        raise FoodInspectionsError(
            f"Model group '{spec.name}' has the unknown parameter '{unknown[0]}': {spec.algorithm} takes "
            f"{', '.join(defaults)}."
        )
    return dict(sorted({**defaults, **spec.parameters}.items()))


def fit(spec: AlgorithmSpec, inputs: Inputs, label: np.ndarray) -> tuple[Design, Any]:
    """Fit a recipe on rows whose label (0 or 1) has both classes; return the design and the fitted value."""
    parameters = resolve(spec)
    design = Design.fit(inputs)
    with one_blas_thread():
        fitted = ALGORITHMS[spec.algorithm].fit(
            parameters, spec.seed, design, inputs, np.asarray(label).astype(np.int8)
        )
    return design, fitted
