import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from food_inspections_dagster.modeling import metrics


@st.composite
def scored(draw: st.DrawFn, least: int = 2, most: int = 40, values: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Scores with many ties, and labels of both classes."""
    n = draw(st.integers(least, most))
    score = np.array(draw(st.lists(st.integers(0, values), min_size=n, max_size=n))) / values
    label = np.array(draw(st.lists(st.booleans(), min_size=n, max_size=n)))
    label[0], label[1] = True, False
    return score, label


@given(scored())
def test_auc_and_average_precision_are_those_of_scikit_learn(data: tuple[np.ndarray, np.ndarray]) -> None:
    score, label = data
    assert metrics.roc_auc(score, label) == pytest.approx(sk.roc_auc_score(label, score))
    assert metrics.average_precision(score, label) == pytest.approx(sk.average_precision_score(label, score))


@given(scored())
def test_placements_are_shares_of_pairs(data: tuple[np.ndarray, np.ndarray]) -> None:
    score, label = data
    found = metrics.auc_parts(score, label).placements
    for i in range(len(score)):
        others = score[label != label[i]]
        won = (others < score[i]) if label[i] else (others > score[i])
        assert found[i] == pytest.approx(np.mean(won + 0.5 * (others == score[i])))


def test_losses_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    score, label = rng.random(200), rng.random(200) < 0.3
    assert metrics.brier_losses(score, label).mean() == pytest.approx(sk.brier_score_loss(label, score))
    assert metrics.log_losses(score, label).mean() == pytest.approx(sk.log_loss(label, score))
    assert np.isfinite(metrics.log_losses(np.array([0.0, 1.0]), np.array([1, 0]))).all()


@pytest.mark.parametrize("label", [[True, True], [False, False]])
def test_one_class_has_no_auc(label: list[bool]) -> None:
    parts = metrics.auc_parts(np.array([0.1, 0.9]), np.array(label))
    assert math.isnan(parts.auc)
    assert math.isnan(metrics.clustered_auc_se(parts, np.array([0, 1])))
    assert metrics.threshold_free(np.array([0.1, 0.9]), np.array(label))["roc_auc"] is None


def _delong(score: np.ndarray, label: np.ndarray) -> float:
    parts = metrics.auc_parts(score, label)
    one, zero = parts.placements[label], parts.placements[~label]
    return math.sqrt(one.var(ddof=1) / len(one) + zero.var(ddof=1) / len(zero))


def test_clustered_error_with_one_row_per_cluster_is_delongs() -> None:
    rng = np.random.default_rng(3)
    label = rng.random(400) < 0.3
    score = rng.normal(size=400) + label
    found = metrics.clustered_auc_se(metrics.auc_parts(score, label), np.arange(400))
    # Obuchowski's covariance term is zero here: no cluster has rows of both classes.
    assert found == pytest.approx(_delong(score, label), rel=1e-3)


def test_clustered_errors_agree_with_a_bootstrap_of_clusters() -> None:
    rng = np.random.default_rng(7)
    clusters, size = 150, 4
    cluster = np.repeat(np.arange(clusters), size)
    bad = np.repeat(rng.normal(size=clusters), size)
    label = rng.random(len(cluster)) < 1 / (1 + np.exp(1 - 3 * bad))
    score, other = bad + rng.normal(0, 0.3, len(cluster)), bad + rng.normal(0, 2.0, len(cluster))
    first, second = metrics.auc_parts(score, label), metrics.auc_parts(other, label)
    members = cluster.reshape(clusters, size).argsort(axis=None).reshape(clusters, size)
    draws, hits = [], []
    top = (score > np.quantile(score, 0.75)).astype(float)
    for _ in range(600):
        pick = members[rng.integers(0, clusters, clusters)].ravel()
        a, b = metrics.roc_auc(score[pick], label[pick]), metrics.roc_auc(other[pick], label[pick])
        draws.append((a, a - b))
        hits.append((top[pick] * label[pick]).sum() / top[pick].sum())
    auc_sd, difference_sd = np.std(draws, axis=0)
    assert metrics.clustered_auc_se(first, cluster) == pytest.approx(auc_sd, rel=0.12)
    assert metrics.clustered_auc_se(first, cluster, second) == pytest.approx(difference_sd, rel=0.12)
    assert metrics.clustered_ratio_se(top * label, top, cluster) == pytest.approx(np.std(hits), rel=0.12)
    # And clustering matters: rows of a cluster taken as independent would look surer than they are.
    assert metrics.clustered_auc_se(first, np.arange(len(label))) < 0.9 * auc_sd


def test_difference_to_itself_has_no_error() -> None:
    rng = np.random.default_rng(1)
    parts = metrics.auc_parts(rng.random(50), rng.random(50) < 0.5)
    assert metrics.clustered_auc_se(parts, np.arange(50) // 2, parts) == 0


def _orders(score: np.ndarray) -> list[list[int]]:
    """All orders by falling score that ties allow."""
    groups = [np.flatnonzero(score == value) for value in sorted(set(score), reverse=True)]
    return [
        [int(i) for part in parts for i in part]
        for parts in itertools.product(*(itertools.permutations(g) for g in groups))
    ]


@settings(max_examples=30)
@given(scored(least=4, most=6, values=2), st.sampled_from([0.2, 0.5, 0.75, 1.0]))
def test_top_k_is_the_mean_worst_and_best_of_all_orders_of_ties(
    data: tuple[np.ndarray, np.ndarray], share: float
) -> None:
    score, label = data
    k = math.ceil(share * len(score))
    hits = [label[order[:k]].sum() for order in _orders(score)]
    starts = np.array([0])
    found = metrics.top_k(metrics.list_probability(score, starts, share), label, starts)
    assert (found.k, found.labelled, found.positives) == (k, len(label), label.sum())
    assert found.precision == pytest.approx(np.mean(hits) / k)
    assert found.precision_worst == pytest.approx(min(hits) / k)
    assert found.precision_best == pytest.approx(max(hits) / k)
    assert found.recall_worst <= found.recall <= found.recall_best


def test_top_k_pools_lists_of_several_weeks() -> None:
    score = np.array([0.9, 0.8, 0.1, 0.1, 0.7, 0.6])
    label = np.array([1, 0, 1, 0, 0, 1], dtype=bool)
    starts = np.array([0, 4])
    listed = metrics.list_probability(score, starts, 0.5)
    assert listed.tolist() == [1, 1, 0, 0, 1, 0]
    found = metrics.top_k(listed, label, starts)
    assert (found.k, found.precision, found.recall) == (3, pytest.approx(1 / 3), pytest.approx(1 / 3))


@pytest.mark.parametrize(("rows", "share", "k"), [(100, 0.07, 7), (10, 0.25, 3), (1, 0.25, 1), (8, 0.25, 2)])
def test_capacity_rounds_up_but_not_by_a_rounding_error(rows: int, share: float, k: int) -> None:
    assert metrics.capacity(np.array([rows]), share)[0] == k


def test_days_earlier_by_hand() -> None:
    # Days 0, 0, 10, 20; the failures were found on days 10 and 20, the score puts them first and third.
    score = np.array([0.2, 0.1, 0.9, 0.15])
    days = np.array([0, 0, 10, 20])
    label = np.array([0, 0, 1, 1], dtype=bool)
    found = metrics.reorder(score, days, np.zeros(4, dtype=int))
    # Order by score: rows 2, 0, 3, 1 on days 0, 0, 10, 20.
    assert found.days_earlier.tolist() == [0, -20, 10, 10]
    # After the first day two of four are made: that is no fewer than half, so no day lies in the first half.
    assert found.first_half.tolist() == [0, 0, 0, 0]
    assert found.days_earlier[label].mean() == 10


def test_first_half_by_hand_and_only_within_periods() -> None:
    score = np.array([0.1, 0.2, 0.3, 0.4, 0.9])
    days = np.array([1, 2, 3, 4, 100])
    found = metrics.reorder(score, days, np.array([0, 0, 0, 0, 1]))
    assert found.days_earlier.tolist() == [-3, -1, 1, 3, 0]
    assert found.first_half.tolist() == [1, 0, 0, 0, 0]
    assert found.first_half_simulated.tolist() == [0, 0, 0, 1, 0]


@settings(max_examples=30)
@given(scored(least=4, most=6, values=2), st.lists(st.integers(0, 3), min_size=6, max_size=6))
def test_reordering_is_the_mean_over_all_orders_of_ties(data: tuple[np.ndarray, np.ndarray], dates: list[int]) -> None:
    score, _ = data
    days = np.array(dates[: len(score)])
    slots = np.sort(days)
    early = np.array([(days <= day).sum() < len(days) / 2 for day in slots], dtype=float)
    earlier, first = np.zeros(len(score)), np.zeros(len(score))
    orders = _orders(score)
    for order in orders:
        earlier[order] += days[order] - slots
        first[order] += early
    found = metrics.reorder(score, days, np.zeros(len(score), dtype=int))
    assert found.days_earlier == pytest.approx(earlier / len(orders))
    assert found.first_half_simulated == pytest.approx(first / len(orders))
    assert found.first_half.sum() == pytest.approx(early.sum())


def test_order_of_rows_changes_nothing() -> None:
    rng = np.random.default_rng(5)
    score, label, days = rng.integers(0, 9, 300) / 9, rng.random(300) < 0.3, rng.integers(0, 60, 300)
    period, shuffled = days // 20, rng.permutation(300)
    one = metrics.reorder(score, days, period)
    two = metrics.reorder(score[shuffled], days[shuffled], period[shuffled])
    assert np.array_equal(one.days_earlier[shuffled], two.days_earlier)
    pd.testing.assert_frame_equal(
        metrics.calibration(score, label), metrics.calibration(score[shuffled], label[shuffled])
    )


def test_calibration_counts_every_row_once_and_keeps_ties_together() -> None:
    score = np.repeat([0.1, 0.2, 0.6], [500, 300, 200])
    label = np.r_[
        np.repeat([True, False], [50, 450]),
        np.repeat([True, False], [60, 240]),
        np.repeat([True, False], [120, 80]),
    ]
    found = metrics.calibration(score, label)
    assert found["rows"].tolist() == [500, 300, 200]
    assert found["predicted"].tolist() == pytest.approx([0.1, 0.2, 0.6])
    assert found["observed"].tolist() == pytest.approx([0.1, 0.2, 0.6])
    assert (found["observed_low"] < found["observed"]).all() and (found["observed"] < found["observed_high"]).all()
    assert len(metrics.calibration(np.empty(0), np.empty(0, dtype=bool))) == 0


def test_calibration_makes_deciles() -> None:
    found = metrics.calibration(np.arange(1000) / 1000, np.arange(1000) % 2 == 0)
    assert found["rows"].tolist() == [100] * 10
    assert found["bin"].tolist() == list(range(1, 11))


def test_wilson_by_hand() -> None:
    # Wilson 1927 for 10 of 40, 95 %: 0.1419 to 0.4019.
    low, high = metrics.wilson(np.array([0.25]), np.array([40.0]))
    assert (low[0], high[0]) == (pytest.approx(0.1419, abs=1e-4), pytest.approx(0.4019, abs=1e-4))
    low, high = metrics.wilson(np.array([0.0, 1.0]), np.array([20.0, 20.0]))
    assert low[0] == 0 and high[1] == 1 and high[0] > 0.1 and low[1] < 0.9


def test_estimate_is_cut_at_its_bounds_and_admits_what_is_undefined() -> None:
    assert metrics.Estimate.of(0.99, 0.1, 0.95, (0, 1)).high == 1
    assert metrics.Estimate.of(math.nan, 0.1, 0.95).value is None
    assert metrics.Estimate.of(0.5, math.nan, 0.95).low is None
