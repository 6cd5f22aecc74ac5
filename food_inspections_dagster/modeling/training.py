"""Fit the models of a range of weeks: every recipe, every label, at every anchor of the calendar.

anchor 2012-04-02  fitted on rows of 2009-04-13 … 2012-04-02
  calibrated on       2011-04-11 … 2012-04-02, as the models before scored those weeks, each unseen
  is the model of     2012-04-02 … 2012-06-25

Where an algorithm chains its fits, all but the first of a chain go on from the fit at the anchor before. Chains have
their places in the calendar, and a fit's identity names the one that it went on from.
"""

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms, metrics
from food_inspections_dagster.modeling.algorithms import Design, Inputs
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread
from food_inspections_dagster.modeling.calibration import Calibration
from food_inspections_dagster.modeling.identities import Contents, Identities, Recipe
from food_inspections_dagster.modeling.own_risk import typical
from food_inspections_dagster.modeling.persistence import (
    FittedModel,
    dump,
    load,
    model_group_id_of,
    model_id_of,
    read_card,
)
from food_inspections_dagster.modeling.rules import LABELS, OUTCOMES, Features, Schedule, Target
from food_inspections_dagster.modeling.splits import (
    anchor_of,
    anchors_before,
    assert_no_overlap,
    calibration_window,
    needed_anchors,
    training_window,
)
from food_inspections_dagster.parallel import side_by_side
from food_inspections_dagster.weeks import WEEK

#: Columns that training reads beside the features.
ROW_COLUMNS = (
    *("week", "inspection_id", "establishment_id", "inspection_date", "inspection_type"),
    *("is_reinspection", "in_cohort", *LABELS, "serious_count"),
)
#: In-sample metrics are computed on at most so many rows, evenly spaced: nearest neighbours would take as long for all
#: of them as for the whole backtest.
IN_SAMPLE_ROWS = 1_000

KnownFiles = Callable[[date], Mapping[str, Mapping[str, bytes]]]
"""Gives the stored files of a recipe's models at an anchor, by label."""
_Fitted = dict[date, dict[str, tuple[Design, Any]]]


@dataclass(frozen=True)
class WeekModel:
    """The model that a week carries: the fit at ``anchor``, or None with ``reason``."""

    week: date
    model_group: str
    label: str
    anchor: date | None
    model_id: str | None
    reason: str | None


@dataclass(frozen=True)
class TrainedWeeks:
    """The outcome for a range of weeks.

    Attributes:
        weeks: one entry per asked week and label, in order.
        models: the files of every model named in ``weeks``, by model_id, where they are here.
        fitted: ids of the models that were fitted now; the others were known.
        stored: the SHA-256 of the files, by model_id, of those models that whoever made them has stored.
    """

    weeks: tuple[WeekModel, ...]
    models: Mapping[str, Mapping[str, bytes]]
    fitted: tuple[str, ...]
    stored: Mapping[str, Mapping[str, str]] = field(default_factory=dict)

    @cached_property
    def files(self) -> Mapping[str, Mapping[str, str]]:
        """The SHA-256 (hexadecimal) of every file by name, by model_id."""
        return {**{model_id: hashes_of(files) for model_id, files in self.models.items()}, **self.stored}


def hashes_of(files: Mapping[str, bytes]) -> dict[str, str]:
    """Return the SHA-256 (hexadecimal) of some files by name."""
    return {name: hashlib.sha256(content).hexdigest() for name, content in sorted(files.items())}


def usable_rows(rows: pd.DataFrame, schedule: Schedule) -> np.ndarray:
    """Return the positions of the rows that models learn from and are judged on, by week and inspection_id.

    They are inspections of the scheduled types with a decision and no re-inspections, in the cohort or not: whoever was
    visited is learnt from.
    """
    scheduled = pc.is_in(frames.arrow(rows["inspection_type"]), pa.array(schedule.inspection_types, pa.string()))
    usable = pc.and_(scheduled, pc.invert(frames.arrow(rows["is_reinspection"])))
    usable = pc.and_(usable, pc.is_valid(frames.arrow(rows[LABELS[0]])))
    positions = np.flatnonzero(pc.fill_null(usable, False).to_numpy(zero_copy_only=False))
    ids = rows["inspection_id"].to_numpy(dtype=np.int64)[positions]
    return positions[np.lexsort((ids, frames.days(rows["week"])[positions]))]


