import itertools
import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as sk

from food_inspections_dagster.errors import FoodInspectionsError
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
    auc = metrics.Ranked.of(score, label).auc()
    placements = np.empty(len(score))
    placements[auc.ranked.order] = auc.placements
    for i in range(len(score)):
        others = score[label != label[i]]
        won = (others < score[i]) if label[i] else (others > score[i])
        assert placements[i] == pytest.approx(np.mean(won + 0.5 * (others == score[i])))


def test_losses_are_those_of_scikit_learn() -> None:
    rng = np.random.default_rng(0)
    score, label = rng.random(200), rng.random(200) < 0.3
    assert metrics.brier_losses(score, label).mean() == pytest.approx(sk.brier_score_loss(label, score))
    assert metrics.log_losses(score, label).mean() == pytest.approx(sk.log_loss(label, score))
    assert np.isfinite(metrics.log_losses(np.array([0.0, 1.0]), np.array([1, 0]))).all()


@pytest.mark.parametrize("label", [[True, True], [False, False]])
def test_one_class_has_no_auc(label: list[bool]) -> None:
    score = np.array([0.1, 0.9])
    assert math.isnan(metrics.roc_auc(score, np.array(label)))
    assert math.isnan(metrics.clustered_auc_se(score, np.array(label), np.array([0, 1])))
    assert metrics.threshold_free(np.array([0.1, 0.9]), np.array(label))["roc_auc"] is None


def _delong(score: np.ndarray, label: np.ndarray) -> float:
    auc = metrics.Ranked.of(score, label).auc()
    one, zero = auc.placements[auc.ranked.label], auc.placements[~auc.ranked.label]
    return math.sqrt(one.var(ddof=1) / len(one) + zero.var(ddof=1) / len(zero))


def test_clustered_error_with_one_row_per_cluster_is_delongs() -> None:
    rng = np.random.default_rng(3)
    label = rng.random(400) < 0.3
    score = rng.normal(size=400) + label
    error = metrics.clustered_auc_se(score, label, np.arange(400))
    # Obuchowski's covariance term is zero here: no cluster has rows of both classes.
    assert error == pytest.approx(_delong(score, label), rel=1e-3)


def test_clustered_errors_agree_with_a_bootstrap_of_clusters() -> None:
    rng = np.random.default_rng(7)
    clusters, size = 150, 4
    cluster = np.repeat(np.arange(clusters), size)
    bad = np.repeat(rng.normal(size=clusters), size)
    label = rng.random(len(cluster)) < 1 / (1 + np.exp(1 - 3 * bad))
    score, other = bad + rng.normal(0, 0.3, len(cluster)), bad + rng.normal(0, 2.0, len(cluster))
    members = cluster.reshape(clusters, size).argsort(axis=None).reshape(clusters, size)
    draws, hits = [], []
    top = (score > np.quantile(score, 0.75)).astype(float)
    for _ in range(600):
        pick = members[rng.integers(0, clusters, clusters)].ravel()
        a, b = metrics.roc_auc(score[pick], label[pick]), metrics.roc_auc(other[pick], label[pick])
        draws.append((a, a - b))
        hits.append((top[pick] * label[pick]).sum() / top[pick].sum())
    auc_sd, difference_sd = np.std(draws, axis=0)
    assert metrics.clustered_auc_se(score, label, cluster) == pytest.approx(auc_sd, rel=0.12)
    assert metrics.clustered_auc_se(score, label, cluster, other) == pytest.approx(difference_sd, rel=0.12)
    assert metrics.clustered_ratio_se(top * label, top, cluster) == pytest.approx(np.std(hits), rel=0.12)
    # And clustering matters: rows of a cluster taken as independent would look surer than they are.
    assert metrics.clustered_auc_se(score, label, np.arange(len(label))) < 0.9 * auc_sd


