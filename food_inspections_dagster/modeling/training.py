"""Fit the models of a range of weeks and score each week's inspections out of sample.

anchor 2012-04-02  fitted on rows of 2009-04-13 … 2012-04-02
  is the model of   2012-04-02 … 2012-06-25
  has scored        2012-04-09 … 2012-07-02   (the backtest: each list is made a week before)
"""

import hashlib
import os
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms, metrics
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread
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
#: In-sample metrics are computed on at most so many rows, evenly spaced: nearest neighbours would take as long for all
#: of them as for the whole backtest.
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
        label: what the rows were judged by.
    """

    weeks: tuple[WeekModel, ...]
    backtest: pd.DataFrame
    models: Mapping[str, Mapping[str, bytes]]
    fitted: tuple[str, ...]
    label: str = ""


def usable_rows(rows: pd.DataFrame, label: str, schedule: Schedule) -> np.ndarray:
    """Return the positions of the rows that models learn from and are judged on, by week and inspection_id.

    They are inspections of the scheduled types with a decision, no re-inspections, of establishments that
    were in the cohort.
    """
    require(label in LABELS, f"The label '{label}' is unknown: use {' or '.join(LABELS)}.")
    scheduled = pc.is_in(frames.arrow(rows["inspection_type"]), pa.array(schedule.inspection_types, pa.string()))
    first_visit = pc.invert(frames.arrow(rows["is_reinspection"]))
    usable = pc.and_(pc.and_(scheduled, first_visit), frames.arrow(rows["in_cohort"]))
    usable = pc.and_(usable, pc.is_valid(frames.arrow(rows[label])))
    positions = np.flatnonzero(pc.fill_null(usable, False).to_numpy(zero_copy_only=False))
    ids = rows["inspection_id"].to_numpy(dtype=np.int64)[positions]
    return positions[np.lexsort((ids, frames.days(rows["week"])[positions]))]


class TrainingRows:
    """The usable rows of some weeks as arrays, by week and inspection_id, with what fits need precomputed."""

    def __init__(self, rows: pd.DataFrame, label: str, features: Features, schedule: Schedule, first: date, last: date):
        usable = usable_rows(rows, label, schedule)
        # Each column is cut by itself: pandas takes 1 ms to slice 130 Arrow columns, and a second to filter them.
        usable = usable[frames.span(frames.days(rows["week"])[usable], first, last)]
        self.inputs = Inputs.of(rows, features, usable)
        self.frame = rows[["week", "inspection_id", "establishment_id", "inspection_date"]].iloc[usable]
        self.label = rows[label].iloc[usable].to_numpy(dtype=bool)
        self.days = frames.days(self.frame["week"])
        self.ids = self.frame["inspection_id"].to_numpy(dtype=np.int64)
        self._weeks = np.unique(self.days)
        self._week_hashes = self._hash_weeks()

    def span(self, first: date, last: date) -> slice:
        """Return the positions of the rows of the weeks from ``first`` to ``last``, both included."""
        return frames.span(self.days, first, last)

    def data_hash(self, first: date, last: date) -> str:
        """Return a hash of ids, labels and feature values of the rows of these weeks."""
        digest = hashlib.sha256()
        for week in self._week_hashes[frames.span(self._weeks, first, last)]:
            digest.update(week)
        return digest.hexdigest()[:32]

    def _hash_weeks(self) -> list[bytes]:
        """Return a hash of the rows of each of ``_weeks``, which does not depend on the other weeks'."""
        # A word is its own hash, for its code depends on which words the other weeks have.
        words = [
            np.frombuffer(b"".join(hashlib.sha256(word.encode()).digest() for word in [*vocabulary, ""]), np.uint64)
            for vocabulary in self.inputs.vocabularies
        ]
        hashes = []
        for week in self._weeks.tolist():
            span = self.span(week, week)
            digest = hashlib.sha256(str(week).encode())
            digest.update(self.ids[span].tobytes())
            digest.update(self.label[span].tobytes())
            # One bit pattern for NaN and one for zero, so that equal values are equal bytes.
            numeric = self.inputs.numeric[span] + np.float32(0)
            numeric[np.isnan(numeric)] = np.nan
            digest.update(numeric.tobytes())
            for position, table in enumerate(words):
                digest.update(table.reshape(-1, 4)[self.inputs.codes[span, position]].tobytes())
            hashes.append(digest.digest())
        return hashes


