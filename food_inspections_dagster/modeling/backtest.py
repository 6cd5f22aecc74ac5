"""The backtest: each inspection as the models in force foresaw it when the list for its week was made.

list for 2012-04-09  made by the models of the week before, 2012-04-02, which saw nothing after it

Every inspection that took place is scored, in or out of the cohort.
"""

import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread
from food_inspections_dagster.modeling.documents import models_of
from food_inspections_dagster.modeling.persistence import FittedModel
from food_inspections_dagster.modeling.schemas import BACKTEST_SCORES
from food_inspections_dagster.modeling.training import TrainingRows
from food_inspections_dagster.weeks import WEEK


@dataclass(frozen=True)
class InForce:
    """A model, and the weeks whose lists it made.

    Attributes:
        files: of the model, as the document that names it has them.
    """

    model_group: str
    label: str
    model_id: str
    files: Mapping[str, str]
    weeks: tuple[date, ...]


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
        InForce(entry["model_group"], entry["label"], model_id, entry["files"], tuple(of_model))
        for model_id, (entry, of_model) in served.items()
    ]


def backtest(
    models: Sequence[InForce],
    own_risk: Sequence[InForce],
    load: Callable[[InForce], FittedModel],
    rows: TrainingRows,
    workers: int | None = None,
) -> pd.DataFrame:
    """Return the columns of ``BACKTEST_SCORES``: a row for each inspection, model group and label.

    Args:
        models: those in force, with their weeks.
        own_risk: those that tell a place's own risk, one for each label and week.
        load: gives a model; called from several threads.
        rows: of the weeks, with the features of the models.
        workers: models at work side by side; the bytes are the same.

    Raises:
        FoodInspectionsError: for a model that learnt from a week that it would be judged on, or later.
    """

    def scored(model: InForce) -> tuple[np.ndarray, np.ndarray]:
        fitted = load(model)
        newest = date.fromisoformat(fitted.card["training_window"]["last_week"])
        if newest >= model.weeks[0]:
            raise FoodInspectionsError(
                f"The model {model.model_id} learnt from rows up to the week of {newest} and was about to be judged on "
                f"the week of {model.weeks[0]}: the temporal split is broken, so nothing was kept; report this."
            )
        spans = [rows.span(week, week) for week in model.weeks]
        at = np.concatenate([np.arange(span.start, span.stop) for span in spans])
        return at, fitted.predict(rows.inputs.take(at))

    with one_blas_thread(), ThreadPoolExecutor(workers or os.cpu_count() or 1, thread_name_prefix="score") as pool:
        of_places = list(pool.map(scored, own_risk))
        parts = list(pool.map(scored, models))
    if not parts:
        return schemas.empty(BACKTEST_SCORES)
    risks = {model.label: np.full(len(rows.frame), np.nan) for model in models}
    for model, (at, risk) in zip(own_risk, of_places, strict=True):
        risks[model.label][at] = risk
    sizes = [len(at) for at, _ in parts]
    at = np.concatenate([at for at, _ in parts])
    which = pa.array(np.repeat(np.arange(len(parts), dtype=np.int32), sizes))
    of_rows = rows.frame.iloc[at]
    columns = {
        **{name: of_rows[name] for name in of_rows.columns},
        **{
            name: pa.array([getattr(model, name) for model in models], pa.string()).take(which)
            for name in ("model_group", "label", "model_id")
        },
        "expected_find": np.concatenate([score for _, score in parts]),
        "own_risk": np.concatenate([risks[model.label][at] for model, (at, _) in zip(models, parts, strict=True)]),
        "outcome": np.concatenate([rows.outcomes[m.label][at] for m, (at, _) in zip(models, parts, strict=True)]),
    }
    return frames.table(columns, schemas.arrow_types(BACKTEST_SCORES))


def by_group(scores: pd.DataFrame, label: str) -> dict[str, pd.DataFrame]:
    """Return the rows of a label by model group, as selection and audit read them.

    Args:
        scores: columns of ``BACKTEST_SCORES``.

    Returns:
        frames with ``score`` (expected_find) and ``label`` (outcome), by week and inspection_id.
    """
    rows = scores[scores["label"] == label].drop(columns="label")
    rows = rows.rename(columns={"expected_find": "score", "outcome": "label"})
    return {str(name): of_group for name, of_group in rows.groupby("model_group", sort=True)}