def test_difference_to_itself_has_no_error() -> None:
    rng = np.random.default_rng(1)
    score, label = rng.random(50), rng.random(50) < 0.5
    assert metrics.clustered_auc_se(score, label, np.arange(50) // 2, score) == 0


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


def test_an_estimate_has_one_of_three_states() -> None:
    assert metrics.Estimate.of(math.nan, 0.1, 0.95) == metrics.Estimate(None)
    alone = metrics.Estimate.of(0.5, math.nan, 0.95)
    assert (alone.value, alone.standard_error, alone.interval) == (0.5, None, None)
    whole = metrics.Estimate.of(0.5, 0.1, 0.95)
    assert whole.interval == (whole.low, whole.high) == (pytest.approx(0.304, abs=1e-3), pytest.approx(0.696, abs=1e-3))
    for half in ((0.5, 0.1, None, None), (0.5, None, 0.4, 0.6), (None, 0.1, 0.4, 0.6), (0.5, 0.1, 0.4, None)):
        with pytest.raises(FoodInspectionsError, match="is no estimate"):
            metrics.Estimate(*half)


def test_ratio_interval_is_the_log_interval_where_counts_are_large() -> None:
    share, rows, base, base_rows = 0.3, 40_000, 0.2, 60_000
    low, high = metrics.ratio_interval(np.array([share]), np.array([rows]), np.array([base]), np.array([base_rows]))
    reach = np.exp(1.96 * np.sqrt((1 - share) / (share * rows) + (1 - base) / (base * base_rows)))
    assert low[0] == pytest.approx(share / base / reach, rel=1e-3)
    assert high[0] == pytest.approx(share / base * reach, rel=1e-3)


@pytest.mark.parametrize(
    ("hits", "rows", "base_hits", "base_rows"), [(1, 60, 24, 50), (2, 40, 20, 60), (30, 40, 6, 40)]
)
def test_ratio_interval_covers_as_often_as_it_says(hits: int, rows: int, base_hits: int, base_rows: int) -> None:
    """With shares so small that the one observed is often 0."""
    rng = np.random.default_rng(5)
    share, base = hits / rows, base_hits / base_rows
    one, two = rng.binomial(rows, share, 20_000) / rows, rng.binomial(base_rows, base, 20_000) / base_rows
    low, high = metrics.ratio_interval(one, np.full(20_000, rows), two, np.full(20_000, base_rows))
    covered = (low <= share / base) & (share / base <= high)
    assert 0.93 < covered.mean() < 0.995


def test_ratio_interval_at_zero() -> None:
    shares, rows = np.array([0.0, 0.0, 0.5, np.nan]), np.array([463.0, 463.0, 300.0, np.nan])
    base, base_rows = np.array([0.48, 0.0, 0.0, 0.48]), np.array([4_000.0, 300.0, 300.0, 4_000.0])
    low, high = metrics.ratio_interval(shares, rows, base, base_rows)
    assert low[0] == 0 and 0.01 < high[0] < 0.03
    assert np.isnan(low[1:]).all() and np.isnan(high[1:]).all()


@given(scored(least=4, most=40, values=8), st.integers(1, 6))
def test_a_ranking_that_is_known_gives_the_same_numbers(data: tuple[np.ndarray, np.ndarray], seed: int) -> None:
    """Filtered from a longer order, as windows do; ties in another order."""
    score, label = data
    rng = np.random.default_rng(seed)
    order = np.lexsort((rng.permutation(len(score)), score))
    cluster = rng.integers(0, 5, len(score))
    one, two = metrics.Ranked.of(score, label), metrics.Ranked.of(score, label, order)
    clusters = metrics.Clusters(cluster, label)
    assert one.auc().value == two.auc().value and one.average_precision() == two.average_precision()
    for a, b in zip(clusters.placements(one.auc()), clusters.placements(two.auc()), strict=True):
        assert a.tobytes() == b.tobytes()
    for name, column in one.deciles().items():
        assert column.tobytes() == two.deciles()[name].tobytes()


def test_hits_by_week_add_up_to_those_of_a_window() -> None:
    rng = np.random.default_rng(4)
    starts, sizes = np.array([0, 30, 37, 80]), [30, 7, 43, 20]
    score, label = rng.integers(0, 9, 100) / 9, rng.random(100) < 0.3
    listed = metrics.list_probability(score, starts, 0.25)
    weekly = metrics.WeeklyHits(listed, label, starts)
    for first, last in [(0, 4), (1, 3), (2, 3)]:
        rows = slice(starts[first], starts[first] + sum(sizes[first:last]))
        window = metrics.top_k(listed[rows], label[rows], starts[first:last] - starts[first])
        assert weekly.total(slice(first, last)) == window
    assert weekly.total(slice(2, 2)).k == 0 and math.isnan(weekly.total(slice(2, 2)).precision)


def _in_windows(
    weeks: int = 30, length: int = 7, seed: int = 8
) -> tuple[np.ndarray, np.ndarray, dict[str, np.ndarray]]:
    rng = np.random.default_rng(seed)
    week = np.sort(rng.choice(np.delete(np.arange(weeks), [11, 12]), 400))
    columns = {"loss": rng.random(400), "listed": rng.random(400) < 0.3, "same": np.full(400, 0.1), "one": np.ones(400)}
    return week, rng.integers(0, 90, 400), {name: values.astype(float) for name, values in columns.items()}


def test_running_ratios_are_those_of_each_window() -> None:
    week, cluster, columns = _in_windows()
    ratios = [("loss", "one"), ("loss", "listed"), ("same", "one")]
    running = metrics.RunningRatios(week, cluster, 7, columns, ratios)
    assert running.windows == 30 + 6
    for window in range(running.windows):
        rows = (week > window - 7) & (week <= window)
        for over, under in ratios:
            value, error = running.at(window, over, under)
            assert value == pytest.approx(columns[over][rows].sum() / columns[under][rows].sum(), rel=1e-13)
            # Where nothing varies the sums cancel: the caller is told to look at the rows.
            expected = metrics.clustered_ratio_se(columns[over][rows], columns[under][rows], cluster[rows])
            assert math.isnan(error) if over == "same" else error == pytest.approx(expected, rel=1e-11)


def test_a_running_ratio_depends_on_the_rows_of_its_window_only() -> None:
    week, cluster, columns = _in_windows()
    whole = metrics.RunningRatios(week, cluster, 7, columns, [("loss", "listed")])
    for window in range(6, 30):
        rows = (week > window - 7) & (week <= window)
        alone = {name: values[rows] for name, values in columns.items()}
        one = metrics.RunningRatios(week[rows] - week[rows].min(), cluster[rows], 7, alone, [("loss", "listed")])
        assert one.at(window - int(week[rows].min()), "loss", "listed") == whole.at(window, "loss", "listed")


def test_windows_without_two_rows_of_a_cluster_have_ratios() -> None:
    """A history of a few weeks has windows of no rows, and establishments that were seen once."""
    week, cluster = np.array([3, 3, 5]), np.array([0, 1, 2])
    columns = {"hits": np.array([1.0, 0.0, 1.0]), "rows": np.ones(3)}
    running = metrics.RunningRatios(week, cluster, 2, columns, [("hits", "rows")])
    assert running.at(3, "hits", "rows")[0] == 0.5
    assert math.isnan(running.at(0, "hits", "rows")[0])


def test_keys_are_counted_once_in_each_window() -> None:
    week, cluster, _ = _in_windows()
    kind = cluster % 3
    counts = metrics.count_keys(cluster, week, 7, kind, (36, 3))
    for window in range(36):
        rows = (week > window - 7) & (week <= window)
        assert counts[window].tolist() == [len(np.unique(cluster[rows & (kind == k)])) for k in range(3)]
