"""What came of the lists: what inspections found, against what had been foreseen of them.

A row looks at a week and at the window that ends with it, and knows nothing later. Precision and days earlier are those
of the city's list, also within a subset: what visits to its places found, where these were among the first of the week.
"""

import math
from collections.abc import Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import schemas
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.metrics import Clusters, Estimate, Ranked, Slots
from food_inspections_dagster.modeling.production import PROMISES, InUse, Production
from food_inspections_dagster.modeling.rules import MonitoringRule, Schedule
from food_inspections_dagster.modeling.schemas import (
    ABOVE_PROMISE,
    ANY,
    AS_PROMISED,
    BELOW_PROMISE,
    OUTCOMES,
    SHARE,
    TOO_FEW,
)
from food_inspections_dagster.modeling.segments import Segments, sorting
from food_inspections_dagster.modeling.splits import evaluation_window, training_window

_ALL = 0  # of the subsets, the whole city


def outcomes(
    production: Production, weeks: Sequence[date], rule: MonitoringRule, schedule: Schedule, capacity_share: float
) -> pd.DataFrame:
    """Return the rows of ``OUTCOMES`` of ``weeks``; none where no model group was in use.

    Args:
        production: of the windows and training windows of these weeks, at least.
        capacity_share: of a week's inspections, those that are on its list.
    """
    labels = [_Label(production, label, rule, schedule, capacity_share) for label in sorted(production.in_use)]
    parts = []
    for week in sorted(weeks):
        segments: dict[bytes, tuple[Segments, np.ndarray]] = {}  # both labels have the same inspections, as a rule
        for label in labels:
            used = production.in_use[label.name].get(week)
            if used is not None:
                rows = label.rows(*evaluation_window(week, rule.window_weeks))
                print_of_rows = rows.tobytes()
                if print_of_rows not in segments:
                    segments[print_of_rows] = label.segments(rows)
                parts.append(label.week(week, used, rows, *segments[print_of_rows]))
    if not parts:
        return schemas.empty(OUTCOMES)
    columns: dict[str, Any] = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    kinds, values = labels[0].names
    at = columns.pop("subset")
    columns |= {"subset_kind": pa.array(kinds, pa.string()).take(at), "subset": pa.array(values, pa.string()).take(at)}
    table = schemas.typed(columns, OUTCOMES)
    return table.sort_values(list(OUTCOMES.unique or ()), ignore_index=True)


