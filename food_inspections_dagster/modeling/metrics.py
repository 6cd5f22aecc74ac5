"""Metrics of a ranking, with intervals that know that an establishment is inspected more than once.

Everything is exact under ties: where scores tie, a metric is its expectation over random orders of the tied rows.
Arrays in, numbers out; ``label`` is 0/1 or bool, ``score`` a probability, ``cluster`` an integer code of the
establishment (0 … number of clusters - 1). A metric that is not defined (one class only, no rows) is NaN.

Sources: Obuchowski 1997 (AUC of clustered data), Chicago/food-inspections-evaluation (days earlier, first half),
triage (precision at k with its worst and best case).
"""

import functools
import math
from dataclasses import dataclass

import numpy as np
import pandas as pd
from scipy.stats import norm

#: Probabilities are kept this far from 0 and 1 in the log loss: kNN gives exact zeros.
LOG_LOSS_MARGIN = 1e-6


@dataclass(frozen=True)
class Estimate:
    """A value with its standard error and interval; ``None`` where undefined."""

    value: float | None
    standard_error: float | None = None
    low: float | None = None
    high: float | None = None

    @classmethod
    def of(
        cls,
        value: float,
        standard_error: float,
        confidence: float,
        bounds: tuple[float, float] = (-math.inf, math.inf),
    ) -> "Estimate":
        """Build a normal interval, cut at the bounds of the metric."""
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


# ---------------------------------------------------------------------- AUC


@dataclass(frozen=True)
class Ranking:
    """Scores in ascending order, sorted once for all metrics.

    Attributes:
        order: positions of the rows; within a tie in no particular order, which no metric depends on.
        begins, sizes: of each group of tied rows, in that order.
    """

    order: np.ndarray
    begins: np.ndarray
    sizes: np.ndarray

    @classmethod
    def of(cls, score: np.ndarray) -> "Ranking":
        """Sort the scores."""
        order = np.argsort(score)
        return cls(order, *_ties(score[order]))


