"""Whether parameters of algorithms can be used: by the types of their defaults, and the names they may have."""

import math
from collections.abc import Mapping
from typing import Any

from food_inspections_dagster.digests import digest, plain
from food_inspections_dagster.errors import nearest
from food_inspections_dagster.modeling.algorithms.protocol import Algorithm


def fault_of_value(algorithm: Algorithm, name: str, value: object) -> str:
    """Return what is wrong with the value of a parameter, as the end of a sentence, or nothing."""
    if name not in algorithm.defaults:
        return f"'{name}' is no parameter of {algorithm.name}: {nearest(name, algorithm.defaults)}"
    if name in algorithm.choices:
        known = algorithm.choices[name]
        return "" if value in known else f"'{value}' is none of its values: use {', '.join(known)}"
    default = algorithm.defaults[name]
    number = isinstance(value, float) and math.isfinite(value)
    # A whole number may be too large for a float, and so for every library.
    number |= isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63
    if isinstance(default, Mapping):
        if not isinstance(value, Mapping) or not all(isinstance(key, str) for key in value):
            return "it must be a mapping with text as keys"
        try:
            digest(value)
        except (TypeError, ValueError):
            return "it must hold text, finite numbers, true, false, null, lists and mappings of these only"
        return ""
    if isinstance(default, bool):
        return "" if isinstance(value, bool) else "it must be true or false"
    if isinstance(default, int):
        return "" if number and isinstance(value, int) and value >= 1 else "it must be a whole number of at least 1"
    if isinstance(default, float):
        return "" if number and value >= 0 else "it must be a number of at least 0"  # type: ignore[operator]
    return "" if isinstance(value, str) else "it must be text"


def fault_in(algorithm: Algorithm, given: Mapping[str, Any]) -> str:
    """Return the first fault of parameters, "the parameter …: …", or what is wrong with them together, or nothing."""
    for name, value in given.items():
        if name not in algorithm.defaults:
            return f"the unknown parameter '{name}': {algorithm.name} takes {', '.join(algorithm.defaults)}"
        fault = fault_of_value(algorithm, name, value)
        if fault:
            return f"the parameter {name} = {value!r}: {fault}"
    fault = algorithm.fault(with_defaults(algorithm, given))
    return f"parameters that do not fit together: {fault}" if fault else ""


def with_defaults(algorithm: Algorithm, given: Mapping[str, Any]) -> dict[str, Any]:
    """Return all parameters as JSON-ready types, sorted by name."""
    return dict(sorted(plain({**algorithm.defaults, **given}).items()))