class _Label:
    """The inspections of a label, with everything that windows share."""

    def __init__(
        self, production: Production, label: str, rule: MonitoringRule, schedule: Schedule, capacity_share: float
    ) -> None:
        self.name, self.production, self.rule, self.schedule = label, production, rule, schedule
        self.outcome = production.rows.outcomes[label]
        self.positive = self.outcome.astype(np.float64)
        self.score = production.foreseen[label]["expected_find"]
        self.known = np.flatnonzero(~np.isnan(self.score))
        self._weeks = production.weeks[self.known]
        starts = np.unique(self._weeks, return_index=True)[1]
        self.listed = {}
        for answer, score in production.foreseen[label].items():
            self.listed[answer] = np.zeros(len(score))
            self.listed[answer][self.known] = metrics.list_probability(score[self.known], starts, capacity_share)
        sizes = [1, *(len(values) for _, values in production.subsets.values())]
        self._first = dict(zip(("all", *production.subsets), np.cumsum([0, *sizes]).tolist(), strict=False))
        kinds, values = ["all"], ["all"]
        for attribute, (_, named) in production.subsets.items():
            kinds += [attribute] * len(named)
            values += named.tolist()
        self.names = kinds, values
        self._training: tuple[tuple[str, date] | None, dict[str, np.ndarray]] = None, {}

    def rows(self, first: date, last: date) -> np.ndarray:
        """Return the positions of the inspections of some weeks that the group in use had foreseen."""
        ends = np.searchsorted(self._weeks, [np.datetime64(first), np.datetime64(last) + 1])
        return self.known[ends[0] : ends[1]]

    def segments(self, rows: np.ndarray) -> tuple[Segments, np.ndarray]:
        """Return the subsets of a window, and the number of each among all subsets."""
        positions, numbers = [np.arange(len(rows))], [_ALL]
        for attribute, (codes, _) in self.production.subsets.items():
            here = codes[rows]
            sizes = np.bincount(here)
            parts = np.split(sorting(here), np.cumsum(sizes)[:-1]) if len(here) else []
            for code in np.flatnonzero(sizes >= self.rule.min_subset_rows).tolist():
                positions.append(parts[code])
                numbers.append(self._first[attribute] + code)
        return Segments.of(positions, self.production.establishment[rows]), np.array(numbers)

    def week(
        self, week: date, used: InUse, rows: np.ndarray, segments: Segments, subset: np.ndarray
    ) -> dict[str, np.ndarray]:
        """Return the columns of a week, one value per subset."""
        count = segments.count
        of = rows[segments.rows]
        now = (self.production.weeks[of] == np.datetime64(week)).astype(np.float64)
        positive, score, listed = self.positive[of], self.score[of], self.listed["priority"][of]
        first = evaluation_window(week, self.rule.window_weeks)[0]
        columns: dict[str, np.ndarray] = {
            **{name: np.full(count, value, dtype=object) for name, value in self._shared(week, used, first).items()},
            "subset": subset,
            "inspections": segments.total(now).astype(np.int64),
            "found": segments.total(now * positive).astype(np.int64),
            "expected": segments.total(now * score),
            "listed": segments.total(now * listed),
            "listed_found": segments.total(now * listed * positive),
            "window_inspections": segments.sizes,
            "window_found": segments.total(positive).astype(np.int64),
        }
        one = segments.sums(np.ones(len(of)))
        with np.errstate(invalid="ignore", divide="ignore"):
            columns["predicted_share"] = segments.total(score) / segments.sizes
        self._add(columns, "found_share", SHARE, *segments.ratio(segments.sums(positive), one))
        self._add(columns, "gap", (-1.0, 1.0), *segments.ratio(segments.sums(score - positive), one))
        for prefix, answer in (("", "expected_find"), ("list_", "priority")):
            probability = self.listed[answer][of]
            ratio = segments.ratio(segments.sums(probability * positive), segments.sums(probability))
            self._add(columns, f"{prefix}precision_at_k", SHARE, *ratio)
            earlier = self._days_earlier(rows, answer)[segments.rows]
            ratio = segments.ratio(segments.sums(earlier * positive), segments.sums(positive))
            self._add(columns, f"{prefix}mean_days_earlier", ANY, *ratio)
        columns |= self._training_shares(used, subset)
        columns |= self._against_the_promise(used, rows, columns, segments)
        return columns

    def _shared(self, week: date, used: InUse, first: date) -> dict[str, object]:
        return {
            "week": week,
            "label": self.name,
            "model_group": used.model_group,
            "decided": used.decided,
            "window_first": first,
        }

    def _days_earlier(self, rows: np.ndarray, answer: str) -> np.ndarray:
        score = self.production.foreseen[self.name][answer][rows]
        return Slots.of(self.production.days[rows]).reordered(score).days_earlier

    def _training_shares(self, used: InUse, subset: np.ndarray) -> dict[str, np.ndarray]:
        """Return inspections, and the shares found and foreseen, of the training window of the models in use."""
        if self._training[0] != (used.model_group, used.decided):
            rows = np.arange(len(self.outcome))[self.production.span(*training_window(used.decided, self.schedule))]
            foreseen = self.production.groups[self.name][used.model_group][rows]
            scored = ~np.isnan(foreseen)
            count, positives, expected, known = (np.zeros(len(self.names[0])) for _ in range(4))
            for kind, at in self._first.items():
                codes = self.production.subsets[kind][0][rows] if kind != "all" else np.zeros(len(rows), dtype=np.int64)
                for total, weights, chosen in (
                    (count, None, slice(None)),
                    (positives, self.positive[rows], slice(None)),
                    (known, None, scored),
                    (expected, foreseen[scored], scored),
                ):
                    sums = np.bincount(codes[chosen], weights)
                    total[at : at + len(sums)] = sums
            with np.errstate(invalid="ignore", divide="ignore"):
                shares = {
                    "training_inspections": count.astype(np.int64),
                    "training_found_share": positives / count,
                    "training_predicted_share": expected / known,
                }
            self._training = (used.model_group, used.decided), shares
        return {name: values[subset] for name, values in self._training[1].items()}

    def _against_the_promise(
        self, used: InUse, rows: np.ndarray, columns: dict[str, np.ndarray], segments: Segments
    ) -> dict[str, np.ndarray]:
        """Return what is known of the whole city alone: AUC, calibration, and the promise beside what came."""
        label, confidence = self.outcome[rows], self.rule.confidence
        ranked = Ranked.of(self.score[rows], label)
        # The whole city is the first segment, and so are its establishments.
        clusters = Clusters(segments.cluster[: len(rows)], label)
        auc = ranked.auc()
        error = clusters.auc_se(*clusters.placements(auc)) if math.isfinite(auc.value) else math.nan
        came = {
            "roc_auc": Estimate.of(auc.value, error, confidence, SHARE),
            "precision_at_k": Estimate.of(
                columns["precision_at_k"][_ALL], columns["precision_at_k_error"][_ALL], confidence, SHARE
            ),
        }
        deciles = ranked.deciles()
        gaps = np.abs(deciles["predicted"] - deciles["observed"])
        values: dict[str, float | None] = {
            "calibration_error": float(np.average(gaps, weights=deciles["rows"])) if len(rows) else None,
            **_columns_of("roc_auc", came["roc_auc"]),
            **{k: v for name in PROMISES for k, v in _columns_of(f"promised_{name}", used.promised[name]).items()},
        }
        out = {name: _first_of(segments.count, value, np.nan, np.float64) for name, value in values.items()}
        verdict = judge(used, came, len(rows), self.rule)
        out["verdict"] = _first_of(segments.count, verdict, None, np.dtype(object))
        return out

    def _add(
        self,
        columns: dict[str, np.ndarray],
        name: str,
        bounds: tuple[float, float],
        value: np.ndarray,
        error: np.ndarray,
    ) -> None:
        columns[name], columns[f"{name}_error"] = value, error
        columns[f"{name}_low"], columns[f"{name}_high"] = metrics.interval(value, error, self.rule.confidence, bounds)