@dataclass(frozen=True)
class _AnchorResult:
    """What became of an anchor: a model with the scores of the rows at ``positions``, or a reason why not."""

    reason: str | None = None
    model_id: str | None = None
    files: Mapping[str, bytes] | None = None
    fitted: bool = False
    positions: np.ndarray | None = None
    score: np.ndarray | None = None


def train_and_backtest(
    spec: AlgorithmSpec,
    schedule: Schedule,
    label: str,
    features: Features,
    rows: pd.DataFrame | TrainingRows,
    weeks: Sequence[date],
    code_version: str,
    known: KnownFiles | None = None,
    workers: int | None = None,
) -> TrainedWeeks:
    """Fit the models that ``weeks`` need and score the rows of ``weeks`` out of sample.

    Args:
        spec: the recipe.
        schedule: when models are fitted, on which rows.
        label: ``failed`` or ``critical_violation``.
        features: (name, kind), in the model's order.
        rows: rows of the feature matrix of all weeks that ``weeks_needed`` names; as ``TrainingRows`` of these weeks,
            label and features they serve several recipes.
        weeks: the weeks wanted.
        code_version: of the code that makes features and models; part of the model's identity.
        known: gives the stored files of the model at an anchor, or None; called from several threads. They are
            reused where recipe, data, code and libraries are the same, and refitted where one of them changed or
            the files are damaged.
        workers: anchors at work side by side, as many as there are processors where None; the bytes are the same.

    Raises:
        FoodInspectionsError: for unknown settings or a missing feature.
    """
    weeks = sorted(set(weeks))
    if not weeks:
        return TrainedWeeks((), frames.empty(BACKTEST_TYPES), {}, ())
    if isinstance(rows, TrainingRows):
        usable = rows
    else:
        usable = TrainingRows(rows, label, features, schedule, *weeks_needed(weeks, schedule))
    anchors = needed_anchors(weeks, schedule)

    def at(anchor: date) -> _AnchorResult:
        reason = _no_model(usable, anchor, schedule, label)
        if reason is not None:
            return _AnchorResult(reason=reason)
        identity = _identity(spec, schedule, label, features, usable, anchor, code_version)
        scored = [week for week in weeks if backtest_anchor_of(week, schedule) == anchor]
        stored = known(anchor) if known is not None else None
        model = _reusable(stored, identity)
        fitted = model is None
        if model is None:
            model = _fit(spec, usable, anchor, schedule, identity)
            stored = dump(model)
        training = usable.span(*training_window(anchor, schedule))
        positions, score = _score(model, usable, training, scored)
        return _AnchorResult(None, model.model_id, stored, fitted, positions, score)

    with one_blas_thread():
        results = dict(zip(anchors, _side_by_side(at, anchors, workers or os.cpu_count() or 1), strict=True))

    def entry(week: date) -> WeekModel:
        anchor, scoring_anchor = anchor_of(week, schedule), backtest_anchor_of(week, schedule)
        nothing = _AnchorResult(reason=f"the calendar begins with {schedule.first_week}")
        result = results[anchor] if anchor else nothing
        scoring = results[scoring_anchor] if scoring_anchor else nothing
        return WeekModel(
            week=week,
            anchor=anchor,
            model_id=result.model_id,
            reason=result.reason,
            backtest_anchor=scoring_anchor,
            backtest_model_id=scoring.model_id,
            backtest_reason=scoring.reason,
        )

    return TrainedWeeks(
        weeks=tuple(entry(week) for week in weeks),
        backtest=_backtest(usable, list(results.values())),
        models={r.model_id: r.files for r in results.values() if r.model_id and r.files is not None},
        fitted=tuple(r.model_id for r in results.values() if r.model_id and r.fitted),
        label=label,
    )


def _side_by_side(work: Callable[[date], _AnchorResult], anchors: Sequence[date], workers: int) -> list[_AnchorResult]:
    """Return the results in order; numpy and XGBoost let other threads run while they compute."""
    if workers == 1 or len(anchors) < 2:
        return [work(anchor) for anchor in anchors]
    pool = ThreadPoolExecutor(workers, thread_name_prefix="fit")
    try:
        return list(pool.map(work, anchors))
    finally:
        # After an error the anchors that wait are not begun.
        pool.shutdown(cancel_futures=True)