class TrainingRows:
    """The usable rows of some weeks as arrays, by week and inspection_id, with what fits need precomputed.

    Attributes:
        inputs: the features.
        frame: ``week``, ``inspection_id``, ``establishment_id``, ``inspection_date``, ``in_cohort``.
        outcomes: bool (rows,) by name of ``OUTCOMES``.
        days: the weeks' Mondays, datetime64[D] (rows,).
    """

    def __init__(self, rows: pd.DataFrame, features: Features, schedule: Schedule, first: date, last: date) -> None:
        usable = usable_rows(rows, schedule)
        # Each column is cut by itself: pandas takes 1 ms to slice 130 Arrow columns, and a second to filter them.
        usable = usable[frames.span(frames.days(rows["week"])[usable], first, last)]
        self.inputs = Inputs.of(rows, features, usable)
        names = ["week", "inspection_id", "establishment_id", "inspection_date", "in_cohort"]
        self.frame = rows[names].iloc[usable]
        self.outcomes = {label: rows[label].iloc[usable].to_numpy(dtype=bool) for label in LABELS}
        self.outcomes["serious_violation"] = rows["serious_count"].iloc[usable].to_numpy(dtype=np.int64) > 0
        self.days = frames.days(self.frame["week"])
        self.ids = self.frame["inspection_id"].to_numpy(dtype=np.int64)
        self._weeks = np.unique(self.days)

    def span(self, first: date, last: date) -> slice:
        """Return the positions of the rows of the weeks from ``first`` to ``last``, both included."""
        return frames.span(self.days, first, last)

    def target(self, target: Target, span: slice) -> np.ndarray:
        """Return what is learnt of some rows, float32 in [0, 1] (rows,)."""
        parts = [weight * self.outcomes[outcome][span] for outcome, weight in target.weights.items()]
        return (np.sum(parts, axis=0) / sum(target.weights.values())).astype(np.float32)

    @cached_property
    def contents(self) -> Contents:
        """The rows of each week as numbers and hashes, which do not depend on the other weeks'."""
        spans = [self.span(week, week) for week in self._weeks.tolist()]
        return Contents(
            self._weeks,
            np.array([span.stop - span.start for span in spans], dtype=np.int64),
            {label: np.array([self.outcomes[label][s].sum() for s in spans], dtype=np.int64) for label in LABELS},
            tuple(self._week_hashes()),
        )

    def _week_hashes(self) -> list[bytes]:
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
            for outcome in OUTCOMES:
                digest.update(self.outcomes[outcome][span].tobytes())
            # One bit pattern for NaN and one for zero, so that equal values are equal bytes.
            numeric = self.inputs.numeric[span] + np.float32(0)
            numeric[np.isnan(numeric)] = np.nan
            digest.update(numeric.tobytes())
            for position, table in enumerate(words):
                digest.update(table.reshape(-1, 4)[self.inputs.codes[span, position]].tobytes())
            hashes.append(digest.digest())
        return hashes


def train(
    recipe: Recipe,
    schedule: Schedule,
    rows: TrainingRows,
    weeks: Sequence[date],
    code_version: str,
    known: KnownFiles = lambda anchor: {},
    workers: int | None = None,
) -> TrainedWeeks:
    """Fit the models that ``weeks`` carry.

    Args:
        recipe: what to fit.
        schedule: when models are fitted, on which rows.
        rows: of all weeks that ``splits.weeks_needed`` names for its chained fits, with the recipe's features.
        weeks: the weeks wanted.
        code_version: of the code that makes features and models; part of the model's identity.
        known: gives the stored files of the models at an anchor; called from several threads. They are reused where
            recipe, data, code and libraries are the same, and refitted where one of them changed or the files are
            damaged.
        workers: anchors, or chains of them, at work side by side, as many as there are processors where None; the bytes
            are the same.

    Raises:
        FoodInspectionsError: for a parameter or an outcome that does not exist, or a missing feature.
    """
    identities = Identities(recipe, schedule, rows.contents, code_version)
    fitter = Fitter(identities, rows, known)
    anchors = needed_anchors(weeks, schedule)
    with one_blas_thread():
        models = dict(zip(anchors, side_by_side(fitter.stored_models, anchors, workers), strict=True))
        missing = [anchor for anchor in anchors if len(models[anchor]) < len(identities.possible(anchor))]
        parts = side_by_side(fitter.fits, identities.chains(missing), workers)
        fits = {anchor: of_anchor for part in parts for anchor, of_anchor in part.items()}
        made = side_by_side(lambda anchor: fitter.models(anchor, fits), missing, workers)
    for anchor, of_anchor in zip(missing, made, strict=True):
        models[anchor] = {**of_anchor, **models[anchor]}
    fitted = {id(model) for of_anchor in made for model in of_anchor.values()}
    every = [model for anchor in anchors for model in models[anchor].values()]
    ids = {(a, label): model.model_id for a in anchors for label, model in models[a].items()}
    return TrainedWeeks(
        weeks=entries(identities, weeks, ids),
        models={model.model_id: dump(model) for model in every},
        fitted=tuple(model.model_id for model in every if id(model) in fitted),
    )


