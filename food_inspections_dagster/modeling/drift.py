"""How far scores and inputs have moved from what the models in use were made on.

The values of the reference are sorted into bins of about as many rows each; what is unknown has a bin of its own. The
window is compared with it by the population stability index (the sum of both relative entropies) and by the
Jensen-Shannon distance. Of few rows an index is large by chance: times the harmonic size of both samples it has, where
nothing moved, a chi-squared distribution with a degree of freedom less than bins (Yurdakul and Naranjo 2020, Journal of
Risk Model Validation 14: 89-100). But rows of one zip code or season are alike, and then chance gives far more. So what
moved has also moved further than any window of the reference had from the whole of it: models learnt from those.
"""

from collections.abc import Iterator, Sequence
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
    """Compare what the group in use foresees with what it was chosen on.

    Before a change of groups too: the scores of two groups differ without anything having moved.
    """
    for label, by_week in production.in_use.items():
        used_weeks = [week for week in weeks if week in by_week]
        for used, served in groupby(used_weeks, key=lambda week: by_week[week]):
            comparison = _Comparison(production, (used.first_week, used.decided), list(served), rule)
            score = production.groups[label][used.model_group]
            reference, current = score[comparison.reference.span], score[comparison.current.span]
            yield comparison.of_numbers("score", label, reference, current, ~np.isnan(reference), ~np.isnan(current))


def _of_features(
    production: Production, weeks: Sequence[date], rule: MonitoringRule, schedule: Schedule
) -> Iterator[dict[str, np.ndarray]]:
    """Compare inputs with those that the models in use learnt from."""
    decided = {week: used.decided for by_week in production.in_use.values() for week, used in by_week.items()}
    inputs = production.rows.inputs
    for anchor, served in groupby([week for week in weeks if week in decided], key=decided.__getitem__):
        comparison = _Comparison(production, training_window(anchor, schedule), list(served), rule)
        reference, current = comparison.reference.span, comparison.current.span
        numbers = iter(inputs.numeric.T)
        categories = iter(zip(inputs.codes.T, inputs.vocabularies, strict=True))
        for name, kind in inputs.features:
            if kind == "numeric":
                values = next(numbers)
                yield comparison.of_numbers("feature", name, values[reference], values[current])
            else:
                codes, vocabulary = next(categories)
                yield comparison.of_categories("feature", name, codes[reference], codes[current], len(vocabulary))


class _Weeks:
    """The inspections of some weeks; ``at`` is the week of each, counted from the first of ``count``."""

    def __init__(self, production: Production, first: date, last: date) -> None:
        self.first, self.last, self.count = first, last, len(week_range(first, last))
        self.span = production.span(first, last)
        self.at = (production.weeks[self.span] - np.datetime64(first)).astype(np.int64) // 7

    def histogram(self, cell: np.ndarray, bins: int, counted: np.ndarray | slice) -> np.ndarray:
        """Count rows by week and bin, int64 (weeks, bins)."""
        flat = np.bincount(self.at[counted] * bins + cell[counted], minlength=self.count * bins)
        return flat.reshape(self.count, bins)