def _ties(ordered: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    if len(ordered) == 0:
        return np.empty(0, dtype=np.intp), np.empty(0, dtype=np.intp)
    ends = np.append(np.flatnonzero(ordered[1:] != ordered[:-1]) + 1, len(ordered))
    begins = np.insert(ends[:-1], 0, 0)
    return begins, ends - begins


@dataclass(frozen=True)
class AucParts:
    """An AUC and its placement values, from which variances and covariances follow.

    Attributes:
        auc: area under the ROC curve; NaN with one class only.
        placements: for a positive row the share of negatives ranked below it, for a negative row the share of
            positives ranked above it, ties half; float64 (rows,).
        label: bool (rows,).
    """

    auc: float
    placements: np.ndarray
    label: np.ndarray


def auc_parts(score: np.ndarray, label: np.ndarray, ranking: Ranking | None = None) -> AucParts:
    """Return the AUC by mid-ranks (Mann-Whitney) and the placement values."""
    label = np.asarray(label, dtype=bool)
    positives = int(label.sum())
    negatives = len(label) - positives
    if positives == 0 or negatives == 0:
        return AucParts(math.nan, np.full(len(label), math.nan), label)
    ranking = ranking or Ranking.of(score)
    tied_positives = np.add.reduceat(label[ranking.order].astype(np.int64), ranking.begins)
    tied_negatives = ranking.sizes - tied_positives
    negatives_below = np.cumsum(tied_negatives) - tied_negatives / 2
    positives_above = positives - np.cumsum(tied_positives) + tied_positives / 2
    placements = np.empty(len(label))
    placements[ranking.order] = np.where(
        label[ranking.order],
        np.repeat(negatives_below / negatives, ranking.sizes),
        np.repeat(positives_above / positives, ranking.sizes),
    )
    return AucParts(float(placements[label].mean()), placements, label)


def roc_auc(score: np.ndarray, label: np.ndarray) -> float:
    """Return the area under the ROC curve, NaN with one class only."""
    return auc_parts(score, label).auc


def clustered_auc_se(parts: AucParts, cluster: np.ndarray, other: AucParts | None = None) -> float:
    """Return the standard error of an AUC, or of its difference to ``other`` on the same rows.

    Obuchowski 1997: the sums of the placement values of each cluster take the place of single ones, and the
    covariance of a cluster's positive and negative rows is counted. With one row per cluster it is DeLong's.
    """
    label = parts.label
    positives = int(label.sum())
    negatives = len(label) - positives
    if positives == 0 or negatives == 0:
        return math.nan
    deviation = parts.placements - parts.auc
    if other is not None:
        deviation = deviation - (other.placements - other.auc)
    clusters = int(cluster.max()) + 1
    of_positives = np.bincount(cluster[label], weights=deviation[label], minlength=clusters)
    of_negatives = np.bincount(cluster[~label], weights=deviation[~label], minlength=clusters)
    with_positives = np.count_nonzero(np.bincount(cluster[label], minlength=clusters))
    with_negatives = np.count_nonzero(np.bincount(cluster[~label], minlength=clusters))
    with_any = np.count_nonzero(np.bincount(cluster, minlength=clusters))
    if with_positives < 2 or with_negatives < 2:
        return math.nan
    # Sums, not dot products: the last bits of BLAS depend on its threads.
    variance = (
        with_positives / (with_positives - 1) * (of_positives**2).sum() / positives**2
        + with_negatives / (with_negatives - 1) * (of_negatives**2).sum() / negatives**2
        + 2 * with_any / (with_any - 1) * (of_positives * of_negatives).sum() / (positives * negatives)
    )
    return math.sqrt(max(0.0, float(variance)))


# ---------------------------------------------------------------------- rank


def average_precision(score: np.ndarray, label: np.ndarray, ranking: Ranking | None = None) -> float:
    """Return the average precision (step-wise area under precision and recall; tied rows enter together)."""
    label = np.asarray(label, dtype=bool)
    positives = int(label.sum())
    if positives == 0:
        return math.nan
    ranking = ranking or Ranking.of(score)
    hits = np.add.reduceat(label[ranking.order].astype(np.int64), ranking.begins)[::-1]
    rows = np.cumsum(ranking.sizes[::-1])
    return float((hits * np.cumsum(hits) / rows).sum() / positives)


def capacity(rows: np.ndarray, share: float) -> np.ndarray:
    """Return how many of ``rows`` inspections are on the list: ceil(share x rows)."""
    # The subtraction keeps 0.07 * 100 = 7.000000000000001 from becoming 8.
    return np.ceil(np.asarray(rows) * share - 1e-9).astype(np.int64)


def on_list(score: np.ndarray, starts: np.ndarray, share: float) -> np.ndarray:
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


def top_k(probability: np.ndarray, label: np.ndarray, starts: np.ndarray) -> TopK:
    """Return precision and recall at capacity from ``on_list`` probabilities of rows sorted by week."""
    label = np.asarray(label, dtype=bool)
    if len(label) == 0:
        nothing = math.nan
        return TopK(0, 0, 0, nothing, nothing, nothing, nothing, nothing, nothing)
    certain = probability == 1
    tied = (probability > 0) & ~certain

    def weekly(values: np.ndarray) -> np.ndarray:
        return np.add.reduceat(values, starts)

    sure_hits = weekly((certain & label).astype(np.int64))
    places = np.rint(weekly(np.where(tied, probability, 0.0))).astype(np.int64)
    tied_hits = weekly((tied & label).astype(np.int64))
    tied_misses = weekly((tied & ~label).astype(np.int64))
    k = int(certain.sum() + places.sum())
    positives = int(label.sum())
    tied_rows = np.maximum(1, tied_hits + tied_misses)
    expected = float((sure_hits + places * tied_hits / tied_rows).sum())
    best = int((sure_hits + np.minimum(places, tied_hits)).sum())
    worst = int((sure_hits + np.maximum(0, places - tied_misses)).sum())

    def of(hits: float, total: int) -> float:
        return hits / total if total else math.nan

    return TopK(
        k,
        len(label),
        positives,
        of(expected, k),
        of(worst, k),
        of(best, k),
        of(expected, positives),
        of(worst, positives),
        of(best, positives),
    )


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


def reorder(score: np.ndarray, days: np.ndarray, period: np.ndarray, ranking: Ranking | None = None) -> Reordered:
    """Put the inspections of each period into the order of their scores, on the dates that the period has.

    As in the City's ``simulated_date_diff_mean`` and ``simulated_bin_summary``: as many inspections a day as
    there really were. The first half are the days on whose evening fewer than half of the period's
    inspections were made. The City breaks ties by the order of its file; here tied rows share their dates.

    Args:
        score: float64 (rows,).
        days: dates as integers (rows,).
        period: integer code of the period (rows,); rows are reordered within it.
    """
    out = Reordered(np.empty(len(score)), np.empty(len(score)), np.empty(len(score)))
    descending = (ranking or Ranking.of(score)).order[::-1]
    period_of_ranked = period[descending]
    for code in np.unique(period):
        rows = descending[period_of_ranked == code]
        own_days = days[rows]
        slots = np.sort(own_days)
        made = np.searchsorted(slots, slots, side="right")  # inspections made by that evening
        early_slots = (made < len(rows) / 2).astype(np.float64)
        begins, sizes = _ties(score[rows])
        day = np.repeat(np.add.reduceat(slots.astype(np.float64), begins) / sizes, sizes)
        out.days_earlier[rows] = own_days - day
        out.first_half_simulated[rows] = np.repeat(np.add.reduceat(early_slots, begins) / sizes, sizes)
        out.first_half[rows] = early_slots[np.searchsorted(slots, own_days)]
    return out


# ---------------------------------------------------------------------- probability


def brier_losses(score: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return the squared error of each row."""
    return (score - np.asarray(label, dtype=np.float64)) ** 2


def log_losses(score: np.ndarray, label: np.ndarray) -> np.ndarray:
    """Return minus the log-likelihood of each row, probabilities kept ``LOG_LOSS_MARGIN`` from 0 and 1."""
    probability = np.clip(score, LOG_LOSS_MARGIN, 1 - LOG_LOSS_MARGIN)
    return -np.log(np.where(np.asarray(label, dtype=bool), probability, 1 - probability))


def calibration(
    score: np.ndarray,
    label: np.ndarray,
    bins: int = 10,
    confidence: float = 0.95,
    ranking: Ranking | None = None,
) -> pd.DataFrame:
    """Return one row per decile of the scores: what was predicted and what was found.

    Tied scores stay together, so there may be fewer bins.

    Returns:
        columns bin, rows, score_low, score_high, predicted (mean score), observed (share of the label), and
        the Wilson interval observed_low, observed_high.
    """
    ranking = ranking or Ranking.of(score)
    ordered, found = score[ranking.order], np.asarray(label, dtype=np.float64)[ranking.order]
    wanted = np.rint(np.linspace(0, len(score), bins + 1)[: -1 if len(score) else 0])
    starts = np.unique(ranking.begins[np.searchsorted(ranking.begins, wanted, side="right") - 1])
    rows = np.diff(np.append(starts, len(score))) if len(starts) else starts
    if len(starts) == 0:
        predicted = observed = np.empty(0)
    else:
        predicted = np.add.reduceat(ordered, starts) / rows
        observed = np.add.reduceat(found, starts) / rows
    low, high = wilson(observed, rows, confidence)
    return pd.DataFrame(
        {
            "bin": np.arange(1, len(rows) + 1),
            "rows": rows,
            "score_low": ordered[starts],
            "score_high": ordered[starts + rows - 1],
            "predicted": predicted,
            "observed": observed,
            "observed_low": low,
            "observed_high": high,
        }
    )


def wilson(share: np.ndarray, rows: np.ndarray, confidence: float = 0.95) -> tuple[np.ndarray, np.ndarray]:
    """Return the Wilson score interval of shares of ``rows`` rows (an effective size may be fractional)."""
    share, rows = np.asarray(share, dtype=np.float64), np.asarray(rows, dtype=np.float64)
    z = z_of(confidence)
    with np.errstate(invalid="ignore", divide="ignore"):
        centre = (share + z**2 / (2 * rows)) / (1 + z**2 / rows)
        reach = z / (1 + z**2 / rows) * np.sqrt(share * (1 - share) / rows + z**2 / (4 * rows**2))
    # At shares of 0 and 1 the formula is exact only up to the last bits.
    return np.clip(centre - reach, 0, share), np.clip(centre + reach, share, 1)


# ---------------------------------------------------------------------- intervals


def clustered_ratio_se(numerator: np.ndarray, denominator: np.ndarray, cluster: np.ndarray) -> float:
    """Return the linearised standard error of sum(numerator) / sum(denominator), by cluster."""
    total = float(denominator.sum())
    if total == 0:
        return math.nan
    residual = numerator - denominator * (float(numerator.sum()) / total)
    sums = np.bincount(cluster, weights=residual)
    clusters = np.count_nonzero(np.bincount(cluster))
    if clusters < 2:
        return math.nan
    return math.sqrt(clusters / (clusters - 1) * float((sums**2).sum())) / abs(total)


def threshold_free(score: np.ndarray, label: np.ndarray) -> dict[str, float | None]:
    """Return roc_auc, average_precision, brier and log_loss; None where undefined."""
    values = {
        "roc_auc": roc_auc(score, label),
        "average_precision": average_precision(score, label),
        "brier": float(brier_losses(score, label).mean()) if len(score) else math.nan,
        "log_loss": float(log_losses(score, label).mean()) if len(score) else math.nan,
    }
    return {name: value if math.isfinite(value) else None for name, value in values.items()}