def entries(
    identities: Identities, weeks: Sequence[date], ids: Mapping[tuple[date, str], str]
) -> tuple[WeekModel, ...]:
    """Return which model each week carries, by week and label.

    Args:
        identities: of the recipe.
        ids: of the models, by anchor and label.
    """
    recipe, schedule = identities.recipe, identities.schedule

    def entry(week: date, label: str) -> WeekModel:
        anchor = anchor_of(week, schedule)
        if anchor is None:
            reason: str | None = f"the calendar begins with {schedule.first_week}"
            return WeekModel(week, recipe.spec.name, label, None, None, reason)
        model_id = ids.get((anchor, label))
        return WeekModel(week, recipe.spec.name, label, anchor, model_id, identities.reason(anchor, label))

    return tuple(entry(week, label) for week in sorted(set(weeks)) for label in recipe.labels)


@dataclass(frozen=True)
class Fit:
    """A fit before it is calibrated, and its scores of the weeks in which it is in force.

    Attributes:
        positions: of the rows that it scored.
        score: float64 (rows,).
    """

    fit_id: str
    design: Design
    fitted: Any
    positions: slice
    score: np.ndarray


@dataclass(frozen=True)
class Fitter:
    """The fits of one recipe on some rows.

    Attributes:
        rows: those that the fits asked for learn from and score; there may be more.
        known: see :func:`train`.
    """

    identities: Identities
    rows: TrainingRows
    known: KnownFiles = lambda anchor: {}

    @property
    def recipe(self) -> Recipe:
        """What is fitted."""
        return self.identities.recipe

    @property
    def schedule(self) -> Schedule:
        """When."""
        return self.identities.schedule

    @property
    def algorithm(self) -> algorithms.Algorithm:
        """The recipe's algorithm."""
        return self.identities.algorithm

    def inputs(self, span: slice) -> Inputs:
        """Return the recipe's features of some rows."""
        return self.rows.inputs.take(span).select(self.recipe.features)

    def stored_models(self, anchor: date) -> dict[str, FittedModel]:
        """Return by label the models at an anchor that are stored and would come out the same now."""
        possible = self.identities.possible(anchor)
        return reusable({t.label: model_id_of(self.identities.model(anchor, t)) for t in possible}, anchor, self.known)

    def fits(self, anchors: Sequence[date]) -> dict[date, dict[str, Fit]]:
        """Return the fits of some anchors of one chain, ascending, by anchor and label, with their scores."""
        made: _Fitted = {}
        return {a: self._scored(a, self._fitted(a, self.identities.possible(a), made)) for a in anchors}

    def ahead(self, anchor: date) -> slice:
        """Return the positions of the rows that the fit at an anchor scores: those of the weeks that it is in force."""
        return self.rows.span(anchor + WEEK, anchor + self.schedule.update_weeks * WEEK)

    def _scored(self, anchor: date, fitted: Mapping[str, tuple[Design, Any]]) -> dict[str, Fit]:
        window = self.rows.span(*training_window(anchor, self.schedule))
        ahead = self.ahead(anchor)
        assert_no_overlap(self.rows.frame.iloc[window], self.rows.frame.iloc[ahead])
        scores = algorithms.predict_all(self.algorithm, list(fitted.values()), self.inputs(ahead))
        targets = {target.label: target for target in self.recipe.targets}
        return {
            label: Fit(self.identities.fit_id(anchor, targets[label]), design, fit, ahead, _checked(score, anchor))
            for (label, (design, fit)), score in zip(fitted.items(), scores, strict=True)
        }

    def _fitted(self, anchor: date, targets: Sequence[Target], made: _Fitted) -> dict[str, tuple[Design, Any]]:
        """Return the fits of an anchor by label, stored ones where they are the same.

        Args:
            made: what was fitted or read of this chain, by anchor and label; it is added to.
        """
        of_anchor = made.setdefault(anchor, {})
        missing = [target for target in targets if target.label not in of_anchor]
        stored = self.known(anchor) if missing else {}
        for target in missing:
            model = _reusable(stored.get(target.label), self.identities.fit_id(anchor, target), "fit_id")
            if model is not None:
                of_anchor[target.label] = (model.design, model.fitted)
        missing = [target for target in missing if target.label not in of_anchor]
        if missing and self.algorithm.joint:
            missing = list(targets)
        if missing:
            window = self.rows.span(*training_window(anchor, self.schedule))
            inputs, spec = self.inputs(window), self.recipe.spec
            learnt = np.stack([self.rows.target(target, window) for target in missing])
            if self.identities.chained_fits == 1:
                design, fits = algorithms.fit_many(spec, inputs, learnt)
                of_anchor |= {target.label: (design, fit) for target, fit in zip(missing, fits, strict=True)}
            else:  # one by one: chains of two labels may have begun with other designs
                for target, values in zip(missing, learnt, strict=True):
                    before = self.identities.previous(anchor, target.label)
                    start = None if before is None else self._fitted(before, [target], made)[target.label]
                    of_anchor[target.label] = algorithms.fit(spec, inputs, values, start)
        return {target.label: of_anchor[target.label] for target in targets}

    def models(self, anchor: date, fits: Mapping[date, Mapping[str, Fit]]) -> dict[str, FittedModel]:
        """Return the models of an anchor by label: its fits, calibrated by what the fits before scored."""
        window = self.rows.span(*training_window(anchor, self.schedule))
        inputs = self.inputs(window)
        sample = np.unique(np.linspace(0, len(inputs) - 1, IN_SAMPLE_ROWS).astype(np.intp))
        average = typical(inputs).as_dict()
        possible = self.identities.possible(anchor)
        pairs = [(fits[anchor][target.label].design, fits[anchor][target.label].fitted) for target in possible]
        scores = algorithms.predict_all(self.algorithm, pairs, inputs.take(sample))
        models = {}
        for target, in_sample in zip(possible, scores, strict=True):
            fit, label = fits[anchor][target.label], self.rows.outcomes[target.label]
            calibration = self._calibration(anchor, target.label, fits)
            if calibration is None:
                calibration = Calibration.of_level(in_sample, label[window][sample])
            identity = self.identities.model(anchor, target)
            card = {
                **identity,
                "model_group": self.recipe.spec.name,
                "model_group_id": model_group_id_of(identity),
                "fit_id": fit.fit_id,
                "model_id": model_id_of(identity),
                # A list of pairs: JSON with sorted keys would lose the order of the columns.
                "categories": [[name, list(values)] for name, values in fit.design.categories.items()],
                "calibration": calibration.to_dict(),
                "typical": average,
                "training_metrics": {
                    "rows": len(sample),
                    **metrics.threshold_free(calibration.probability(in_sample), label[window][sample]),
                },
            }
            models[target.label] = FittedModel(MappingProxyType(card), fit.fitted)
        return models

    def _calibration(self, anchor: date, label: str, fits: Mapping[date, Mapping[str, Fit]]) -> Calibration | None:
        """Learn from the scores that the fits before gave to the weeks up to an anchor; None where there are few."""
        window = self.rows.span(*calibration_window(anchor, self.schedule))
        scores, outcomes = [np.empty(0)], [np.empty(0, dtype=bool)]
        for before in anchors_before(anchor, self.schedule):
            fit = fits[before].get(label)
            if fit is not None:
                first, last = max(fit.positions.start, window.start), min(fit.positions.stop, window.stop)
                if last > first:
                    scores.append(fit.score[first - fit.positions.start : last - fit.positions.start])
                    outcomes.append(self.rows.outcomes[label][first:last])
        return Calibration.fit(np.concatenate(scores), np.concatenate(outcomes))


def _checked(score: np.ndarray, anchor: date) -> np.ndarray:
    if not ((score >= 0) & (score <= 1)).all():
        raise FoodInspectionsError(
            f"The fit at {anchor} gave a score outside [0, 1]: delete its model's folder and make its week again."
        )
    return score


def reusable(wanted: Mapping[str, str], anchor: date, known: KnownFiles) -> dict[str, FittedModel]:
    """Return by label those stored models of an anchor that are the ones wanted, and whole.

    Args:
        wanted: model_id by label.
    """
    stored = known(anchor) if wanted else {}
    models = {label: _reusable(stored.get(label), model_id) for label, model_id in wanted.items()}
    return {label: model for label, model in models.items() if model is not None}


def _reusable(stored: Mapping[str, bytes] | None, wanted: str, entry: str = "model_id") -> FittedModel | None:
    """Return the stored model whose card has the id ``wanted``, if it is whole.

    A damaged one is fitted anew: were it an error, materialising its week again would meet the same error.
    """
    if not stored:
        return None
    try:
        return load(stored) if read_card(stored)[entry] == wanted else None
    except FoodInspectionsError:
        return None
