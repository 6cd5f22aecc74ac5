"""Why a row has its score: what each feature adds to the log-odds, and the strongest of them in words."""

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.persistence import FittedModel

#: Says a feature's value (None where unknown) to people: ``failed 2 times in the last 3 years``.
Phrase = Callable[[Any], str]

REASON_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "row": pa.int64(),
        "place": pa.int16(),
        "feature": pa.string(),
        "value": pa.string(),
        "contribution": pa.float64(),
        "direction": pa.string(),
        "phrase": pa.string(),
    }
)


def reasons(model: FittedModel, rows: pd.DataFrame, phrases: Mapping[str, Phrase], top: int = 3) -> pd.DataFrame:
    """Return the ``top`` features that set each row apart from the average training row, strongest first.

    A row whose score is at least the base rate of the training rows is explained by what raises its risk,
    another one by what lowers it; features that add nothing in that direction are left out, so a row may have
    fewer reasons. Some algorithms predict a row anew for each column: ask for the rows that people look at
    (``Algorithm.explained_ranks``).

    Args:
        model: the model that scored the rows.
        rows: feature rows.
        phrases: how to say each of the model's features.
        top: most reasons per row.

    Returns:
        the columns of ``REASON_TYPES``: row (position in ``rows``), place (1 is strongest), feature, value (as text,
        null where unknown), contribution (log-odds), direction (raises or lowers), phrase.
    """
    names = [name for name, _ in model.features]
    if len(rows) == 0:
        return frames.empty(REASON_TYPES)
    inputs = Inputs.of(rows, model.features)
    contributions = model.contributions(inputs)
    window = model.card["training_window"]
    sign = np.where(model.predict(inputs) >= window["positives"] / window["rows"], 1.0, -1.0)
    strength = contributions * sign[:, None]
    # The stable order makes the first feature of the registry win a tie.
    order = np.argsort(-strength, axis=1, kind="stable")[:, :top]
    chosen = np.take_along_axis(strength, order, axis=1) > 0
    position, rank = np.nonzero(chosen)
    feature = order[position, rank]
    values: list[Any] = [None] * len(feature)
    for index in np.unique(feature):
        of_feature = rows[names[index]].astype(object).to_numpy()
        for at in np.flatnonzero(feature == index):
            value = of_feature[position[at]]
            values[at] = None if pd.isna(value) else value
    contribution = contributions[position, feature]
    return frames.table(
        {
            "row": position,
            "place": rank + 1,
            "feature": [names[i] for i in feature],
            "value": [None if v is None else f"{v:g}" if isinstance(v, float) else str(v) for v in values],
            "contribution": contribution,
            "direction": np.where(contribution > 0, "raises", "lowers"),
            "phrase": [phrases[names[i]](v) for i, v in zip(feature, values, strict=True)],
        },
        REASON_TYPES,
    )
