"""Fit the models of a range of weeks and score each week's inspections out of sample.

anchor 2012-04-02  fitted on rows of 2009-04-13 … 2012-04-02
  is the model of   2012-04-02 … 2012-06-25
  has scored        2012-04-09 … 2012-07-02   (the backtest: each list is made a week before)
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms, metrics
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.persistence import (
    FORMAT,
    FittedModel,
    dump,
    library_versions,
    load,
    model_group_id_of,
    model_id_of,
    read_card,
)
from food_inspections_dagster.modeling.rules import (
    LABELS,
    AlgorithmSpec,
    Features,
    Schedule,
    require,
)
from food_inspections_dagster.modeling.splits import (
    anchor_of,
    assert_no_overlap,
    backtest_anchor_of,
    needed_anchors,
    training_window,
    weeks_needed,
)

#: Columns of the backtest and their types.
BACKTEST_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "week": pa.date32(),
        "inspection_id": pa.int64(),
        "establishment_id": pa.string(),
        "inspection_date": pa.date32(),
        "model_id": pa.string(),
        "score": pa.float64(),
        "label": pa.bool_(),
    }
)
#: In-sample metrics are computed on at most so many rows, evenly spaced: kNN takes a minute for all of them.
IN_SAMPLE_ROWS = 1_000

KnownFiles = Callable[[date], Mapping[str, bytes] | None]


@dataclass(frozen=True)
class WeekModel:
    """What a week carries, and what scored it.

    Attributes:
        model_id: the model of the week (the fit at ``anchor``), or None with ``reason``.
        backtest_model_id: the model that scored the week's rows, or None with ``backtest_reason``.
    """

    week: date
    anchor: date | None
    model_id: str | None
    reason: str | None
    backtest_anchor: date | None
    backtest_model_id: str | None
    backtest_reason: str | None


@dataclass(frozen=True)
class TrainedWeeks:
    """The outcome for a range of weeks.

    Attributes:
        weeks: one entry per asked week, in order.
        backtest: the columns of ``BACKTEST_TYPES``; one row per inspection with a decision, sorted by week
            and inspection_id. Weeks without a model have no rows.
        models: the files of every model named in ``weeks``, by model_id.
        fitted: ids of the models that were fitted now; the others were known.
    """

    weeks: tuple[WeekModel, ...]
    backtest: pd.DataFrame
    models: Mapping[str, Mapping[str, bytes]]
    fitted: tuple[str, ...]


def usable_rows(rows: pd.DataFrame, label: str, schedule: Schedule) -> pd.DataFrame:
    """Return the rows that models learn from and are judged on, sorted by week and inspection_id.

    They are inspections of the scheduled types with a decision, no re-inspections, of establishments that
    were in the cohort.
    """
    require(label in LABELS, f"The label '{label}' is unknown: use {' or '.join(LABELS)}.")
    chosen = (
        rows["inspection_type"].isin(schedule.inspection_types)
        & ~rows["is_reinspection"]
        & rows["in_cohort"]
        & rows[label].notna()
    )
    return rows.loc[chosen.fillna(False).astype(bool)].sort_values(["week", "inspection_id"], ignore_index=True)


class _Rows:
    """The usable rows of all weeks, with what fits need precomputed."""

    def __init__(self, rows: pd.DataFrame, label: str, features: Features, schedule: Schedule):
        usable = usable_rows(rows, label, schedule)
        self.inputs = Inputs.of(usable, features)
        self.label = usable[label].to_numpy(dtype=bool)
        # Only these are sliced, thousands of times; pandas takes 1 ms to slice 130 Arrow columns.
        self.frame = usable[["week", "inspection_id", "establishment_id", "inspection_date"]]
        self.days = frames.days(self.frame["week"])
        self.ids = self.frame["inspection_id"].to_numpy(dtype=np.int64)
        self._week_hashes: dict[int, bytes] = {}

    def span(self, first: date, last: date) -> slice:
        """Return the positions of the rows of the weeks from ``first`` to ``last``, both included."""
        return frames.span(self.days, first, last)

    def data_hash(self, first: date, last: date) -> str:
        """Return a hash of ids, labels and feature values of the rows of these weeks."""
        span = self.span(first, last)
        digest = hashlib.sha256()
        for day in np.unique(self.days[span]):
            digest.update(self._week_hash(day))
        return digest.hexdigest()[:32]

    def _week_hash(self, day: np.datetime64) -> bytes:
        key = int(day.astype(np.int64))
        if key not in self._week_hashes:
            week = day.astype(object)
            part = self.inputs.take(self.span(week, week))
            span = self.span(week, week)
            digest = hashlib.sha256(str(week).encode())
            digest.update(np.ascontiguousarray(self.ids[span]).tobytes())
            digest.update(self.label[span].tobytes())
            # One bit pattern for NaN and one for zero, so that equal values are equal bytes.
            digest.update(np.where(np.isnan(part.numeric), np.float32(np.nan), part.numeric + 0.0).tobytes())
            for position, vocabulary in enumerate(part.vocabularies):
                words = np.array([*vocabulary, ""], dtype=object)[part.codes[:, position]]
                digest.update("\x1f".join(words).encode())
            self._week_hashes[key] = digest.digest()
        return self._week_hashes[key]


def train_and_backtest(
    spec: AlgorithmSpec,
    schedule: Schedule,
    label: str,
    features: Features,
    rows: pd.DataFrame,
    weeks: Sequence[date],
    code_version: str,
    known: KnownFiles | None = None,
) -> TrainedWeeks:
    """Fit the models that ``weeks`` need and score the rows of ``weeks`` out of sample.

    Args:
        spec: the recipe.
        schedule: when models are fitted, on which rows.
        label: ``failed`` or ``critical_violation``.
        features: (name, kind), in the model's order.
        rows: rows of the feature matrix of all weeks that ``weeks_needed`` names.
        weeks: the weeks wanted.
        code_version: of the code that makes features and models; part of the model's identity.
        known: gives the stored files of the model at an anchor, or None. They are reused where recipe, data,
            code and libraries are the same, and refitted where one of them changed.

    Raises:
        FoodInspectionsError: for unknown settings, a missing feature, or stored files that are damaged.
    """
    weeks = sorted(set(weeks))
    if not weeks:
        return TrainedWeeks((), frames.empty(BACKTEST_TYPES), {}, ())
    first, last = weeks_needed(weeks, schedule)
    held = _Rows(rows.loc[(rows["week"] >= first) & (rows["week"] <= last)], label, features, schedule)

    models: dict[str, dict[str, bytes]] = {}
    fitted: list[str] = []
    at_anchor: dict[date, str] = {}
    reasons: dict[date, str] = {}
    parts: list[pd.DataFrame] = []
    for anchor in needed_anchors(weeks, schedule):
        reason = _no_model(held, anchor, schedule, label)
        if reason is not None:
            reasons[anchor] = reason
            continue
        identity = _identity(spec, schedule, label, features, held, anchor, code_version)
        scored = [w for w in weeks if backtest_anchor_of(w, schedule) == anchor]
        files = known(anchor) if known is not None else None
        if files is not None and read_card(files)["model_id"] == model_id_of(identity):
            model = load(files) if scored else None
            stored = dict(files)
        else:
            model = _fit(spec, held, anchor, schedule, identity)
            stored = dump(model)
            fitted.append(model.model_id)
        model_id = read_card(stored)["model_id"]
        models[model_id] = stored
        at_anchor[anchor] = model_id
        if model is not None:
            assert_no_overlap(
                held.frame.iloc[held.span(*training_window(anchor, schedule))],
                held.frame.iloc[held.span(scored[0], scored[-1])] if scored else held.frame.iloc[:0],
            )
            parts += [_score(model, held, week) for week in scored]

    def entry(week: date) -> WeekModel:
        own, used = anchor_of(week, schedule), backtest_anchor_of(week, schedule)
        nothing = f"the calendar begins with {schedule.first_week}"
        return WeekModel(
            week=week,
            anchor=own,
            model_id=at_anchor.get(own) if own else None,
            reason=(reasons.get(own) if own else nothing),
            backtest_anchor=used,
            backtest_model_id=at_anchor.get(used) if used else None,
            backtest_reason=(reasons.get(used) if used else nothing),
        )

    parts = [part for part in parts if len(part)]
    backtest = pd.concat(parts, ignore_index=True) if parts else frames.empty(BACKTEST_TYPES)
    return TrainedWeeks(tuple(entry(w) for w in weeks), backtest, models, tuple(fitted))


def _no_model(held: _Rows, anchor: date, schedule: Schedule, label: str) -> str | None:
    first, last = training_window(anchor, schedule)
    span = held.span(first, last)
    rows = span.stop - span.start
    if rows < schedule.min_training_rows:
        return f"{rows} training rows from {first} to {last}, and {schedule.min_training_rows} are needed"
    positives = int(held.label[span].sum())
    if positives in (0, rows):
        return f"all {rows} training rows from {first} to {last} have {label} = {bool(positives)}"
    return None


def _identity(
    spec: AlgorithmSpec,
    schedule: Schedule,
    label: str,
    features: Features,
    held: _Rows,
    anchor: date,
    code_version: str,
) -> dict[str, object]:
    first, last = training_window(anchor, schedule)
    span = held.span(first, last)
    return {
        "format": FORMAT,
        "algorithm": spec.algorithm,
        "parameters": algorithms.resolve(spec),
        "seed": spec.seed,
        "features": [list(feature) for feature in features],
        "label": label,
        "inspection_types": list(schedule.inspection_types),
        "training_window": {
            "first_week": first.isoformat(),
            "last_week": last.isoformat(),
            "rows": span.stop - span.start,
            "positives": int(held.label[span].sum()),
        },
        "data_hash": held.data_hash(first, last),
        "code_version": code_version,
        "libraries": library_versions(),
    }


def _fit(
    spec: AlgorithmSpec, held: _Rows, anchor: date, schedule: Schedule, identity: Mapping[str, object]
) -> FittedModel:
    span = held.span(*training_window(anchor, schedule))
    inputs, label = held.inputs.take(span), held.label[span]
    design, estimator = algorithms.fit(spec, inputs, label)
    sample = np.unique(np.linspace(0, len(label) - 1, IN_SAMPLE_ROWS).astype(np.intp))
    card = {
        **identity,
        "model_group": spec.name,
        "model_group_id": model_group_id_of(identity),
        "model_id": model_id_of(identity),
        # A list of pairs: JSON with sorted keys would lose the order of the columns.
        "categories": [[name, list(values)] for name, values in design.categories.items()],
    }
    model = FittedModel(MappingProxyType(card), estimator)
    card["training_metrics"] = {
        "rows": len(sample),
        **metrics.threshold_free(model.predict(inputs.take(sample)), label[sample]),
    }
    return model


def _score(model: FittedModel, held: _Rows, week: date) -> pd.DataFrame:
    """Score one week by itself: in one matrix product with other weeks the last bits would depend on them."""
    span = held.span(week, week)
    frame = held.frame.iloc[span]
    score = model.predict(held.inputs.take(span))
    if not ((score >= 0) & (score <= 1)).all():
        raise FoodInspectionsError(
            f"Model {model.model_id} gave a probability outside [0, 1] for the week of {week}: "
            "delete its folder and materialise its week again."
        )
    values = {
        "week": frame["week"],
        "inspection_id": frame["inspection_id"],
        "establishment_id": frame["establishment_id"],
        "inspection_date": frame["inspection_date"],
        "model_id": [model.model_id] * len(frame),
        "score": score,
        "label": held.label[span],
    }
    return frames.table(values, BACKTEST_TYPES)
