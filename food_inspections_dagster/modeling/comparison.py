"""Two scores on the same inspections: is one better, and is that enough to replace what is in force?"""

import math
from dataclasses import dataclass

import numpy as np

from food_inspections_dagster.modeling.metrics import Clusters, Estimate, Ranked
from food_inspections_dagster.modeling.rules import EVALUATION_METRICS
from food_inspections_dagster.modeling.segments import Groups, Outcomes, Placed, Segments

#: Draws of the bootstrap, and its seed.
DRAWS, SEED = 500, 20140901


@dataclass(frozen=True)
class Inspections:
    """Inspections of one test period.

    Attributes:
        label: bool (rows,).
        days: dates as integers (rows,).
        establishment: integers from 0 (rows,).
        zip: integers from 0, -1 where unknown (rows,).
    """

    label: np.ndarray
    days: np.ndarray
    establishment: np.ndarray
    zip: np.ndarray


@dataclass(frozen=True)
class Paired:
    """Differences of one score to another on the same inspections, the first minus the second."""

    roc_auc: Estimate
    roc_auc_within_zip: Estimate
    mean_days_earlier: Estimate


def paired(
    one: np.ndarray,
    other: np.ndarray,
    rows: Inspections,
    confidence: float = 0.95,
    draws: int = DRAWS,
    seed: int = SEED,
) -> Paired:
    """Compare two scores (rows,) on the inspections of a period, with intervals clustered by establishment.

    The errors of the AUCs are Obuchowski's. The days earlier of an inspection depend on all others, so their error is
    that of ``draws`` bootstrap draws of establishments, each with its own dates put into the order of both scores.
    """
    clusters = Clusters(rows.establishment, rows.label)
    aucs = [Ranked.of(score, rows.label).auc() for score in (one, other)]
    sums = [clusters.placements(auc) for auc in aucs]
    error = clusters.auc_se(*(a - b for a, b in zip(*sums, strict=True)))
    auc = Estimate.of(aucs[0].value - aucs[1].value, error, confidence, (-1, 1))

    segments = Segments.of([np.flatnonzero(rows.zip >= 0)], rows.establishment)
    groups = Groups.of(segments, rows.zip[segments.rows], rows.days[segments.rows])
    outcomes = Outcomes.of(segments, groups, rows.label[segments.rows])
    ranks = (np.unique(score, return_inverse=True)[1][segments.rows] for score in (one, other))
    first, second = (outcomes.concordance(Placed.of(groups, rank)) for rank in ranks)
    difference = float((first.value - second.value)[0])
    within = Estimate.of(difference, float(first.standard_error(second)[0]), confidence, (-1, 1))

    earlier = [_Reordering(score, rows.label, rows.days) for score in (one, other)]
    of_all = np.ones(len(rows.label))
    generator = np.random.default_rng(seed)
    differences = []
    for _ in range(draws):
        drawn = np.bincount(generator.integers(0, clusters.count, clusters.count), minlength=clusters.count)
        weight = drawn[clusters.code].astype(np.float64)
        differences.append(earlier[0].mean_days_earlier(weight) - earlier[1].mean_days_earlier(weight))
    known = np.array(differences)[~np.isnan(differences)]
    error = float(known.std(ddof=1)) if len(known) > 1 else math.nan
    days = earlier[0].mean_days_earlier(of_all) - earlier[1].mean_days_earlier(of_all)
    return Paired(auc, within, Estimate.of(days, error, confidence))


class _Reordering:
    """The City's simulation of one score, for rows that count several times or not at all."""

    def __init__(self, score: np.ndarray, label: np.ndarray, days: np.ndarray):
        self._order = np.argsort(-score, kind="stable")
        ordered = score[self._order]
        self._ends = np.flatnonzero(np.append(ordered[1:] != ordered[:-1], True))
        self._positive = label[self._order].astype(np.float64)
        self._by_day = np.argsort(days, kind="stable")
        # From the first day, so that sums stay small and exact.
        self._days = (days - (days.min() if len(days) else 0)).astype(np.float64)

    def mean_days_earlier(self, weight: np.ndarray) -> float:
        """Return the mean over positives of date minus simulated date; ``weight`` are whole numbers (rows,)."""
        ordered = weight[self._order]
        positives = ordered * self._positive
        total = positives.sum()
        if total == 0:
            return math.nan
        by_day = weight[self._by_day]
        slots = np.append(0.0, np.cumsum(by_day))
        of_slots = np.append(0.0, np.cumsum(by_day * self._days[self._by_day]))
        # The sum of the first n slots is linear between the dates.
        ends = np.cumsum(ordered)[self._ends]
        sums = np.diff(np.interp(ends, slots, of_slots), prepend=0.0)
        sizes = np.diff(ends, prepend=0.0)
        hits = np.diff(np.cumsum(positives)[self._ends], prepend=0.0)
        simulated = float((hits * np.divide(sums, sizes, out=np.zeros_like(sums), where=sizes > 0)).sum())
        return (float((positives * self._days[self._order]).sum()) - simulated) / float(total)


# ---------------------------------------------------------------------- promotion


@dataclass(frozen=True)
class Promotion:
    """Whether a challenger replaces the group in force, and why, in a sentence."""

    promoted: bool
    sentence: str


def promote(
    challenger: str,
    incumbent: str | None,
    metric: str,
    gain: Estimate,
    outside: tuple[int, int] = (0, 0),
    confidence: float = 0.95,
) -> Promotion:
    """Decide whether a challenger replaces the incumbent.

    It does where its gain is outside the noise and its audit is no worse; without an incumbent it does at once.

    Args:
        metric: what the gain is measured in, among ``EVALUATION_METRICS``.
        gain: the challenger's metric minus the incumbent's on the same inspections, as ``paired`` gives it.
        outside: groups outside the bounds of the audit, with the challenger's list and with the incumbent's.
    """
    if incumbent is None:
        return Promotion(True, f"{challenger} is taken: no group was in force before.")
    if challenger == incumbent:
        return Promotion(False, f"{incumbent} stays in force: it is what the rule chooses.")
    stays = f"{incumbent} stays in force: {challenger}"
    if gain.value is None:
        return Promotion(False, f"{stays} cannot be compared with it, because {metric} is undefined on their rows.")
    amount = f"its {metric} differs by {gain.value:+.4f}"
    if gain.low is None or gain.high is None:
        return Promotion(False, f"{stays} is not shown to be better, because no interval is known: {amount}.")
    amount += f" ({confidence:.0%} interval {gain.low:+.4f} to {gain.high:+.4f})"
    better = gain.low > 0 if EVALUATION_METRICS[metric] else gain.high < 0
    if not better:
        return Promotion(False, f"{stays} is not shown to be better, {amount}.")
    mine, others = outside
    if mine > others:
        return Promotion(
            False, f"{stays} is better, {amount}, but its list has {mine} groups outside the bounds, not {others}."
        )
    return Promotion(
        True, f"{challenger} replaces {incumbent}: {amount}, and no more groups are outside the bounds ({mine})."
    )
