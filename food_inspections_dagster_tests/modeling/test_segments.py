import itertools
import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score

from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.segments import (
    Groups,
    Outcomes,
    Placed,
    Segments,
    average_precision,
    calibration_error,
)


def _ranks(score: np.ndarray) -> np.ndarray:
    return np.unique(score, return_inverse=True)[1]


@st.composite
def stacked(draw: st.DrawFn) -> dict[str, np.ndarray | list[np.ndarray]]:
    """Rows with many ties in a few groups, and overlapping subsets of them, one of them empty."""
    n = draw(st.integers(1, 14))

    def integers(most: int) -> np.ndarray:
        return np.array(draw(st.lists(st.integers(0, most), min_size=n, max_size=n)))

    masks = [np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n))) for _ in range(2)]
    return {
        "score": integers(4) / 4,
        "label": integers(1).astype(bool),
        "group": integers(2),
        "days": integers(5),
        "establishment": integers(5),
        "subsets": [np.arange(n), np.empty(0, dtype=np.int64), *(np.flatnonzero(mask) for mask in masks)],
    }


def _auc_within(score: np.ndarray, label: np.ndarray, group: np.ndarray) -> float:
    pairs = [
        (score[i] > score[j]) + (score[i] == score[j]) / 2
        for i, j in itertools.product(np.flatnonzero(label), np.flatnonzero(~label))
        if group[i] == group[j]
    ]
    return float(np.mean(pairs)) if pairs else math.nan


@settings(max_examples=60)
@given(stacked())
def test_auc_within_groups_is_the_share_of_concordant_pairs(data: dict) -> None:
    segments = Segments.of(data["subsets"], data["establishment"])
    at = segments.rows
    groups = Groups.of(segments, data["group"][at], data["days"][at])
    outcomes = Outcomes.of(segments, groups, data["label"][at])
    found = outcomes.concordance(Placed.of(groups, _ranks(data["score"])[at]))
    expected = [_auc_within(data["score"][s], data["label"][s], data["group"][s]) for s in data["subsets"]]
    assert found.value == pytest.approx(expected, nan_ok=True)


@settings(max_examples=60)
@given(stacked(), st.sampled_from([0.3, 0.5, 1.0]))
def test_lists_within_groups_hold_their_share_and_split_the_last_place(data: dict, share: float) -> None:
    segments = Segments.of(data["subsets"], data["establishment"])
    at = segments.rows
    groups = Groups.of(segments, data["group"][at], data["days"][at])
    placed = Placed.of(groups, _ranks(data["score"])[at])
    listed = placed.listed(placed.places(groups.sizes * share))
    for code in range(len(groups.sizes)):
        rows = np.flatnonzero(groups.code == code)
        score, k = data["score"][at][rows], share * len(rows)
        # Between the lists of the whole numbers around k, which metrics knows.
        whole = [
            np.zeros(len(rows)) if places == 0 else metrics.list_probability(score, np.array([0]), places / len(rows))
            for places in (math.floor(k + 1e-9), math.ceil(k - 1e-9))
        ]
        part = k - math.floor(k + 1e-9)
        assert listed[rows] == pytest.approx((1 - part) * whole[0] + part * whole[1])


@settings(max_examples=60)
@given(stacked())
def test_visits_of_a_group_change_places_among_themselves(data: dict) -> None:
    segments = Segments.of(data["subsets"], data["establishment"])
    at = segments.rows
    groups = Groups.of(segments, data["group"][at], data["days"][at])
    earlier, early = Placed.of(groups, _ranks(data["score"])[at]).reordered()
    expected = metrics.reorder(data["score"][at], data["days"][at], groups.code)
    assert earlier == pytest.approx(expected.days_earlier)
    assert early == pytest.approx(expected.first_half_simulated)
    assert groups.first_half.tolist() == expected.first_half.tolist()


@settings(max_examples=60)
@given(stacked(), st.integers(1, 6))
def test_hits_with_ties_in_the_worst_and_best_order(data: dict, k: int) -> None:
    segments = Segments.of(data["subsets"], data["establishment"])
    at = segments.rows
    groups = Groups.of(segments, None, data["days"][at])
    placed = Placed.of(groups, _ranks(data["score"])[at])
    places = np.minimum(k, segments.sizes)
    worst, best = placed.hits(placed.places(places), data["label"][at], segments.count)
    for code, subset in enumerate(data["subsets"]):
        score, label = data["score"][subset], data["label"][subset]
        for found, order in ((worst, np.lexsort((label, -score))), (best, np.lexsort((~label, -score)))):
            assert found[code] == label[order[:k]].sum()


