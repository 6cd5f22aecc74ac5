"""How sure is a score: what was observed among past rows of a similar score.

A bootstrap over refits would cost a fit for each draw and would leave out what all fits have in common. Here
out-of-sample scores of past weeks are cut into bins of similar score. In each bin the observed rate has Wilson's
interval, with the effective size that clustering by establishment leaves; how far its ends lie from the mean score of
the bin is read off at any other score, linearly between bins. Where models are calibrated the interval holds the
score; where it does not, the score is wrong by more than chance, and the interval says where the truth lies.

The interval is one of the *rate* among places like this one, not of one visit, which finds something or does not.
"""

import json
import math
from dataclasses import asdict, dataclass
from typing import Any, cast

import numpy as np

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics


@dataclass(frozen=True)
class ScoreIntervals:
    """Intervals of scores, from past weeks.

    Attributes:
        centre: mean score of each bin, ascending.
        below, above: how far the ends of the bin's interval lie from it.
        rows, rate: rows of each bin and the share of them that found something.
        confidence: level of the intervals.
    """

    centre: tuple[float, ...]
    below: tuple[float, ...]
    above: tuple[float, ...]
    rows: tuple[int, ...]
    rate: tuple[float, ...]
    confidence: float

    @classmethod
    def fit(
        cls,
        score: np.ndarray,
        outcome: np.ndarray,
        cluster: np.ndarray,
        bins: int = 20,
        confidence: float = 0.95,
        min_rows: int = 200,
    ) -> "ScoreIntervals":
        """Learn from out-of-sample rows; the order of the rows does not matter.

        Args:
            score: float64 (rows,); outcome: 0/1 or bool; cluster: integers, the establishment.
            bins: of equally many rows, but tied scores stay together.
            min_rows: with fewer rows than this no score has an interval.
        """
        outcome = np.asarray(outcome, dtype=bool)
        if len(score) < min_rows or not len(score):
            return cls((), (), (), (), (), confidence)
        ranked = metrics.Ranked.of(score, outcome)
        deciles = ranked.deciles(bins, confidence)
        n, rate = deciles["rows"].astype(np.int64), deciles["observed"]
        bin_of = np.repeat(np.arange(len(n)), n)
        low, high = metrics.wilson(rate, _effective(ranked.label, bin_of, cluster[ranked.order], n), confidence)
        centre = deciles["predicted"]
        return cls(
            tuple(centre.tolist()),
            tuple((low - centre).tolist()),
            tuple((high - centre).tolist()),
            tuple(n.tolist()),
            tuple(rate.tolist()),
            confidence,
        )

    def apply(self, score: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Return the lower and the upper end for each score, float64 (rows,); NaN where nothing was learnt.

        Row by row: an interval does not depend on the scores beside it.
        """
        score = np.asarray(score, dtype=np.float64)
        if not self.centre:
            return np.full(score.shape, math.nan), np.full(score.shape, math.nan)
        low, high = (score + np.interp(score, self.centre, distance) for distance in (self.below, self.above))
        return np.clip(low, 0.0, 1.0), np.clip(high, 0.0, 1.0)

    def to_json(self) -> str:
        """Return everything as JSON; the same intervals give the same text."""
        return json.dumps(asdict(self), sort_keys=True)

    @classmethod
    def from_json(cls, text: str) -> "ScoreIntervals":
        """Return the intervals that ``to_json`` wrote.

        Raises:
            FoodInspectionsError: where the text is something else.
        """
        try:
            values = {name: tuple(v) if isinstance(v, list) else v for name, v in json.loads(text).items()}
            return cls(**cast("dict[str, Any]", values))
        except (ValueError, TypeError, AttributeError) as error:
            raise FoodInspectionsError(
                f"The intervals of the scores cannot be read ({error}): make them again from the backtest."
            ) from None


def _effective(outcome: np.ndarray, bin_of: np.ndarray, cluster: np.ndarray, n: np.ndarray) -> np.ndarray:
    """Return the rows of each bin as so many independent ones: divided by the design effect where it is above 1."""
    each, member = np.unique(np.stack([bin_of, cluster]), axis=1, return_inverse=True)
    of_cluster, hits_of_cluster = np.bincount(member), np.bincount(member, weights=outcome)
    clusters, hits = np.bincount(each[0], minlength=len(n)), np.bincount(bin_of, weights=outcome, minlength=len(n))
    # n² times the sum of squared residuals: whole numbers, so the order of the rows does not matter.
    residual = hits_of_cluster * n[each[0]] - hits[each[0]] * of_cluster
    square = np.bincount(each[0], weights=residual**2, minlength=len(n))
    with np.errstate(invalid="ignore", divide="ignore"):
        effect = clusters / (clusters - 1) * square / (hits * (n - hits) * n)
    return n / np.maximum(1.0, np.where((clusters > 1) & np.isfinite(effect), effect, 1.0))


@dataclass(frozen=True)
class Coverage:
    """How often intervals kept what they promise in a later period.

    Attributes:
        groups: bins of the later rows by score.
        inside: bins whose observed rate lies between the mean ends of their rows' intervals. A later rate has chance
            errors too, so fewer do than ``confidence``.
        compatible: bins where the two differ by no more than both errors explain: this is to be near ``confidence``.
    """

    groups: int
    inside: int
    compatible: int

    @property
    def share(self) -> float | None:
        """The share of compatible bins, None without any."""
        return self.compatible / self.groups if self.groups else None


def coverage(
    intervals: ScoreIntervals, score: np.ndarray, outcome: np.ndarray, cluster: np.ndarray, bins: int = 10
) -> Coverage:
    """Return how often the intervals held in a later period, whose rows they were not learnt from.

    Args:
        score, outcome, cluster: of the later rows, see ``ScoreIntervals.fit``.
        bins: of equally many of these rows.
    """
    if not len(score) or not intervals.centre:
        return Coverage(0, 0, 0)
    ranked = metrics.Ranked.of(np.asarray(score, dtype=np.float64), outcome)
    deciles = ranked.deciles(bins, intervals.confidence)
    n, later = deciles["rows"].astype(np.int64), deciles["observed"]
    bin_of = np.repeat(np.arange(len(n)), n)
    ends = [np.bincount(bin_of, weights=end, minlength=len(n)) / n for end in intervals.apply(ranked.score)]
    effective = _effective(ranked.label, bin_of, np.asarray(cluster)[ranked.order], n)
    low, high = metrics.wilson(later, effective, intervals.confidence)
    rate = np.interp(deciles["predicted"], intervals.centre, np.array(intervals.rate))
    # Newcombe 1998, Stat Med 17: 873-890, method 10: an interval of a difference of two rates from those of each.
    reach = np.where(
        later > rate,
        np.hypot(later - low, np.maximum(0, ends[1] - rate)),
        np.hypot(high - later, np.maximum(0, rate - ends[0])),
    )
    inside = (ends[0] <= later) & (later <= ends[1])
    return Coverage(len(n), int(inside.sum()), int((np.abs(later - rate) <= reach).sum()))
