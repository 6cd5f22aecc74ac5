"""From a score to a probability, by what such scores came to in weeks that no fit had learnt from (Platt 2000)."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from scipy.optimize import brentq
from scipy.special import expit, logit
from sklearn.linear_model import LogisticRegression

#: With fewer rows of either class than this the slope would be noise.
MIN_ROWS_OF_A_CLASS = 40
#: Scores are kept this far from 0 and 1, where the log-odds have no end: nearest neighbours give exact zeros.
MARGIN = 0.002


@dataclass(frozen=True)
class Calibration:
    """log-odds of the probability = ``slope`` x log-odds of the score + ``intercept``.

    Rising in the score, so it changes no rank.

    Attributes:
        rows: that it was learnt from.
        basis: ``earlier fits`` where each row was scored by a fit that had not seen it, ``training rows`` where there
            are none of those yet: then only the level is learnt.
    """

    slope: float
    intercept: float
    rows: int
    basis: str

    @classmethod
    def fit(cls, score: np.ndarray, outcome: np.ndarray) -> "Calibration | None":
        """Learn from scores in [0, 1] and what came of them; None where there is too little, or no slope to see."""
        positives = int(outcome.sum())
        if min(positives, len(outcome) - positives) < MIN_ROWS_OF_A_CLASS:
            return None
        model = LogisticRegression(C=np.inf).fit(_log_odds(score)[:, None], outcome)
        slope, intercept = float(model.coef_[0, 0]), float(model.intercept_[0])
        return cls(slope, intercept, len(score), "earlier fits") if slope > 0 else None

    @classmethod
    def of_level(cls, score: np.ndarray, outcome: np.ndarray) -> "Calibration":
        """Learn the level only, from training rows of both classes, whose spread a fit makes too wide."""
        log_odds, rate = _log_odds(score), float(outcome.mean())
        # On average the probability is the rate: the offset that a logistic regression without a slope would find.
        furthest = float(np.abs(log_odds).max()) + abs(float(logit(rate)))
        offset = brentq(lambda level: float(expit(log_odds + level).mean()) - rate, -furthest, furthest)
        return cls(1.0, float(offset), len(score), "training rows")

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> "Calibration":
        """Read what ``to_dict`` wrote."""
        return cls(**values)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON-ready types."""
        return asdict(self)

    def probability(self, score: np.ndarray) -> np.ndarray:
        """Return probabilities, float64 (rows,), each from its own score alone."""
        return np.asarray(expit(self.slope * _log_odds(score) + self.intercept))


def _log_odds(score: np.ndarray) -> np.ndarray:
    return np.asarray(logit(np.clip(score, MARGIN, 1 - MARGIN)))