@settings(max_examples=60)
@given(stacked())
def test_average_precision_and_calibration_error_are_those_of_a_single_set(data: dict) -> None:
    segments = Segments.of(data["subsets"], data["establishment"])
    at = segments.rows
    groups = Groups.of(segments, None, data["days"][at])
    placed = Placed.of(groups, _ranks(data["score"])[at])
    precision = average_precision(placed, data["label"][at], segments.count)
    error = calibration_error(placed, data["score"][at], data["label"][at], bins=3)
    for code, subset in enumerate(data["subsets"]):
        score, label = data["score"][subset], data["label"][subset]
        if label.any():
            assert precision[code] == pytest.approx(average_precision_score(label, score))
        else:
            assert math.isnan(precision[code])
        bins = metrics.calibration(score, label, bins=3)
        distance = (bins["rows"] * (bins["predicted"] - bins["observed"]).abs()).sum()
        assert error[code] == pytest.approx(distance / len(subset) if len(subset) else math.nan, nan_ok=True)


def _sample(rng: np.random.Generator, groups: int, size: int, clusters: int) -> dict[str, np.ndarray]:
    """Rows whose clusters and groups share part of their score and of their label."""
    group = np.repeat(np.arange(groups), size)
    cluster = rng.integers(0, clusters, len(group))
    level, tendency = rng.normal(0, 1, groups)[group], rng.normal(0, 1, clusters)[cluster]
    score = level + tendency + rng.normal(0, 1, len(group))
    label = level + 0.5 * tendency + rng.normal(0, 1.5, len(group)) > 1
    return {"group": group, "cluster": cluster, "score": np.round(score, 1), "label": label}


def _judged(sample: dict[str, np.ndarray], grouped: bool) -> tuple[Outcomes, Groups]:
    segments = Segments.of([np.arange(len(sample["label"]))], sample["cluster"])
    groups = Groups.of(segments, sample["group"] if grouped else None, np.zeros(len(sample["label"]), dtype=np.int64))
    return Outcomes.of(segments, groups, sample["label"]), groups


def test_with_one_group_errors_are_those_of_a_single_set() -> None:
    sample = _sample(np.random.default_rng(2), 20, 15, 150)
    outcomes, groups = _judged(sample, grouped=False)
    one, other = sample["score"], np.round(sample["score"] + np.random.default_rng(3).normal(0, 2, 300))
    first, second = (outcomes.concordance(Placed.of(groups, _ranks(score))) for score in (one, other))
    known = (one, sample["label"], sample["cluster"])
    assert first.value[0] == pytest.approx(metrics.roc_auc(*known[:2]))
    assert first.standard_error(small_groups=False)[0] == pytest.approx(metrics.clustered_auc_se(*known))
    assert first.standard_error(second)[0] == pytest.approx(metrics.clustered_auc_se(*known, other))
    # The pairs that would count twice are few among many.
    assert first.standard_error()[0] == pytest.approx(metrics.clustered_auc_se(*known), rel=0.02)
    assert np.isnan(first.standard_error(first)).all()
    segments, listed = outcomes.segments, (one > 1).astype(float)
    value, error = segments.ratio(segments.sums(listed * sample["label"]), segments.sums(listed))
    assert value[0] == pytest.approx(sample["label"][one > 1].mean())
    assert error[0] == pytest.approx(metrics.clustered_ratio_se(listed * sample["label"], listed, sample["cluster"]))


@pytest.mark.parametrize(("groups", "size"), [(12, 40), (240, 3)])
def test_errors_within_groups_are_those_of_repeated_samples(groups: int, size: int) -> None:
    rng = np.random.default_rng(groups)
    values, errors, larger = [], [], []
    for _ in range(400):
        outcomes, codes = _judged(sample := _sample(rng, groups, size, 300), grouped=True)
        found = outcomes.concordance(Placed.of(codes, _ranks(sample["score"])))
        values.append(found.value[0])
        errors.append(found.standard_error()[0])
        larger.append(found.standard_error(small_groups=False)[0])
    assert np.mean(errors) == pytest.approx(np.std(values), rel=0.1)
    # In groups of three, pairs that count twice would make the error a quarter too large.
    assert np.mean(larger) > np.mean(errors) * (1.2 if size == 3 else 1)


def test_a_segment_has_the_same_bits_whatever_stands_beside_it() -> None:
    rng = np.random.default_rng(7)
    sample = _sample(rng, 30, 20, 200)
    days, subset = rng.integers(0, 60, 600), np.flatnonzero(rng.random(600) < 0.4)

    def of(subsets: list[np.ndarray], at: int) -> list[float]:
        segments = Segments.of(subsets, sample["cluster"])
        rows = segments.rows
        groups = Groups.of(segments, sample["group"][rows], days[rows])
        outcomes = Outcomes.of(segments, groups, sample["label"][rows])
        placed = Placed.of(groups, _ranks(sample["score"])[rows])
        auc = outcomes.concordance(placed)
        earlier, _ = placed.reordered()
        ratio = segments.ratio(segments.sums(earlier * outcomes.positive), outcomes.sums)
        return [float(part[at]) for part in (auc.value, auc.standard_error(), *ratio)]

    assert of([subset], 0) == of([np.arange(600), subset[:50], subset], 2)
