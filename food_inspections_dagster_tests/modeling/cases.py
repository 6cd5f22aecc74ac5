"""Recipes and models of the rows whose signal is known."""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.persistence import FittedModel, load
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule, Target
from food_inspections_dagster.modeling.training import KnownFiles, Recipe, TrainedWeeks, TrainingRows, train

ABOUT: Mapping[str, str] = {
    "rate": "place",
    "failures": "place",
    "kind": "place",
    "sparse": "surroundings",
    "noise": "season",
    "constant": "season",
    "unknown": "inspector",
}
#: What selection and audit read of the backtest: ``backtest.by_group``.
BACKTEST_TYPES: Mapping[str, pa.DataType] = {
    "week": pa.date32(),
    "inspection_id": pa.int64(),
    "establishment_id": pa.string(),
    "inspection_date": pa.date32(),
    "model_id": pa.string(),
    "score": pa.float64(),
    "label": pa.bool_(),
}
FAILED = Target("failed", {"failed": 1})
#: Of what is found, a serious violation counts a third of a critical one.
CRITICAL = Target("critical_violation", {"critical_violation": 3, "serious_violation": 1})


def recipe(spec: AlgorithmSpec, features: Features, *targets: Target) -> Recipe:
    """Return a recipe for one or more labels, by default for ``failed`` alone."""
    return Recipe(spec, targets or (FAILED,), features, {name: ABOUT[name] for name, _ in features})


def training_rows(rows: pd.DataFrame, features: Features, schedule: Schedule) -> TrainingRows:
    """Return all usable rows."""
    weeks = frames.days(rows["week"])
    first, last = (weeks.min().item(), weeks.max().item()) if len(weeks) else (date.max, date.max)
    return TrainingRows(rows, features, schedule, first, last)


def trained_on(
    of: Recipe, schedule: Schedule, rows: pd.DataFrame, weeks: Sequence[date], known: KnownFiles | None = None,
    workers: int | None = None,
) -> TrainedWeeks:  # fmt: skip
    """Train a recipe on rows."""
    more = {} if known is None else {"known": known}
    return train(of, schedule, training_rows(rows, of.features, schedule), weeks, "v1", workers=workers, **more)


def model_at(
    spec: AlgorithmSpec, features: Features, schedule: Schedule, rows: pd.DataFrame, week: date
) -> FittedModel:
    """Return the model for ``failed`` that a week carries."""
    trained = trained_on(recipe(spec, features), schedule, rows, [week])
    return load(trained.models[str(trained.weeks[0].model_id)])