def _reusable(stored: Mapping[str, bytes] | None, identity: Mapping[str, object]) -> FittedModel | None:
    """Return the stored model where it is the model of this identity and whole.

    A damaged one is fitted anew: were it an error, materialising its week again would meet the same error.
    """
    if stored is None:
        return None
    try:
        return load(stored) if read_card(stored)["model_id"] == model_id_of(identity) else None
    except FoodInspectionsError:
        return None


def _no_model(usable: TrainingRows, anchor: date, schedule: Schedule, label: str) -> str | None:
    first, last = training_window(anchor, schedule)
    span = usable.span(first, last)
    rows = span.stop - span.start
    if rows < schedule.min_training_rows:
        return f"{rows} training rows from {first} to {last}, and {schedule.min_training_rows} are needed"
    positives = int(usable.label[span].sum())
    if positives in (0, rows):
        return f"all {rows} training rows from {first} to {last} have {label} = {bool(positives)}"
    return None


def _identity(
    spec: AlgorithmSpec,
    schedule: Schedule,
    label: str,
    features: Features,
    usable: TrainingRows,
    anchor: date,
    code_version: str,
) -> dict[str, object]:
    first, last = training_window(anchor, schedule)
    span = usable.span(first, last)
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
            "positives": int(usable.label[span].sum()),
        },
        "data_hash": usable.data_hash(first, last),
        "code_version": code_version,
        "libraries": library_versions(spec.algorithm),
    }


def _fit(
    spec: AlgorithmSpec, usable: TrainingRows, anchor: date, schedule: Schedule, identity: Mapping[str, object]
) -> FittedModel:
    span = usable.span(*training_window(anchor, schedule))
    inputs, label = usable.inputs.take(span), usable.label[span]
    design, fitted = algorithms.fit(spec, inputs, label)
    card = {
        **identity,
        "model_group": spec.name,
        "model_group_id": model_group_id_of(identity),
        "model_id": model_id_of(identity),
        # A list of pairs: JSON with sorted keys would lose the order of the columns.
        "categories": [[name, list(values)] for name, values in design.categories.items()],
    }
    sample = np.unique(np.linspace(0, len(label) - 1, IN_SAMPLE_ROWS).astype(np.intp))
    score = algorithms.algorithm(spec.algorithm).predict(fitted, design, inputs.take(sample))
    card["training_metrics"] = {"rows": len(sample), **metrics.threshold_free(score, label[sample])}
    return FittedModel(MappingProxyType(card), fitted)


def _score(
    model: FittedModel, usable: TrainingRows, training: slice, weeks: Sequence[date]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions of the rows of some weeks, in order, and their scores."""
    spans = [usable.span(week, week) for week in weeks]
    positions = np.concatenate([np.arange(s.start, s.stop) for s in spans] or [np.empty(0, dtype=np.intp)])
    assert_no_overlap(usable.frame.iloc[training], usable.frame.iloc[positions])
    score = model.predict(usable.inputs.take(positions))
    wrong = np.flatnonzero(~((score >= 0) & (score <= 1)))
    if wrong.size:
        week = usable.days[positions[wrong[0]]]
        raise FoodInspectionsError(
            f"Model {model.model_id} gave a probability outside [0, 1] for the week of {week}: "
            "delete its folder and materialise its week again."
        )
    return positions, score


def _backtest(usable: TrainingRows, results: Sequence[_AnchorResult]) -> pd.DataFrame:
    """Return the rows of all anchors with the columns of ``BACKTEST_TYPES``, by week and inspection_id."""
    scored = [r for r in results if r.positions is not None and len(r.positions)]
    if not scored:
        return frames.empty(BACKTEST_TYPES)
    positions = np.concatenate([r.positions for r in scored if r.positions is not None])
    frame = usable.frame.iloc[positions]
    which = np.repeat(
        np.arange(len(scored), dtype=np.int32), [len(r.positions) for r in scored if r.positions is not None]
    )
    values = {
        "week": frame["week"],
        "inspection_id": frame["inspection_id"],
        "establishment_id": frame["establishment_id"],
        "inspection_date": frame["inspection_date"],
        "model_id": pa.array([r.model_id for r in scored], pa.string()).take(pa.array(which)),
        "score": np.concatenate([r.score for r in scored if r.score is not None]),
        "label": usable.label[positions],
    }
    return frames.table(values, BACKTEST_TYPES)
