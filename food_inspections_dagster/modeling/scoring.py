"""The list of a week: who is most likely to fail, in order, and why."""

import json
from collections.abc import Mapping
from datetime import date
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.explanations import Phrase, reasons, rests_on
from food_inspections_dagster.modeling.persistence import FittedModel

REASONS = 3

#: Columns that ``rank`` adds to the cohort's.
SCORE_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "score": pa.float64(),
        "rank": pa.int32(),
        "reason_1": pa.string(),
        "reason_2": pa.string(),
        "reason_3": pa.string(),
        "contributions": pa.string(),
        "model_group": pa.string(),
        "model_id": pa.string(),
        "as_of_date": pa.date32(),
    }
)


def rank(
    model: FittedModel,
    model_group: str,
    cohort: pd.DataFrame,
    features: pd.DataFrame,
    as_of_date: date,
    phrases: Mapping[str, Phrase],
    *,
    about: Mapping[str, str] = MappingProxyType({}),
    subject: Mapping[str, str] = MappingProxyType({}),
    visits: np.ndarray | None = None,
    located: np.ndarray | None = None,
) -> pd.DataFrame:
    """Rank a cohort by probability, highest first.

    Args:
        model: the selected model.
        model_group: its group's name.
        cohort: one row per establishment, with ``establishment_id``; its columns are kept.
        features: the features of the same rows, as of ``as_of_date``.
        as_of_date: day before which everything used was known.
        phrases: how to say each feature.
        about, subject: what each feature is about, and of what it speaks; see ``reasons``.
        visits, located: past inspections of each establishment, and whether its location is known (rows,). Where a
            score rests on little, the last reason says so.

    Returns:
        The cohort in order of rank with the columns of ``SCORE_TYPES``: the probability, the rank from 1 (ties in the
        order of ``establishment_id``), up to three reasons in words, and the contributions behind them as JSON
        (feature to log-odds).
    """
    score = model.predict(Inputs.of(features, model.features))
    order = np.lexsort((cohort["establishment_id"].to_numpy(dtype=object), -score))
    ranked = cohort.iloc[order].reset_index(drop=True)
    explained = features.iloc[order[: model.algorithm.explained_ranks]].reset_index(drop=True)
    why = reasons(model, explained, phrases, top=REASONS, about=about, subject=subject)
    phrase_of = np.full((len(ranked), REASONS), None, dtype=object)
    at = (why["row"].to_numpy(dtype=np.intp), why["place"].to_numpy(dtype=np.intp) - 1)
    phrase_of[at] = why["phrase"].to_numpy(object)
    if visits is not None:
        known = np.ones(len(ranked), dtype=bool) if located is None else located[order]
        given = (phrase_of != np.array(None)).sum(axis=1)
        for row, words in enumerate(rests_on(visits[order], known)):
            if words:
                phrase_of[row, min(REASONS - 1, int(given[row]))] = words
    behind: list[dict[str, float]] = [{} for _ in range(len(ranked))]
    for row, feature, contribution in zip(why["row"], why["feature"], why["contribution"], strict=True):
        behind[row][feature] = round(contribution, 6)
    added = frames.table(
        {
            "score": score[order],
            "rank": np.arange(1, len(ranked) + 1, dtype=np.int32),
            **{f"reason_{place + 1}": phrase_of[:, place] for place in range(REASONS)},
            "contributions": [json.dumps(contributions) for contributions in behind],
            "model_group": [model_group] * len(ranked),
            "model_id": [model.model_id] * len(ranked),
            "as_of_date": [as_of_date] * len(ranked),
        },
        SCORE_TYPES,
    )
    return pd.concat([ranked, added], axis=1)
