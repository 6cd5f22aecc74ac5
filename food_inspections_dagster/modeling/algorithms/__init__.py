"""The algorithms: one module each, one way in (feature rows), one way out (a score per row).

    feature rows ─ Inputs ─ Design (categories kept) ─ the algorithm's own module

A module that holds ``ALGORITHM`` is an algorithm: to add one, add its module, and a line below ``models.parameters`` of
``conf`` with what differs from its defaults, if anything does. The other modules hold what algorithms share.

Everything that is learnt from data (categories, quantiles, means, components) is learnt from the training rows.
No class is weighted by default: at a base rate of 20 % weights gain nothing in rank and cost the calibration. A
row's score never depends on the rows that it is scored with.
"""

import importlib
import pkgutil
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any

import numpy as np

from food_inspections_dagster.digests import content_hash
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs, sum_by_feature
from food_inspections_dagster.modeling.algorithms.parameters import fault_in, with_defaults
from food_inspections_dagster.modeling.algorithms.protocol import Algorithm
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread
from food_inspections_dagster.modeling.rules import AlgorithmSpec

__all__ = [
    "ALGORITHMS",
    "Algorithm",
    "Design",
    "Inputs",
    "algorithm",
    "discover",
    "fault_in",
    "fit",
    "fit_many",
    "key",
    "predict_all",
    "resolve",
    "sum_by_feature",
]


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
        FoodInspectionsError: for an unknown algorithm or parameter, or a value that it does not take.
    """
    if spec.algorithm not in ALGORITHMS:
        raise FoodInspectionsError(
            f"Model group '{spec.name}' asks for the algorithm '{spec.algorithm}', which is unknown: "
            f"use one of {', '.join(ALGORITHMS)}."
        )
    algorithm = ALGORITHMS[spec.algorithm]
    fault = fault_in(algorithm, spec.parameters)
    if fault:
        raise FoodInspectionsError(f"Model group '{spec.name}' has {fault}.")
    return with_defaults(algorithm, spec.parameters)


def key(spec: AlgorithmSpec) -> str:
    """Return a hash of what a recipe does: its algorithm, full parameters and seed, whatever its name."""
    return content_hash({"algorithm": spec.algorithm, "parameters": resolve(spec), "seed": spec.seed})


def fit(
    spec: AlgorithmSpec,
    inputs: Inputs,
    target: np.ndarray,
    previous: tuple[Design, Any] | None = None,
    members: Mapping[str, Any] | None = None,
) -> tuple[Design, Any]:
    """Fit a recipe on one target: see ``fit_many``."""
    design, fits = fit_many(
        spec,
        inputs,
        np.asarray(target)[None],
        None if previous is None else (previous[0], [previous[1]]),
        {name: [fitted] for name, fitted in (members or {}).items()},
    )
    return design, fits[0]


def fit_many(
    spec: AlgorithmSpec,
    inputs: Inputs,
    targets: np.ndarray,
    previous: tuple[Design, Sequence[Any]] | None = None,
    members: Mapping[str, Sequence[Any]] | None = None,
) -> tuple[Design, list[Any]]:
    """Fit a recipe on the same rows with several targets.

    Args:
        spec: the recipe.
        inputs: the rows.
        targets: (n, rows) in [0, 1], hard or soft, each with at least two values.
        previous: design and fits of an earlier window; read only where fits are chained, and then the design is theirs.
        members: fits of other recipes by ``key``, on the same rows and targets; what an ensemble combines is taken
            from there, and fitted where it is not.

    Returns:
        the design matrix, and a fit for each target.

    Raises:
        FoodInspectionsError: for a recipe that cannot be used, or targets outside [0, 1] or all the same.
    """
    parameters = resolve(spec)
    algorithm = ALGORITHMS[spec.algorithm]
    targets = _checked(spec, np.asarray(targets, dtype=np.float32), len(inputs))
    before = None
    if previous is not None and algorithm.chained_fits(parameters) > 1 and previous[0].features == inputs.features:
        design, before = previous
    else:
        design = Design.fit(inputs)
    parts = algorithm.members(parameters, spec.seed)
    with one_blas_thread():
        if not parts:
            return design, algorithm.fit_many(parameters, spec.seed, design, inputs, targets, before)
        fits = []
        for part in parts:
            known = (members or {}).get(key(part))
            fits.append(known or ALGORITHMS[part.algorithm].fit_many(resolve(part), part.seed, design, inputs, targets))
        return design, [
            algorithm.combine(parameters, design, inputs, of_target) for of_target in zip(*fits, strict=True)
        ]


def predict_all(of: Algorithm, fits: Sequence[tuple[Design, Any]], inputs: Inputs) -> list[np.ndarray]:
    """Return the scores of several fits of an algorithm; those of one design share the work, bit for bit the same."""
    if not fits:
        return []
    design = fits[0][0]
    if all(other == design for other, _ in fits):
        return list(of.predict_many([fitted for _, fitted in fits], design, inputs))
    return [of.predict(fitted, of_fit, inputs) for of_fit, fitted in fits]


def _checked(spec: AlgorithmSpec, targets: np.ndarray, rows: int) -> np.ndarray:
    sentence = f"Model group '{spec.name}' cannot be fitted: "
    if targets.ndim != 2 or targets.shape[1] != rows:
        raise FoodInspectionsError(f"{sentence}its targets have the shape {targets.shape}, and there are {rows} rows.")
    if not ((targets >= 0) & (targets <= 1)).all():  # false for NaN too
        raise FoodInspectionsError(f"{sentence}a target lies outside 0 to 1 or is unknown: leave its row out.")
    if targets.size == 0 or (targets == targets[:, :1]).all(axis=1).any():
        raise FoodInspectionsError(f"{sentence}its target is the same for all {rows} rows: take a longer window.")
    return targets