class _Comparison:
    """The windows that end with some weeks, and the reference of them all."""

    def __init__(
        self, production: Production, reference: tuple[date, date], ends: list[date], rule: MonitoringRule
    ) -> None:
        self.rule, self.ends = rule, ends
        self.reference = _Weeks(production, *reference)
        self.current = _Weeks(production, evaluation_window(ends[0], rule.window_weeks)[0], ends[-1])

    def of_numbers(
        self,
        kind: str,
        name: str,
        reference: np.ndarray,
        current: np.ndarray,
        reference_counted: np.ndarray | slice = slice(None),
        counted: np.ndarray | slice = slice(None),
    ) -> dict[str, np.ndarray]:
        """Sort numbers into the quantiles of the reference; NaN is unknown. Rows that are not counted have none."""
        known = np.sort(reference[~np.isnan(reference)])
        # The inverse of the distribution, which is quicker to read off sorted values than numpy.quantile is to find.
        inner = np.ceil(np.arange(1, self.rule.drift_bins) * (len(known) / self.rule.drift_bins)).astype(np.intp) - 1
        edges = np.unique(known[np.maximum(inner, 0)]) if len(known) else known
        bins = len(edges) + 2

        def cells(values: np.ndarray) -> np.ndarray:
            # A quantile belongs to the bin that it ends: most values of a count are 0, and so are its first quantiles.
            cell = np.zeros(len(values), dtype=np.intp)
            for edge in edges:  # a fifth of the time of numpy.searchsorted, which jumps from row to row
                cell += values > edge
            cell[np.isnan(values)] = bins - 1
            return cell

        sums = np.bincount(self.current.at, np.nan_to_num(current.astype(np.float64)), self.current.count)
        mean = known.mean(dtype=np.float64) if len(known) else np.nan
        before = self.reference.histogram(cells(reference), bins, reference_counted)
        return self._columns(kind, name, before, self.current.histogram(cells(current), bins, counted), sums, mean)

    def of_categories(
        self, kind: str, name: str, reference: np.ndarray, current: np.ndarray, categories: int
    ) -> dict[str, np.ndarray]:
        """Count the most frequent categories of the reference, all others, and what is unknown (a code of -1)."""
        frequency = np.bincount(reference[reference >= 0], minlength=categories)
        # By falling frequency and then by name, which the codes are in the order of; those that the reference lacks are
        # others, or the words of other weeks would change the bins.
        frequent = np.argsort(-frequency, kind="stable")[: self.rule.drift_bins]
        frequent = frequent[frequency[frequent] > 0]
        bins = len(frequent) + 2
        cell = np.full(categories + 1, bins - 2)
        cell[frequent], cell[-1] = np.arange(len(frequent)), bins - 1
        before, now = (
            weeks.histogram(cell[codes], bins, slice(None))
            for weeks, codes in ((self.reference, reference), (self.current, current))
        )
        return self._columns(kind, name, before, now, None, np.nan)

    def _windows(self, weekly: np.ndarray) -> np.ndarray:
        """Add up the weeks of each window, in their order: the same bits whatever windows there are."""
        ends = [(week - self.current.first).days // 7 + 1 for week in self.ends]
        return np.stack([weekly[end - self.rule.window_weeks : end].sum(axis=0) for end in ends])

    def _columns(
        self,
        kind: str,
        name: str,
        before: np.ndarray,
        now: np.ndarray,
        sums: np.ndarray | None,
        reference_mean: float,
    ) -> dict[str, np.ndarray]:
        """Return the columns of ``DRIFT``, one value for each window.

        Args:
            before, now: histograms of the reference and around the windows, the last bin what is unknown (weeks, bins).
            sums: of the known values, by week around the windows; None for categories.
        """
        rule, reference, counts = self.rule, before.sum(axis=0), self._windows(now)
        rows, reference_rows, bins = counts.sum(axis=1), np.float64(reference.sum()), len(reference)
        shares, reference_shares = _shares(counts), _shares(reference)
        psi, usual = _psi(shares, reference_shares), self._usual(before, reference_shares)
        with np.errstate(invalid="ignore", divide="ignore"):
            chance = chi2.ppf(rule.confidence, bins - 1) * (1 / rows + 1 / reference_rows)
            known = rows - counts[:, -1]
            mean = self._windows(sums) / known if sums is not None else np.full(len(rows), np.nan)
            unknown, reference_unknown = counts[:, -1] / rows, reference[-1] / reference_rows
            distance = jensenshannon(shares, np.broadcast_to(reference_shares, shares.shape), base=2, axis=1)
        some = (rows > 0) & (reference_rows > 0)
        enough = (rows >= rule.min_rows) & (reference_rows >= rule.min_rows)
        moved = psi > np.fmax(np.fmax(rule.drift_psi, chance), usual)
        shared: dict[str, Any] = {
            "kind": kind,
            "name": name,
            "reference_first": self.reference.first,
            "reference_last": self.reference.last,
            "reference_rows": int(reference_rows),
            "bins": bins,
            "psi_before": usual,
            "reference_mean": reference_mean,
            "reference_unknown_share": reference_unknown,
        }
        firsts = [evaluation_window(week, rule.window_weeks)[0] for week in self.ends]
        return {
            "week": np.array(self.ends, dtype=object),
            "window_first": np.array(firsts, dtype=object),
            "rows": rows,
            **{key: np.full(len(rows), value, dtype=object) for key, value in shared.items()},
            "psi": np.where(some, psi, np.nan),
            "psi_by_chance": np.where(some, chance, np.nan),
            # Of equal distributions rounding errors may leave less than 0, whose root is no number.
            "js_distance": np.where(some, np.nan_to_num(distance), np.nan),
            "mean": mean,
            "unknown_share": unknown,
            "verdict": np.where(~enough, TOO_FEW, np.where(moved, DRIFTED, STABLE)).astype(object),
        }

    def _usual(self, before: np.ndarray, reference_shares: np.ndarray) -> float:
        """Return the largest index of the reference's own windows against the whole of it, NaN with fewer than two."""
        length = self.rule.window_weeks
        parts = [before[end - length : end].sum(axis=0) for end in range(len(before), length - 1, -length)]
        parts = [part for part in parts if part.sum() >= self.rule.min_rows]
        return float(_psi(_shares(np.stack(parts)), reference_shares).max()) if len(parts) > 1 else np.nan


def _shares(counts: np.ndarray) -> np.ndarray:
    """Return the shares of bins, the last axis, with ``_PRIOR`` rows added to each."""
    return (counts + _PRIOR) / (counts.sum(axis=-1, keepdims=True) + _PRIOR * counts.shape[-1])


def _psi(shares: np.ndarray, reference: np.ndarray) -> np.ndarray:
    """Return the population stability index over the last axis."""
    return (rel_entr(shares, reference) + rel_entr(reference, shares)).sum(axis=-1)