def judge(used: InUse, came: dict[str, Estimate], rows: int, rule: MonitoringRule) -> str:
    """Return whether what came is surely below or above what validation promised.

    Both are estimates, so the interval is that of their difference, as of independent rows. Up to a window's length
    after a decision they share rows, and then it is too wide: a warning comes later, never sooner.
    """
    if rows < rule.min_rows:
        return TOO_FEW
    verdicts = []
    for name in PROMISES:
        promised, value = used.promised[name], came[name]
        if promised.standard_error is not None and value.standard_error is not None:
            difference = float(value.value or 0) - float(promised.value or 0)
            error = math.hypot(promised.standard_error, value.standard_error)
            gain = Estimate.of(difference, error, rule.confidence)
            below, above = (gain.high or 0) < 0, (gain.low or 0) > 0
            verdicts.append(BELOW_PROMISE if below else ABOVE_PROMISE if above else AS_PROMISED)
    return next((v for v in (BELOW_PROMISE, ABOVE_PROMISE, AS_PROMISED) if v in verdicts), TOO_FEW)


def _columns_of(name: str, estimate: Estimate) -> dict[str, float | None]:
    return {name: estimate.value, f"{name}_low": estimate.low, f"{name}_high": estimate.high}


def _first_of(count: int, value: object, others: object, kind: Any) -> np.ndarray:
    out = np.full(count, others, dtype=kind)
    out[_ALL] = others if value is None else value
    return out
