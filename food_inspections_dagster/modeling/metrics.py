"""Metrics of a ranking, with intervals that know that an establishment is inspected more than once.

Everything is exact under ties: where scores tie, a metric is its expectation over random orders of the tied rows.
Arrays in, numbers out; ``label`` is 0/1 or bool, ``score`` a probability, ``cluster`` an integer code of the
establishment (0 … number of clusters - 1). A metric that is not defined (one class only, no rows) is NaN.

Sources: Obuchowski 1997 (AUC of clustered data), Chicago/food-inspections-evaluation (days earlier, first half),
triage (precision at k with its worst and best case).
"""

import functools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

from food_inspections_dagster.errors import FoodInspectionsError

#: Probabilities are kept this far from 0 and 1 in the log loss: kNN gives exact zeros.
LOG_LOSS_MARGIN = 1e-6


@dataclass(frozen=True)
class Estimate:
    """A number of a metric, in one of three states; readers must expect each of them.

    - undefined: ``value`` is None, and so is everything else (no rows, one class only);
    - a value alone: the other fields are None (no interval is known for the metric, as for the average precision,
      or there are fewer than two clusters);
    - a value with ``standard_error`` and the interval ``low`` to ``high``.
    """

    value: float | None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None

    def __post_init__(self) -> None:
        given = [number is not None for number in (self.standard_error, self.low, self.high)]
        if any(given) and not (all(given) and self.value is not None):
            raise FoodInspectionsError(
                f"{self} is no estimate: give a value with standard error and interval, a value alone, or nothing."
            )

    @property
    def interval(self) -> tuple[float, float] | None:
        """The interval, or None where the value has none."""
        return None if self.low is None or self.high is None else (self.low, self.high)

    @classmethod
    def of(
        cls,
        value: float,
        standard_error: float,
        confidence: float,
        bounds: tuple[float, float] = (-math.inf, math.inf),
    ) -> "Estimate":
        """Build a normal interval, cut at the bounds of the metric; NaN stands for what is not known."""
        if not math.isfinite(value):
            return cls(None)
        if not math.isfinite(standard_error):
            return cls(float(value))
        reach = z_of(confidence) * standard_error
        return cls(
            float(value),
            float(standard_error),
            float(max(bounds[0], value - reach)),
            float(min(bounds[1], value + reach)),
        )


@functools.cache
def z_of(confidence: float) -> float:
    return float(norm.ppf(0.5 + confidence / 2))


