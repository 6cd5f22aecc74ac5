"""The backtest: each inspection as the models in force foresaw it when the list for its week was made.

list for 2012-04-09  made by the models of the week before, 2012-04-02, which saw nothing after it

Every inspection that took place is scored, in or out of the cohort.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread
from food_inspections_dagster.modeling.documents import models_of
from food_inspections_dagster.modeling.intervals import ScoreIntervals
from food_inspections_dagster.modeling.metrics import calibration
from food_inspections_dagster.modeling.persistence import Answers, FittedModel, answers
from food_inspections_dagster.modeling.schemas import BACKTEST_SCORES
from food_inspections_dagster.modeling.training import TrainingRows
from food_inspections_dagster.weeks import WEEK

#: Columns of the backtest that ``by_group`` and its readers use.
SCORE_COLUMNS = (
    *("week", "label", "model_group", "inspection_id", "establishment_id", "inspection_date"),
    *("expected_find", "priority", "outcome", "model_id"),
)


@dataclass(frozen=True)
class InForce:
    """A model, and the weeks whose lists it made.

    Attributes:
        files: of the model, as the document that names it has them.
    """

    model_group: str
    label: str
    model_id: str
    weeks: tuple[date, ...]
    files: Mapping[str, str] = field(compare=False)


def in_force(documents: Mapping[date, Mapping[str, Any]], weeks: Sequence[date]) -> list[InForce]:
    """Return the models that made the lists of ``weeks``: those of the week before each.

    Args:
        documents: of one algorithm's models, by week.
    """
    served: dict[str, tuple[Mapping[str, Any], list[date]]] = {}
    for week in sorted(weeks):
        for entry in models_of(documents.get(week - WEEK)):
            served.setdefault(entry["model_id"], (entry, []))[1].append(week)
    return [
        InForce(entry["model_group"], entry["label"], model_id, tuple(of_model), entry["files"])
        for model_id, (entry, of_model) in served.items()
    ]


def backtest(
    models: Sequence[InForce],
    load: Callable[[InForce], FittedModel],
    rows: TrainingRows,
    surroundings: float,
    workers: int | None = None,
) -> pd.DataFrame:
    """Return the columns of ``BACKTEST_SCORES``: a row for each inspection, model group and label.

    Args:
        models: those in force, with their weeks.
        load: gives a model; called from several threads.
        rows: of the weeks, with the features of the models.
        surroundings: their weight in the priority; see ``persistence.answers``.
        workers: model groups at work side by side; the bytes are the same.

    Raises:
        FoodInspectionsError: for a model that learnt from a week that it would be judged on, or later.
    """

    def scored(together: Sequence[InForce]) -> list[dict[str, Any]]:
        fitted = [load(model) for model in together]
        for model, one in zip(together, fitted, strict=True):
            _require_earlier(one, model)
        spans = [rows.span(week, week) for week in together[0].weeks]
        at = np.concatenate([np.arange(span.start, span.stop) for span in spans])
        scores = answers(fitted, rows.inputs.take(at), surroundings)
        return [{"model": model, "at": at, **of._asdict()} for model, of in zip(together, scores, strict=True)]

    # The labels of a model group are scored together: nearest neighbours are searched once for both.
    batches: dict[tuple[str, tuple[date, ...]], list[InForce]] = {}
    for model in models:
        batches.setdefault((model.model_group, model.weeks), []).append(model)
    with one_blas_thread(), ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="score") as pool:
        parts = [part for batch in pool.map(scored, batches.values()) for part in batch]
    if not parts:
        return schemas.empty(BACKTEST_SCORES)
    at = np.concatenate([part["at"] for part in parts])
    which = pa.array(np.repeat(np.arange(len(parts), dtype=np.int32), [len(part["at"]) for part in parts]))
    of_rows = rows.frame.iloc[at]
    columns = {
        **{name: of_rows[name] for name in of_rows.columns},
        **{
            name: pa.array([getattr(part["model"], name) for part in parts], pa.string()).take(which)
            for name in ("model_group", "label", "model_id")
        },
        **{name: np.concatenate([part[name] for part in parts]) for name in Answers._fields},
        "outcome": np.concatenate([rows.outcomes[part["model"].label][part["at"]] for part in parts]),
    }
    return frames.table(columns, schemas.arrow_types(BACKTEST_SCORES))


def _require_earlier(fitted: FittedModel, model: InForce) -> None:
    newest = date.fromisoformat(fitted.card["training_window"]["last_week"])
    if newest >= model.weeks[0]:
        raise FoodInspectionsError(
            f"The model {model.model_id} learnt from rows up to the week of {newest} and was about to be judged on "
            f"the week of {model.weeks[0]}: the temporal split is broken, so nothing was kept; report this."
        )


def by_group(
    scores: pd.DataFrame, label: str, answer: str = "expected_find", groups: Sequence[str] | None = None
) -> dict[str, pd.DataFrame]:
    """Return the rows of a label by model group, as selection and audit read them.

    Args:
        scores: ``SCORE_COLUMNS`` of ``BACKTEST_SCORES``.
        answer: which answer is the score: what is foreseen, or what lists are ordered by.
        groups: the model groups wanted, with rows or without; None for all that have rows.

    Returns:
        frames with ``score`` and ``label`` (outcome), by week and inspection_id.
    """
    rows = scores[scores["label"] == label].drop(columns="label")
    rows = rows.rename(columns={answer: "score", "outcome": "label"})
    scored = {str(name): of_group for name, of_group in rows.groupby("model_group", sort=True)}
    return scored if groups is None else {name: scored.get(name, rows.iloc[:0]) for name in groups}


def judged_rows(backtest_scores: pd.DataFrame, week: date, model_group: str, weeks: int) -> pd.DataFrame:
    """Return the backtest rows of a model group in the ``weeks`` weeks that end with ``week``."""
    of_group = backtest_scores[(backtest_scores["week"] <= week) & (backtest_scores["model_group"] == model_group)]
    return of_group[of_group["week"] > week - weeks * WEEK]


def intervals_of(judged: pd.DataFrame, confidence: float) -> ScoreIntervals:
    """Return the intervals that rows of the backtest tell, as ``by_group`` gives them."""
    return ScoreIntervals.fit(
        judged["score"].to_numpy(dtype="float64"),
        judged["label"].to_numpy(dtype=bool),
        frames.codes(judged["establishment_id"]),
        confidence=confidence,
    )


def calibrations(
    scores: pd.DataFrame, first: date, last: date, bins: int, confidence: float
) -> dict[str, dict[str, pd.DataFrame]]:
    """Return by label and model group what was predicted and observed from week ``first`` to ``last``, both included.

    Args:
        scores: rows of ``BACKTEST_SCORES``.
        bins, confidence: see ``metrics.calibration``.
    """
    of_period = scores[(scores["week"] >= first) & (scores["week"] <= last)]
    return {
        str(label): {
            group: calibration(
                rows["score"].to_numpy(dtype=np.float64), rows["label"].to_numpy(dtype=bool), bins, confidence
            )
            for group, rows in by_group(of_period, str(label)).items()
        }
        for label in sorted(of_period["label"].unique())
    }
