import json

import numpy as np
import pytest
from scipy.special import expit, logit

from food_inspections_dagster.modeling.calibration import MARGIN, MIN_ROWS_OF_A_CLASS, Calibration


def _scores(slope: float, intercept: float, rows: int = 40_000, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and outcomes whose log-odds are a straight line in theirs."""
    rng = np.random.default_rng(seed)
    score = rng.beta(2, 5, rows)
    return score, rng.random(rows) < expit(slope * logit(np.clip(score, MARGIN, 1 - MARGIN)) + intercept)


@pytest.mark.parametrize(("slope", "intercept"), [(1.0, 0.0), (0.5, -0.7), (2.0, 0.4)])
def test_slope_and_intercept_come_back(slope: float, intercept: float) -> None:
    score, outcome = _scores(slope, intercept)
    fitted = Calibration.fit(score, outcome)
    assert fitted is not None and fitted.basis == "earlier fits" and fitted.rows == len(score)
    assert (fitted.slope, fitted.intercept) == (pytest.approx(slope, abs=0.06), pytest.approx(intercept, abs=0.08))
    # What a logistic regression fits it fits exactly: the mean, and the mean product with the log-odds.
    gap = fitted.probability(score) - outcome
    log_odds = logit(np.clip(score, MARGIN, 1 - MARGIN))
    assert abs(gap.mean()) < 1e-4 and abs((gap * log_odds).mean()) < 1e-3
    for part in np.array_split(np.argsort(score), 8):
        assert fitted.probability(score[part]).mean() == pytest.approx(outcome[part].mean(), abs=0.03)


def test_it_changes_no_rank_and_each_row_has_its_own_bits() -> None:
    score, outcome = _scores(0.6, -0.2, rows=4_000)
    fitted = Calibration.fit(score, outcome)
    assert fitted is not None and fitted.slope > 0
    probability = fitted.probability(score)
    inside = (score > MARGIN) & (score < 1 - MARGIN)
    assert (np.diff(probability[np.argsort(score)]) >= 0).all()
    assert len(np.unique(probability[inside])) == len(np.unique(score[inside]))
    assert ((probability > 0) & (probability < 1)).all()
    alone = np.concatenate([fitted.probability(score[i : i + 1]) for i in range(200)])
    assert alone.tobytes() == probability[:200].tobytes()


def test_scores_of_exactly_zero_and_one_have_an_end() -> None:
    """Nearest neighbours give them: without the margin one wrong row would have an infinite loss."""
    outcome = np.tile([True, False], 100)
    score = np.where(outcome, 1.0, 0.0)
    score[:40] = 1 - score[:40]
    fitted = Calibration.fit(score, outcome)
    assert fitted is not None
    assert fitted.probability(np.array([0.0, 1.0])) == pytest.approx([0.2, 0.8], abs=1e-3)


@pytest.mark.parametrize("few", [True, False])
def test_with_few_rows_of_either_class_nothing_is_learnt(few: bool) -> None:
    score = np.linspace(0.1, 0.9, 1_000)
    outcome = np.full(1_000, not few)
    outcome[-(MIN_ROWS_OF_A_CLASS - 1) :] = few
    assert Calibration.fit(score if few else score[::-1], outcome) is None
    outcome[-MIN_ROWS_OF_A_CLASS:] = few
    assert Calibration.fit(score if few else score[::-1], outcome) is not None
    assert Calibration.fit(np.empty(0), np.empty(0, dtype=bool)) is None


def test_scores_that_fall_with_the_outcome_calibrate_nothing() -> None:
    score, outcome = _scores(-0.5, -1.0, rows=4_000)
    assert Calibration.fit(score, outcome) is None


@pytest.mark.parametrize("spread", [0.1, 1.0, 3.0])
def test_the_level_alone_makes_the_mean_that_of_the_outcomes(spread: float) -> None:
    rng = np.random.default_rng(1)
    score, outcome = expit(rng.normal(0.3, spread, 2_000)), rng.random(2_000) < 0.2
    level = Calibration.of_level(score, outcome)
    assert (level.slope, level.rows, level.basis) == (1.0, 2_000, "training rows")
    assert level.probability(score).mean() == pytest.approx(outcome.mean(), abs=1e-9)


def test_it_comes_back_from_json_to_the_last_bit() -> None:
    score, outcome = _scores(0.7, -0.3, rows=2_000)
    for fitted in (Calibration.fit(score, outcome), Calibration.of_level(score, outcome)):
        assert fitted is not None
        again = Calibration.of(json.loads(json.dumps(fitted.to_dict())))
        assert again == fitted and again.probability(score).tobytes() == fitted.probability(score).tobytes()
