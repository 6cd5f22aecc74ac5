"""The list of a week: who is to be inspected first, how surely, and why."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.explanations import (
    FIRST_LINES,
    Phrase,
    area_notes,
    by_subject,
    reasons,
    rests_on,
)
from food_inspections_dagster.modeling.fairness.remedies import remedied
from food_inspections_dagster.modeling.intervals import ScoreIntervals
from food_inspections_dagster.modeling.persistence import FittedModel, answers
from food_inspections_dagster.modeling.rules import RemedyRule

REASONS = 3
#: Said where no feature tells a place apart from the average one in the direction of its score.
NO_REASON = "no single reason stands out"
#: Areas are spoken of where they hold one of the first so many places of a list.
NOTED_PLACES = 100

#: Columns that ``rank`` adds to the cohort's.
SCORE_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "rank": pa.int32(),
        "expected_find_rank": pa.int32(),
        "own_risk_rank": pa.int32(),
        "expected_find": pa.float64(),
        "expected_find_low": pa.float64(),
        "expected_find_high": pa.float64(),
        "own_risk": pa.float64(),
        "priority": pa.float64(),
        "reason_1": pa.string(),
        "reason_2": pa.string(),
        "reason_3": pa.string(),
        "caution": pa.string(),
        "contributions": pa.string(),
        "model_group": pa.string(),
        "model_id": pa.string(),
        "as_of_date": pa.date32(),
    }
)


@dataclass(frozen=True)
class Wording:
    """How features are spoken of.

    Attributes:
        phrases: says the value of each.
        about: what each is about; see ``explanations.ABOUT``.
        subject: of what each speaks: what features of one subject add is added up, and said once.
        worse: +1 where more of it speaks against a place, -1 where less; of features whose phrase takes a side.
    """

    phrases: Mapping[str, Phrase]
    about: Mapping[str, str] = field(default_factory=dict)
    subject: Mapping[str, str] = field(default_factory=dict)
    worse: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Order:
    """How a list is put in order.

    Attributes:
        surroundings: their weight in the priority; see ``persistence.answers``.
        remedy: what gives every area its share; nothing by default.
        places: how many places a list has: so many does a remedy's quota hold in, and so many say why they are there.
    """

    surroundings: float
    remedy: RemedyRule = field(default_factory=RemedyRule)
    places: int = 0


@dataclass(frozen=True)
class Ranking:
    """A list and what is to be said of its areas.

    Attributes:
        rows: the cohort in the order of the list with the columns of ``SCORE_TYPES``.
        notes: ``explanations.AREA_NOTE_TYPES``, of the zip codes of its first places.
    """

    rows: pd.DataFrame
    notes: pd.DataFrame


def rank(
    model: FittedModel,
    model_group: str,
    cohort: pd.DataFrame,
    features: pd.DataFrame,
    as_of_date: date,
    wording: Wording,
    order: Order,
    intervals: ScoreIntervals,
    areas: Sequence[str] | None = None,
) -> Ranking:
    """Rank a cohort by priority, highest first.

    Args:
        model: the selected model.
        model_group: its group's name.
        cohort: one row per establishment, with ``establishment_id``, ``zip``, ``latitude`` and ``visits`` (inspections
            so far); its columns are kept.
        features: the features of the same rows, as of ``as_of_date``.
        as_of_date: day before which everything used was known.
        wording: how to speak of features.
        order: how to put the list in order.
        intervals: of expected_find, from past weeks.
        areas: the remedy's group of each row, where there is a remedy.

    Returns:
        Ties stand in the order of ``establishment_id``. A row has up to three reasons in words, the contributions
        behind them as JSON (feature to score units), and a caution where its score rests on little.
    """
    (of_model,) = answers([model], Inputs.of(features, model.features), order.surroundings)
    identity = cohort["establishment_id"].to_numpy(dtype=object)
    area = frames.codes(pd.Series(areas, dtype="string[pyarrow]")) if areas is not None else np.zeros(len(cohort), int)
    listed = remedied(order.remedy, of_model.priority, area, order.places, identity)
    ranked = cohort.iloc[listed].reset_index(drop=True)
    explained = explain(model, features.iloc[listed], wording, order.places)
    phrase_of, behind, contributions = explained.phrases, explained.behind, explained.contributions
    low, high = intervals.apply(of_model.expected_find[listed])
    located = ranked["latitude"].notna().to_numpy(dtype=bool)
    added = frames.table(
        {
            "rank": np.arange(1, len(ranked) + 1, dtype=np.int32),
            "expected_find_rank": _places(of_model.expected_find, identity)[listed],
            "own_risk_rank": _places(of_model.own_risk, identity)[listed],
            "expected_find": of_model.expected_find[listed],
            "expected_find_low": low,
            "expected_find_high": high,
            "own_risk": of_model.own_risk[listed],
            "priority": of_model.priority[listed],
            **{f"reason_{place + 1}": phrase_of[:, place] for place in range(REASONS)},
            "caution": rests_on(ranked["visits"].to_numpy(dtype=np.int64), located),
            "contributions": [json.dumps(of_row) for of_row in behind],
            "model_group": [model_group] * len(ranked),
            "model_id": [model.model_id] * len(ranked),
            "as_of_date": [as_of_date] * len(ranked),
        },
        SCORE_TYPES,
    )
    first = min(NOTED_PLACES, len(explained.rows))
    zips = [None if code is None else str(code) for code in frames.texts(ranked["zip"])[:first]]
    notes = area_notes(
        model, explained.rows.iloc[:first], zips, wording.phrases, wording.about, contributions=contributions[:first]
    )
    return Ranking(pd.concat([ranked, added], axis=1), notes)


@dataclass(frozen=True)
class Explained:
    """Why rows have their scores.

    Attributes:
        rows: the features of those that are explained: the first so many, as the algorithm can (``explained_ranks``).
        contributions: float64 (explained rows, features).
        phrases: texts or None, object (all rows, ``REASONS``).
        behind: of each row, what each feature that is a reason adds.
    """

    rows: pd.DataFrame
    contributions: np.ndarray
    phrases: np.ndarray
    behind: list[dict[str, float]]


def explain(
    model: FittedModel, features: pd.DataFrame, wording: Wording, first_places: int = 0, varied: int = FIRST_LINES
) -> Explained:
    """Return the reasons of rows, in their order; see ``explanations.reasons``."""
    explained = features.iloc[: model.algorithm.explained_ranks].reset_index(drop=True)
    contributions = by_subject(model, model.contributions(explained), wording.subject, explained, wording.worse)
    why = reasons(
        model, explained, wording.phrases, REASONS, about=wording.about, subject=wording.subject,
        worse=wording.worse, first_places=first_places, contributions=contributions, varied=varied,
    )  # fmt: skip
    phrases = np.full((len(features), REASONS), None, dtype=object)
    at = (why["row"].to_numpy(dtype=np.intp), why["place"].to_numpy(dtype=np.intp) - 1)
    phrases[at] = why["phrase"].to_numpy(object)
    silent = np.setdiff1d(np.arange(len(explained)), at[0])
    phrases[silent, 0] = NO_REASON
    behind: list[dict[str, float]] = [{} for _ in range(len(features))]
    for row, feature, contribution in zip(why["row"], why["feature"], why["contribution"], strict=True):
        behind[row][feature] = round(contribution, 6)
    return Explained(explained, contributions, phrases, behind)


def _places(score: np.ndarray, identity: np.ndarray) -> np.ndarray:
    """Return the rank of each row from 1, the highest score first; int32 (rows,)."""
    places = np.empty(len(score), dtype=np.int32)
    places[np.lexsort((identity, -score))] = np.arange(1, len(score) + 1, dtype=np.int32)
    return places
