import math

import numpy as np
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.intervals import ScoreIntervals, coverage


def _period(rng: np.random.Generator, places: int, visits: int = 2, shift: float = 0.0) -> tuple[np.ndarray, ...]:
    """Scores, outcomes and places; every place has a tendency of its own, which the score does not know."""
    score = np.repeat(rng.beta(2, 6, places), visits)
    own = np.repeat(rng.normal(0, 0.08, places), visits)
    truth = np.clip(score + own + shift, 0, 1)
    return score, rng.random(len(score)) < truth, np.repeat(np.arange(places), visits)


def test_the_interval_is_wilsons_around_the_rate_of_similar_scores() -> None:
    score = np.repeat([0.1, 0.3, 0.6], 400)
    outcome = np.concatenate([np.arange(400) < hits for hits in (40, 160, 240)])
    of = ScoreIntervals.fit(score, outcome, np.arange(1200), bins=3)
    assert of.rows == (400, 400, 400) and of.rate == (0.1, 0.4, 0.6) and of.centre == pytest.approx((0.1, 0.3, 0.6))
    low, high = of.apply(np.array([0.1, 0.3, 0.6, 0.2]))
    expected = metrics.wilson(np.array([0.1, 0.4, 0.6]), np.full(3, 400.0))
    # The design effect of single rows is n / (n - 1).
    assert low[:3] == pytest.approx(expected[0], abs=1e-4) and high[:3] == pytest.approx(expected[1], abs=1e-4)
    # At 0.3 more was found than the score says, and the interval says so; in between it is read off linearly.
    assert low[1] > 0.3 and low[3] == pytest.approx((low[0] + low[1]) / 2)
    assert of.apply(np.array([0.0, 1.0]))[0][0] >= 0 and of.apply(np.array([0.0, 1.0]))[1][1] <= 1


def test_clusters_widen_it() -> None:
    score = np.repeat([0.2, 0.5], 400)
    outcome = np.tile(np.repeat(np.arange(80) % 4 == 0, 5), 2)
    alone = ScoreIntervals.fit(score, outcome, np.arange(800), bins=2)
    together = ScoreIntervals.fit(score, outcome, np.arange(800) // 5, bins=2)
    width = [of.above[0] - of.below[0] for of in (alone, together)]
    assert width[1] == pytest.approx(width[0] * math.sqrt(5), rel=0.05)


def test_the_same_rows_give_the_same_bytes_in_any_order() -> None:
    rng = np.random.default_rng(1)
    score, outcome, cluster = _period(rng, 1_000)
    score = np.round(score, 2)
    of = ScoreIntervals.fit(score, outcome, cluster)
    shuffled = rng.permutation(len(score))
    assert ScoreIntervals.fit(score[shuffled], outcome[shuffled], cluster[shuffled]).to_json() == of.to_json()
    assert ScoreIntervals.from_json(of.to_json()) == of
    asked = rng.random(500)
    whole = of.apply(asked)
    for at in (0, 7, 499):
        assert [end[0] for end in of.apply(asked[at : at + 1])] == [end[at] for end in whole]
    assert all(np.array_equal(a, b) for a, b in zip(of.apply(asked[100:120]), (e[100:120] for e in whole), strict=True))
    assert (whole[0] <= whole[1]).all()


def test_too_few_rows_give_no_interval() -> None:
    of = ScoreIntervals.fit(np.linspace(0, 1, 199), np.arange(199) % 2, np.arange(199))
    low, high = of.apply(np.array([0.2, 0.9]))
    assert np.isnan(low).all() and np.isnan(high).all() and coverage(of, low, low, low).share is None
    assert ScoreIntervals.from_json(of.to_json()) == of
    with pytest.raises(FoodInspectionsError, match=r"cannot be read .*make them again"):
        ScoreIntervals.from_json('{"bins": 3}')


def test_it_holds_the_true_rate_as_often_as_it_says() -> None:
    """Forty cities whose truth is the score: the interval of a score of 0.1 to 0.5 is to hold the score."""
    asked = np.linspace(0.1, 0.5, 9)
    held = []
    for seed in range(40):
        of = ScoreIntervals.fit(*_period(np.random.default_rng(seed), 2_000))
        low, high = of.apply(asked)
        held += ((low <= asked) & (asked <= high)).tolist()
    assert 0.92 <= np.mean(held) <= 0.99


def test_how_often_it_held_later_tells_a_city_that_changed_from_one_that_did_not() -> None:
    same, changed = [], []
    for seed in range(40):
        rng = np.random.default_rng(100 + seed)
        of = ScoreIntervals.fit(*_period(rng, 2_000))
        later = coverage(of, *_period(rng, 1_000))
        assert later.groups == 10 and later.inside <= 10
        same.append(later)
        changed.append(coverage(of, *_period(rng, 1_000, shift=0.1)))
    assert 0.9 <= np.mean([of.share for of in same]) <= 1.0
    assert np.mean([of.inside for of in same]) < np.mean([of.compatible for of in same])
    assert np.mean([of.share for of in changed]) < 0.4
