"""The second answer: a place's own risk, with who inspects and where taken out."""

from collections.abc import Mapping, Sequence

import numpy as np

from food_inspections_dagster.modeling.algorithms.inputs import Inputs


def averages(inputs: Inputs, neutral: Sequence[str]) -> dict[str, float | None]:
    """Return the mean of each of some features over training rows, None where it is always unknown or a text."""
    numeric = [name for name, kind in inputs.features if kind == "numeric"]
    means: dict[str, float | None] = {}
    for name in neutral:
        means[name] = None
        if name in numeric:
            values = inputs.numeric[:, numeric.index(name)]
            known = values[~np.isnan(values)]
            means[name] = float(known.mean(dtype=np.float64)) if len(known) else None
    return means


def neutralised(inputs: Inputs, values: Mapping[str, float | None]) -> Inputs:
    """Return rows in which some features have the same value, or are unknown where that is None."""
    numeric, codes = inputs.numeric.copy(order="F"), inputs.codes.copy()
    places = {"numeric": 0, "categorical": 0}
    for name, kind in inputs.features:
        if name in values and kind == "numeric":
            value = values[name]
            numeric[:, places[kind]] = np.nan if value is None else value
        elif name in values:
            codes[:, places[kind]] = -1
        places[kind] += 1
    return Inputs(inputs.features, numeric, codes, inputs.vocabularies)