def interval(
    value: np.ndarray, error: np.ndarray, confidence: float, bounds: tuple[float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """Return the normal intervals of many values, cut at the bounds; NaN where no error is known or it is 0."""
    reach = z_of(confidence) * np.where(error > 0, error, math.nan)
    return np.maximum(bounds[0], value - reach), np.minimum(bounds[1], value + reach)


# ---------------------------------------------------------------------- rank


@dataclass(frozen=True)
class Ranked:
    """Rows in ascending order of their scores, sorted and counted once for all metrics of rank.

    Attributes:
        order: positions of the rows; within a tie in no particular order, which no metric depends on.
        score, label: of the rows in that order, float64 and bool (rows,).
        begins, sizes, positives: of each group of tied rows: its first place in that order, its rows, and how many
            of them have a positive label (ties,).
    """

    order: np.ndarray
    score: np.ndarray
    label: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray
    positives: np.ndarray

    @classmethod
    def of(cls, score: np.ndarray, label: np.ndarray, order: np.ndarray | None = None) -> "Ranked":
        """Rank rows; ``order`` is the ascending order where the caller knows it."""
        order = np.argsort(score) if order is None else order
        ordered, hits = score[order], np.asarray(label, dtype=bool)[order]
        begins, sizes = _ties(ordered)
        positives = hits.astype(np.int64)
        if len(begins) < len(order):
            positives = _sums(positives, begins)
        return cls(order, ordered, hits, begins, sizes, positives)

    def auc(self) -> "Auc":
        """Return the AUC by mid-ranks (Mann-Whitney) with the placement values."""
        rows, positives = len(self.order), int(self.positives.sum())
        negatives = rows - positives
        if positives == 0 or negatives == 0:
            return Auc(math.nan, np.full(rows, math.nan), self)
        tied_negatives = self.sizes - self.positives
        negatives_below = (np.cumsum(tied_negatives) - tied_negatives / 2) / negatives
        positives_above = (positives - np.cumsum(self.positives) + self.positives / 2) / positives
        placements = np.where(self.label, self._per_row(negatives_below), self._per_row(positives_above))
        return Auc(float((self.positives * negatives_below).sum() / positives), placements, self)

    def _per_row(self, of_ties: np.ndarray) -> np.ndarray:
        return of_ties if len(of_ties) == len(self.order) else np.repeat(of_ties, self.sizes)

    def average_precision(self) -> float:
        """Return the step-wise area under precision and recall, NaN without a positive; tied rows enter together."""
        positives = int(self.positives.sum())
        if positives == 0:
            return math.nan
        hits_from_the_top = positives - np.cumsum(self.positives) + self.positives
        rows_from_the_top = len(self.order) - self.begins
        return float((self.positives * hits_from_the_top / rows_from_the_top).sum() / positives)

    def deciles(self, bins: int = 10, confidence: float = 0.95) -> dict[str, np.ndarray]:
        """Return the columns of ``calibration``."""
        rows = len(self.order)
        if rows == 0:
            starts = counts = np.empty(0, dtype=np.intp)
        else:
            wanted = np.rint(np.arange(bins) * (rows / bins))
            starts = self.begins[np.searchsorted(self.begins, wanted, side="right") - 1]
            starts = starts[np.append(True, starts[1:] != starts[:-1])]
            counts = np.append(starts[1:], rows) - starts
        if len(starts) == 0:
            predicted = observed = np.empty(0)
        else:
            predicted = np.add.reduceat(self.score, starts) / counts
            observed = np.add.reduceat(self.label.astype(np.int64), starts) / counts
        low, high = wilson(observed, counts, confidence)
        return {
            "bin": np.arange(1, len(counts) + 1),
            "rows": counts,
            "score_low": self.score[starts],
            "score_high": self.score[starts + counts - 1],
            "predicted": predicted,
            "observed": observed,
            "observed_low": low,
            "observed_high": high,
        }


def _ties(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the first place and the rows of each group of equal values."""
    if len(ordered) == 0:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    first = np.empty(len(ordered), dtype=bool)
    first[0] = True
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    begins = np.flatnonzero(first)
    sizes = np.empty_like(begins)
    np.subtract(begins[1:], begins[:-1], out=sizes[:-1])
    sizes[-1] = len(ordered) - begins[-1]
    return begins, sizes


def _sums(values: np.ndarray, begins: np.ndarray) -> np.ndarray:
    """Return the sum over each group of tied rows; exact, because the values are whole numbers."""
    return np.add.reduceat(values, begins) if len(begins) else values[:0]


@dataclass(frozen=True)
class Auc:
    """An AUC and its placement values, from which variances and covariances follow.

    Attributes:
        value: area under the ROC curve; NaN with one class only.
        placements: for a positive row the share of negatives ranked below it, for a negative row the share of
            positives ranked above it, ties half; float64 (rows,), in the order of ``ranked``.
        ranked: the rows.
    """

    value: float
    placements: np.ndarray
    ranked: Ranked


def roc_auc(score: np.ndarray, label: np.ndarray) -> float:
    """Return the area under the ROC curve, NaN with one class only."""
    return Ranked.of(score, label).auc().value


def average_precision(score: np.ndarray, label: np.ndarray) -> float:
    """Return the average precision (step-wise area under precision and recall; tied rows enter together)."""
    return Ranked.of(score, label).average_precision()


# ---------------------------------------------------------------------- lists


def capacity(rows: np.ndarray, share: float) -> np.ndarray:
    """Return how many of ``rows`` inspections are on the list: ceil(share x rows)."""
    # The subtraction keeps 0.07 * 100 = 7.000000000000001 from becoming 8.
    return np.ceil(np.asarray(rows) * share - 1e-9).astype(np.int64)


def list_probability(score: np.ndarray, starts: np.ndarray, share: float) -> np.ndarray:
    """Return each row's probability of being among the top k of its week, float64 (rows,).

    It is 1 above the k-th score, 0 below it, and (places left / tied rows) at it.

    Args:
        score: rows sorted by week.
        starts: position of the first row of each week.
        share: capacity, as a share of the week's rows.
    """
    rows = len(score)
    if rows == 0:
        return np.empty(0)
    sizes = np.diff(np.r_[starts, rows])
    week = np.repeat(np.arange(len(starts)), sizes)
    order = np.lexsort((-score, week))
    k = capacity(sizes, share)
    threshold = np.repeat(score[order[starts + k - 1]], sizes)
    above, tied = score > threshold, score == threshold
    places = k - np.add.reduceat(above.astype(np.int64), starts)
    probability = np.repeat(places / np.add.reduceat(tied.astype(np.int64), starts), sizes)
    return np.where(above, 1.0, np.where(tied, probability, 0.0))


@dataclass(frozen=True)
class TopK:
    """Precision and recall at capacity, pooled over weeks.

    Attributes:
        k: places on the lists; ``labelled`` and ``positives``: rows with a label and with a positive one.
        precision, recall: expected over random orders of ties.
        precision_worst, precision_best, recall_worst, recall_best: with ties in the worst and the best order.
    """

    k: int
    labelled: int
    positives: int
    precision: float
    precision_worst: float
    precision_best: float
    recall: float
    recall_worst: float
    recall_best: float


class WeeklyHits:
    """What precision and recall at capacity add up, by week, so that a window costs one sum over its weeks."""

    def __init__(self, probability: np.ndarray, label: np.ndarray, starts: np.ndarray):
        """Count from ``list_probability`` of rows sorted by week; ``starts`` are the first rows of the weeks."""
        label = np.asarray(label, dtype=bool)
        certain = probability == 1
        tied = (probability > 0) & ~certain

        def weekly(values: np.ndarray) -> np.ndarray:
            return np.add.reduceat(values, starts) if len(starts) else values[:0]

        def counted(mask: np.ndarray) -> np.ndarray:
            return weekly(mask.astype(np.float64))

        hits, tied_hits, tied_misses = counted(certain & label), counted(tied & label), counted(tied & ~label)
        places = np.rint(weekly(np.where(tied, probability, 0.0)))  # left for the tied rows
        self._weekly = np.stack(
            [
                counted(certain) + places,
                counted(np.ones(len(label), dtype=bool)),
                counted(label),
                hits + places * tied_hits / np.maximum(1, tied_hits + tied_misses),
                hits + np.maximum(0, places - tied_misses),
                hits + np.minimum(places, tied_hits),
            ]
        )

    def total(self, weeks: slice) -> TopK:
        """Return precision and recall pooled over weeks, given as positions."""
        k, labelled, positives, expected, worst, best = self._weekly[:, weeks].sum(axis=1).tolist()
        precision = [hits / k if k else math.nan for hits in (expected, worst, best)]
        recall = [hits / positives if positives else math.nan for hits in (expected, worst, best)]
        return TopK(int(k), int(labelled), int(positives), *precision, *recall)


def top_k(probability: np.ndarray, label: np.ndarray, starts: np.ndarray) -> TopK:
    """Return precision and recall at capacity from ``list_probability`` of rows sorted by week."""
    return WeeklyHits(probability, label, starts).total(slice(None))


@dataclass(frozen=True)
class Reordered:
    """The City's simulation: the same inspections on the same dates, in the order of the scores.

    Attributes:
        days_earlier: per row, its date minus its simulated date in days, expected under ties; float64
            (rows,).
        first_half: per row, whether it was really made in the first half of its period; float64 (rows,).
        first_half_simulated: the same in the simulated order, a probability under ties; float64 (rows,).
    """

    days_earlier: np.ndarray
    first_half: np.ndarray
    first_half_simulated: np.ndarray


@dataclass(frozen=True)
class Slots:
    """The dates of one period, on which its inspections are put in another order.

    Attributes:
        days, ordered: the dates as whole numbers, of the rows and in ascending order, float64 (rows,).
        early: whether each of ``ordered`` lies in the first half, 0 or 1; ``first_half`` the same of ``days``.
    """

    days: np.ndarray
    ordered: np.ndarray
    early: np.ndarray
    first_half: np.ndarray

    @classmethod
    def of(cls, days: np.ndarray) -> "Slots":
        """Find the dates of the first half: on whose evening fewer than half of the inspections were made."""
        if len(days) == 0:
            return cls(*[np.empty(0)] * 4)
        first = days.min()
        counts = np.bincount(days - first)
        early = (np.cumsum(counts) < len(days) / 2).astype(np.float64)
        return cls(
            days.astype(np.float64),
            np.repeat(np.arange(first, first + len(counts), dtype=np.float64), counts),
            np.repeat(early, counts),
            early[days - first],
        )

    def reordered(self, score: np.ndarray, order: np.ndarray | None = None) -> Reordered:
        """Give the earliest dates to the highest scores; tied rows share theirs.

        ``order`` are the positions of falling scores, where the caller knows them.
        """
        order = np.argsort(-score) if order is None else order
        begins, sizes = _ties(score[order])
        day, early = self.ordered, self.early
        if len(begins) < len(order):
            day, early = (np.repeat(_sums(values, begins) / sizes, sizes) for values in (day, early))
        out = Reordered(np.empty(len(score)), self.first_half, np.empty(len(score)))
        out.days_earlier[order] = self.days[order] - day
        out.first_half_simulated[order] = early
        return out


def reorder(score: np.ndarray, days: np.ndarray, period: np.ndarray) -> Reordered:
    """Put the inspections of each period into the order of their scores, on the dates that the period has.

    As in the City's ``simulated_date_diff_mean`` and ``simulated_bin_summary``: as many inspections a day as
    there really were. The first half are the days on whose evening fewer than half of the period's
    inspections were made. The City breaks ties by the order of its file; here tied rows share their dates.

    A random order does not come to 0 days earlier: it gives every positive the mean date of its period, so it comes
    to the mean date of the positives less that of all. In the City's test period, September and October 2014, positives
    were made early (55 % of them in the first half), and a random order comes to -1.55 days; its model's 7.79 days are
    counted from 0 all the same, and so are ours. Longer periods give more days: compare periods of one length only.

    Args:
        score: float64 (rows,).
        days: dates as integers (rows,).
        period: integer code of the period (rows,); rows are reordered within it.
    """
    out = Reordered(np.empty(len(score)), np.empty(len(score)), np.empty(len(score)))
    for code in np.unique(period):
        rows = np.flatnonzero(period == code)
        part = Slots.of(days[rows]).reordered(score[rows])
        out.days_earlier[rows] = part.days_earlier
        out.first_half[rows] = part.first_half
        out.first_half_simulated[rows] = part.first_half_simulated
    return out


# ---------------------------------------------------------------------- probability


def brier_losses(score: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the squared error of each row."""
    return (score - np.asarray(label, dtype=np.float64)) ** 2


def log_losses(score: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return minus the log-likelihood of each row, probabilities kept ``LOG_LOSS_MARGIN`` from 0 and 1."""
    probability = np.clip(score, LOG_LOSS_MARGIN, 1 - LOG_LOSS_MARGIN)
    return -np.log(np.where(np.asarray(label, dtype=bool), probability, 1 - probability))


def calibration(score: np.ndarray, label: np.ndarray, bins: int = 10, confidence: float = 0.95) -> pd.DataFrame:
    """Return one row per decile of the scores: what was predicted and what was observed.

    Tied scores stay together, so there may be fewer bins.

    Returns:
        columns bin, rows, score_low, score_high, predicted (mean score), observed (share of the label), and
        the Wilson interval observed_low, observed_high.
    """
    return pd.DataFrame(Ranked.of(score, label).deciles(bins, confidence))


def wilson(share: np.ndarray, rows: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the Wilson score interval of shares of ``rows`` rows (an effective size may be fractional)."""
    share, rows = np.asarray(share, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    z = z_of(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
        reach = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    # At shares of 0 and 1 the formula is exact only up to the last bits.
    return np.minimum(np.maximum(centre - reach, 0), share), np.minimum(np.maximum(centre + reach, share), 1)


def ratio_interval(
    share: np.ndarray, rows: np.ndarray, base: np.ndarray, base_rows: np.ndarray, confidence: float = 0.95
) -> tuple[np.ndarray, np.ndarray]:
    """Return the interval of ``share / base``, two independent shares of so many (effective) rows.

    MOVER-R (Donner and Zou 2012, Stat Methods Med Res 21: 347-359; Newcombe 2016, Stat Methods Med Res 25:
    1774-1778): the Wilson limits of both shares are combined. Unlike the interval on the log scale it is valid where
    a share is 0: of 0 in 463 against 0.48 in 4,000 the upper end is 0.02, and the lower one is 0. Where ``base`` is 0
    the ratio is undefined, and both ends are NaN.
    """
    share, base = np.asarray(share, dtype=np.float64), np.asarray(base, dtype=np.float64)
    low, high = wilson(share, rows, confidence)
    base_low, base_high = wilson(base, base_rows, confidence)
    product = share * base
    with np.errstate(invalid="ignore", divide="ignore"):
        # The lower end is written so that nothing is divided by 2 base - base_high, which may be 0.
        of_low, of_high = low * (2 * share - low), base_high * (2 * base - base_high)
        lower = of_low / (product + np.sqrt(np.maximum(0.0, product**2 - of_low * of_high)))
        of_low, of_high = high * (2 * share - high), base_low * (2 * base - base_low)
        upper = (product + np.sqrt(np.maximum(0.0, product**2 - of_low * of_high))) / of_high
    known = (base > 0) & ~np.isnan(upper)
    return np.where(known, np.where(share == 0, 0.0, lower), math.nan), np.where(known, upper, math.nan)


# ---------------------------------------------------------------------- clusters


@dataclass(frozen=True)
class Sums:
    """Sums by cluster (clusters,), and their total."""

    by_cluster: np.ndarray
    total: float


class Clusters:
    """The clusters of some rows.

    Sums run in the order of the rows, and over clusters in the order of their codes: the same bits whatever other
    rows, columns or threads there are (BLAS promises no such thing).

    Attributes:
        code: integers from 0 to ``count`` - 1, of the rows.
        count, with_positives, with_negatives: clusters, and those with a row of either class.
        positives, negatives: rows.
    """

    def __init__(self, cluster: np.ndarray, label: np.ndarray):
        """Number the clusters of rows with these labels; ``cluster`` are integers from 0."""
        present = np.bincount(cluster) > 0
        self.code = (np.cumsum(present) - 1)[cluster]
        self.count = int(np.count_nonzero(present))
        of_positives = self.sums(label.astype(np.float64)).by_cluster
        rows = np.bincount(self.code, minlength=self.count)
        self.positives = int(np.count_nonzero(label))
        self.negatives = len(label) - self.positives
        self.with_positives = int(np.count_nonzero(of_positives))
        self.with_negatives = int(np.count_nonzero(rows > of_positives))

    def sums(self, values: np.ndarray) -> "Sums":
        """Return the sums of values (rows,) by cluster."""
        by_cluster = np.bincount(self.code, weights=values, minlength=self.count)
        return Sums(by_cluster, float(by_cluster.sum()))

    def ratio(self, numerator: "Sums", denominator: "Sums") -> tuple[float, float]:
        """Return the ratio of two sums and its linearised standard error.

        NaN where the denominator is 0; the error also with fewer than two clusters.
        """
        if denominator.total == 0:
            return math.nan, math.nan
        value = numerator.total / denominator.total
        if self.count < 2:
            return value, math.nan
        residual = denominator.by_cluster * -value
        residual += numerator.by_cluster
        square = float(np.einsum("i,i->", residual, residual))
        return value, math.sqrt(self.count / (self.count - 1) * square) / abs(denominator.total)

    def placements(self, auc: Auc) -> tuple[np.ndarray, np.ndarray]:
        """Return by cluster the sums of the placement values minus the AUC, of positive and of negative rows."""
        code = self.code[auc.ranked.order]
        positive = np.flatnonzero(auc.ranked.label)
        deviation = auc.placements - auc.value
        of_positives = np.bincount(code[positive], weights=deviation[positive], minlength=self.count)
        deviation[positive] = 0.0
        return of_positives, np.bincount(code, weights=deviation, minlength=self.count)

    def auc_se(self, of_positives: np.ndarray, of_negatives: np.ndarray) -> float:
        """Return the standard error of an AUC from its ``placements``.

        Obuchowski 1997: the sums of the placement values of each cluster take the place of single ones, and the
        covariance of a cluster's positive and negative rows is counted. With one row per cluster it is DeLong's.
        For the difference of two AUCs on the same rows give the differences of their sums. NaN with fewer than two
        clusters of either class.
        """
        if self.with_positives < 2 or self.with_negatives < 2:
            return math.nan
        both = (of_positives * of_negatives).sum()
        variance = (
            self.with_positives / (self.with_positives - 1) * (of_positives**2).sum() / self.positives**2
            + self.with_negatives / (self.with_negatives - 1) * (of_negatives**2).sum() / self.negatives**2
            + 2 * self.count / (self.count - 1) * both / (self.positives * self.negatives)
        )
        return math.sqrt(max(0.0, float(variance)))


def pairs_within(key: np.ndarray, week: np.ndarray, length: int) -> tuple[np.ndarray, np.ndarray]:
    """Return the positions (pairs,) of all pairs of rows of one key that lie fewer than ``length`` weeks apart.

    The earlier and the later row of each; an establishment is inspected about once a year, so there are fewer pairs
    than rows. The pairs of two weeks come in an order that no row of another week changes.
    """
    order = np.lexsort((week, key))
    key, week = key[order], week[order]
    early, late = [order[:0]], [order[:0]]
    at, lag = np.arange(len(key)), 1
    while len(at := at[at + lag < len(key)]):
        at = at[(key[at + lag] == key[at]) & (week[at + lag] - week[at] < length)]
        early.append(order[at])
        late.append(order[at + lag])
        lag += 1
    return np.concatenate(early), np.concatenate(late)


def count_keys(key: np.ndarray, week: np.ndarray, length: int, kind: np.ndarray, shape: tuple[int, int]) -> np.ndarray:
    """Return how many keys have rows in the window of ``length`` weeks that ends with each week, by kind.

    Args:
        key: integers; all rows of a key are of one kind.
        shape: (weeks, kinds).
    """
    order = np.lexsort((week, key))
    key, week, kind = key[order], week[order], kind[order]
    # A row counts its key in the windows that hold it and not the row before.
    since = week.copy()
    same = key[1:] == key[:-1]
    since[1:][same] = np.maximum(week[1:], week[:-1] + length)[same]
    return running_counts(since, week + length, kind, shape)


def running_counts(begin: np.ndarray, end: np.ndarray, kind: np.ndarray | int, shape: tuple[int, int]) -> np.ndarray:
    """Return how many events hold in each week, by kind: each from ``begin`` until before ``end``, int64 ``shape``."""
    weeks, kinds = shape
    holds = np.zeros((weeks + 1) * kinds, dtype=np.int64)
    for at, sign in ((np.minimum(begin, end), 1), (end, -1)):
        holds += sign * np.bincount(np.minimum(at, weeks) * kinds + kind, minlength=len(holds))
    return np.cumsum(holds.reshape(weeks + 1, kinds), axis=0)[:weeks]


class RunningRatios:
    """Ratios of sums over rows with their clustered errors, in the windows of ``length`` weeks that end with each week.

    The sum over clusters of a squared sum is a sum over pairs of rows: it is taken once for each two weeks, and a
    window adds up what its weeks have, always from the newest to the oldest, so that its bits do not depend on the
    weeks around it (a sum that runs on would).
    """

    def __init__(
        self,
        week: np.ndarray,
        cluster: np.ndarray,
        length: int,
        columns: Mapping[str, np.ndarray],
        ratios: Sequence[tuple[str, str]],
    ):
        """Add up.

        Args:
            week, cluster: integers from 0 (rows,).
            columns: what is added up (rows,), by name.
            ratios: names of numerator and denominator.
        """
        self._weeks = int(week.max(initial=-1)) + 1
        self.windows = self._weeks + length - 1 if self._weeks else 0
        self._length = length
        pairs = pairs_within(cluster, week, length)
        totals = {name: self._over_windows(np.bincount(week, values, self._weeks)) for name, values in columns.items()}
        count = count_keys(cluster, week, length, np.zeros_like(week), (self.windows, 1))[:, 0]
        products: dict[tuple[str, str], np.ndarray] = {}

        def product(one: str, two: str) -> np.ndarray:
            if (one, two) not in products:
                products[one, two] = self._product(week, pairs, columns[one], columns[two])
            return products[one, two]

        self._values: dict[tuple[str, str], tuple[list[float], list[float]]] = {}
        for over, under in ratios:
            with np.errstate(invalid="ignore", divide="ignore"):
                value = np.where(totals[under] == 0, math.nan, totals[over] / totals[under])
                whole = product(over, over) + value**2 * product(under, under)
                square = whole - 2 * value * product(over, under)
                error = np.sqrt(count / (count - 1) * square) / np.abs(totals[under])
            # Where nearly all cancels, what is left are rounding errors.
            error[~(square > 1e-9 * whole) | (count < 2)] = math.nan
            self._values[over, under] = value.tolist(), error.tolist()

    def at(self, window: int, over: str, under: str) -> tuple[float, float]:
        """Return a ratio and its standard error.

        The error is NaN where it is not known from the running sums: take it from the rows of the window.
        """
        value, error = self._values[over, under]
        return value[window], error[window]

    def _product(
        self, week: np.ndarray, pairs: tuple[np.ndarray, np.ndarray], one: np.ndarray, two: np.ndarray
    ) -> np.ndarray:
        early, late = pairs
        apart = week[late] - week[early]
        both = one[early] * two[late] + one[late] * two[early]
        size = self._weeks * self._length
        # Of no rows numpy counts whole numbers, whatever the weights.
        by_distance = np.bincount(week[late] * self._length + apart, both, size).astype(np.float64)
        by_distance += np.bincount(week * self._length, one * two, size)
        return self._over_windows(np.cumsum(by_distance.reshape(self._weeks, self._length), axis=1))

    def _over_windows(self, weekly: np.ndarray) -> np.ndarray:
        """Add up weeks; where they differ by distance, each with the distances that lie in the window."""
        out = np.zeros(self.windows)
        for age in range(self._length if self._weeks else 0):
            out[age : age + self._weeks] += weekly if weekly.ndim == 1 else weekly[:, self._length - 1 - age]
        return out


def clustered_auc_se(
    score: np.ndarray, label: np.ndarray, cluster: np.ndarray, other: np.ndarray | None = None
) -> float:
    """Return the standard error of an AUC, or of its difference to that of ``other`` scores, by cluster."""
    clusters = Clusters(cluster, np.asarray(label, dtype=bool))
    sums = [clusters.placements(Ranked.of(s, label).auc()) for s in (score, other) if s is not None]
    return clusters.auc_se(*(sums[0] if other is None else (a - b for a, b in zip(*sums, strict=True))))


def clustered_ratio_se(numerator: np.ndarray, denominator: np.ndarray, cluster: np.ndarray) -> float:
    """Return the linearised standard error of sum(numerator) / sum(denominator), by cluster."""
    clusters = Clusters(cluster, np.zeros(len(cluster), dtype=bool))
    return clusters.ratio(clusters.sums(numerator), clusters.sums(denominator))[1]


def threshold_free(score: np.ndarray, label: np.ndarray) -> dict[str, float | None]:
    """Return roc_auc, average_precision, brier and log_loss; None where undefined."""
    values = {
        "roc_auc": roc_auc(score, label),
        "average_precision": average_precision(score, label),
        "brier": float(brier_losses(score, label).mean()) if len(score) else math.nan,
        "log_loss": float(log_losses(score, label).mean()) if len(score) else math.nan,
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
