"""How far scores and inputs have moved from what the models in use were made on.

The values of the reference are sorted into bins of about as many rows each; what is unknown has a bin of its own. The
window is compared with it by the population stability index (the sum of both relative entropies) and by the
Jensen-Shannon distance. Of few rows an index is large by chance: times the harmonic size of both samples it has, where
nothing moved, a chi-squared distribution with a degree of freedom less than bins (Yurdakul and Naranjo 2020, Journal of
Risk Model Validation 14: 89-100).
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from typing import Any

import numpy as np
import pandas as pd
from scipy.spatial.distance import jensenshannon
from scipy.special import rel_entr
from scipy.stats import chi2

from food_inspections_dagster import schemas
from food_inspections_dagster.modeling.production import Production
from food_inspections_dagster.modeling.rules import MonitoringRule, Schedule
from food_inspections_dagster.modeling.schemas import DRIFT, DRIFTED, STABLE, TOO_FEW
from food_inspections_dagster.modeling.splits import evaluation_window, training_window
from food_inspections_dagster.weeks import week_range

#: Rows that are added to each bin: an empty one would make the index infinite.
_PRIOR = 0.5


def drift(production: Production, weeks: Sequence[date], rule: MonitoringRule, schedule: Schedule) -> pd.DataFrame:
    """Return the rows of ``DRIFT`` of ``weeks``; none where no model group was in use.

    Args:
        production: of the windows, training windows and evaluation windows of these weeks, at least.
    """
    parts = [*_of_scores(production, sorted(weeks), rule), *_of_features(production, sorted(weeks), rule, schedule)]
    if not parts:
        return schemas.empty(DRIFT)
    table = schemas.typed({name: np.concatenate([part[name] for part in parts]) for name in parts[0]}, DRIFT)
    return table.sort_values(list(DRIFT.unique or ()), ignore_index=True)


def _of_scores(production: Production, weeks: Sequence[date], rule: MonitoringRule) -> Iterator[dict[str, np.ndarray]]:
    """Compare the scores behind the lists with those that the group was chosen on."""
    for label, by_week in production.in_use.items():
        used_weeks = [week for week in weeks if week in by_week]
        for used, served in groupby(used_weeks, key=lambda week: by_week[week]):
            reference = production.groups[label][used.model_group][production.span(used.first_week, used.decided)]
            windows = _Windows(production, list(served), rule)
            current = production.foreseen[label]["expected_find"][windows.span]
            compared = compare_numbers(
                reference[~np.isnan(reference)], current, windows.week, np.flatnonzero(~np.isnan(current)), rule
            )
            yield windows.columns("score", label, (used.first_week, used.decided), compared)


def _of_features(
    production: Production, weeks: Sequence[date], rule: MonitoringRule, schedule: Schedule
) -> Iterator[dict[str, np.ndarray]]:
    """Compare inputs with those that the models in use learnt from."""
    decided = {week: used.decided for by_week in production.in_use.values() for week, used in by_week.items()}
    inputs = production.rows.inputs
    for anchor, served in groupby([week for week in weeks if week in decided], key=decided.__getitem__):
        first, last = training_window(anchor, schedule)
        learnt, windows = production.span(first, last), _Windows(production, list(served), rule)
        everything = np.arange(windows.span.stop - windows.span.start)
        numbers = iter(inputs.numeric.T)
        categories = iter(zip(inputs.codes.T, inputs.vocabularies, strict=True))
        for name, kind in inputs.features:
            if kind == "numeric":
                values = next(numbers)
                compared = compare_numbers(values[learnt], values[windows.span], windows.week, everything, rule)
            else:
                codes, vocabulary = next(categories)
                compared = compare_categories(codes[learnt], codes[windows.span], vocabulary, windows.week, rule)
            yield windows.columns("feature", name, (first, last), compared)


@dataclass(frozen=True)
class Compared:
    """Histograms of several windows and of the reference, whole numbers of rows; the last bin is what is unknown.

    Attributes:
        counts: by week, from the first of the first window on (weeks, bins).
        sums: of the known values, by week (weeks,); None for categories.
        reference: (bins,); ``reference_sum`` of the known values.
    """

    counts: np.ndarray
    sums: np.ndarray | None
    reference: np.ndarray
    reference_sum: float


class _Windows:
    """The windows that end with some weeks."""

    def __init__(self, production: Production, weeks: list[date], rule: MonitoringRule) -> None:
        self.ends, self.rule = weeks, rule
        first = evaluation_window(weeks[0], rule.window_weeks)[0]
        self.span = production.span(first, weeks[-1])
        self._first, self._count = first, len(week_range(first, weeks[-1]))
        #: The week of each inspection, counted from the first.
        self.week = _Weeks((production.weeks[self.span] - np.datetime64(first)).astype(np.int64) // 7, self._count)

    def _sum(self, weekly: np.ndarray) -> np.ndarray:
        """Add up the weeks of each window, in their order: the same bits whatever windows there are."""
        ends = [(week - self._first).days // 7 + 1 for week in self.ends]
        return np.stack([weekly[end - self.rule.window_weeks : end].sum(axis=0) for end in ends])

    def columns(self, kind: str, name: str, reference: tuple[date, date], compared: Compared) -> dict[str, np.ndarray]:
        """Return the columns of ``DRIFT``, one value for each window."""
        counts, before = self._sum(compared.counts), compared.reference
        rows, reference_rows, bins = counts.sum(axis=1), int(before.sum()), len(before)
        shares = (counts + _PRIOR) / (rows + _PRIOR * bins)[:, None]
        reference_shares = (before + _PRIOR) / (reference_rows + _PRIOR * bins)
        psi = (rel_entr(shares, reference_shares) + rel_entr(reference_shares, shares)).sum(axis=1)
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = chi2.ppf(self.rule.confidence, bins - 1) * (1 / rows + 1 / np.float64(reference_rows))
            known, reference_known = rows - counts[:, -1], reference_rows - before[-1]
            mean = self._sum(compared.sums) / known if compared.sums is not None else np.full(len(rows), np.nan)
            reference_mean = np.float64(compared.reference_sum) / reference_known
            unknown, reference_unknown = counts[:, -1] / rows, np.float64(before[-1]) / reference_rows
            distance = jensenshannon(shares, np.broadcast_to(reference_shares, shares.shape), base=2, axis=1)
        some = (rows > 0) & (reference_rows > 0)
        enough = (rows >= self.rule.min_rows) & (reference_rows >= self.rule.min_rows)
        moved = (psi > self.rule.drift_psi) & (psi > chance)
        shared: dict[str, Any] = {
            "kind": kind,
            "name": name,
            "reference_first": reference[0],
            "reference_last": reference[1],
            "reference_rows": reference_rows,
            "bins": bins,
            "reference_mean": reference_mean,
            "reference_unknown_share": reference_unknown,
        }
        return {
            "week": np.array(self.ends, dtype=object),
            "window_first": np.array(
                [evaluation_window(week, self.rule.window_weeks)[0] for week in self.ends], dtype=object
            ),
            "rows": rows,
            **{key: np.full(len(rows), value, dtype=object) for key, value in shared.items()},
            "psi": np.where(some, psi, np.nan),
            "psi_by_chance": np.where(some, chance, np.nan),
            "js_distance": np.where(some, np.nan_to_num(distance), np.nan),
            "mean": mean,
            "unknown_share": unknown,
            "verdict": np.where(~enough, TOO_FEW, np.where(moved, DRIFTED, STABLE)).astype(object),
        }


@dataclass(frozen=True)
class _Weeks:
    """The week of each row, counted from the first of ``count``."""

    at: np.ndarray
    count: int

    def histogram(self, cell: np.ndarray, bins: int, rows: np.ndarray) -> np.ndarray:
        """Count rows by week and bin, int64 (weeks, bins)."""
        flat = np.bincount(self.at[rows] * bins + cell, minlength=self.count * bins)
        return flat.reshape(self.count, bins)


def compare_numbers(
    reference: np.ndarray, current: np.ndarray, week: _Weeks, rows: np.ndarray, rule: MonitoringRule
) -> Compared:
    """Sort numbers into the quantiles of the reference; NaN is unknown.

    Args:
        reference, current: values.
        week: of the current values.
        rows: positions of those that count.
    """
    known = reference[~np.isnan(reference)].astype(np.float64)
    inner = np.arange(1, rule.drift_bins) / rule.drift_bins
    edges = np.unique(np.quantile(known, inner, method="inverted_cdf")) if len(known) else np.empty(0)
    bins = len(edges) + 2

    def cells(values: np.ndarray) -> np.ndarray:
        # A quantile belongs to the bin that it ends: most values of a count are 0, and so are its first quantiles.
        return np.where(np.isnan(values), bins - 1, np.searchsorted(edges, values, side="left"))

    now = current[rows].astype(np.float64)
    sums = np.bincount(week.at[rows], np.nan_to_num(now), week.count)
    counts = week.histogram(cells(now), bins, rows)
    return Compared(counts, sums, np.bincount(cells(reference), minlength=bins), float(known.sum()))


def compare_categories(
    reference: np.ndarray, current: np.ndarray, vocabulary: Sequence[str], week: _Weeks, rule: MonitoringRule
) -> Compared:
    """Count the most frequent categories of the reference, all others, and what is unknown (a code of -1)."""
    frequency = np.bincount(reference[reference >= 0], minlength=len(vocabulary))
    # By falling frequency and then by name, which the codes are in the order of; those that the reference lacks are
    # others, or the words of other weeks would change the bins.
    frequent = np.argsort(-frequency, kind="stable")[: rule.drift_bins]
    frequent = frequent[frequency[frequent] > 0]
    bins = len(frequent) + 2
    cell = np.full(len(vocabulary) + 1, bins - 2)
    cell[frequent], cell[-1] = np.arange(len(frequent)), bins - 1
    counts = week.histogram(cell[current], bins, np.arange(len(current)))
    return Compared(counts, None, np.bincount(cell[reference], minlength=bins), np.nan)
