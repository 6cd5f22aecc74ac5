import numpy as np
import pytest

from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import Inputs, nearest_neighbours
from food_inspections_dagster.modeling.algorithms.nearest_neighbours import ALGORITHM, GridNeighbours
from food_inspections_dagster.modeling.rules import AlgorithmSpec


def _exact(grid: GridNeighbours, queries: np.ndarray) -> np.ndarray:
    """Shares by whole numbers, one query at a time."""
    points, k = grid.points_.astype(np.int64), grid.n_neighbors
    targets = grid.targets_.astype(np.int64)
    shares = []
    for query in grid._on_grid(queries).astype(np.int64):
        distance = np.square(points - query).sum(axis=1)
        farthest = np.sort(distance)[k - 1]
        inside, edge = distance < farthest, distance == farthest
        left = k - inside.sum()
        total = targets[inside].sum() + left * targets[edge].sum() / edge.sum()
        shares.append(total / (k * grid.denominator_))
    return np.array(shares)


@pytest.mark.parametrize(
    ("points", "dimensions", "k", "parts"), [(3000, 8, 250, 1), (400, 3, 80, 4), (50, 20, 1, 1), (20, 1, 4, 7)]
)
def test_shares_are_exact_also_at_ties(points: int, dimensions: int, k: int, parts: int) -> None:
    rng = np.random.default_rng(dimensions)
    X = np.round(rng.normal(size=(points, dimensions)), 1)  # many at the same place
    X[0] *= 40
    label = rng.integers(0, parts + 1, points) / np.float32(parts)
    grid = GridNeighbours(k).fit(X, label)
    assert grid.denominator_ == parts
    queries = np.vstack([rng.normal(size=(70, dimensions)), X[:10], np.full((1, dimensions), 1e9)])
    assert np.array_equal(grid.share(queries), _exact(grid, queries))
    # The order of the training rows decides nothing.
    order = rng.permutation(points)
    assert np.array_equal(GridNeighbours(k).fit(X[order], label[order]).share(queries), grid.share(queries))


def test_no_sum_leaves_the_whole_numbers_of_float32() -> None:
    for dimensions in range(1, 60):
        bound = GridNeighbours._bound(dimensions)
        assert 3 * dimensions * bound**2 <= 2**24 and bound > 300


def test_shares_do_not_depend_on_the_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    grid = GridNeighbours(100).fit(rng.normal(size=(2000, 8)), (rng.random(2000) < 0.2).astype(np.int8))
    queries = rng.normal(size=(150, 8))
    shares = []
    for rows in (1, 7, 32, 150):
        monkeypatch.setattr(nearest_neighbours, "BLOCK_ROWS", rows)
        shares.append(grid.share(queries).tobytes())
    assert len(set(shares)) == 1


def test_rows_whose_neighbours_the_sample_misses_are_found_too() -> None:
    # The sample (every sixteenth) lies near the query, all others far: it makes the reach too short.
    X = np.where(np.arange(1600)[:, None] % 16 == 0, 0.0, 100.0) + np.random.default_rng(0).normal(size=(1600, 2))
    label = (np.arange(1600) % 3 == 0).astype(np.int8)
    grid = GridNeighbours(300).fit(X, label)
    grid.points_ = grid._on_grid(X)  # in this order
    queries = np.zeros((3, 2))
    assert np.array_equal(grid.share(queries), _exact(grid, queries))


def test_a_target_that_is_no_small_fraction_is_rounded() -> None:
    X = np.random.default_rng(0).normal(size=(300, 2))
    target = np.random.default_rng(1).random(300).astype(np.float32)
    grid = GridNeighbours(20).fit(X, target)
    assert grid.denominator_ == nearest_neighbours.MAX_DENOMINATOR
    assert grid.targets_ / grid.denominator_ == pytest.approx(target, abs=0.0005)


def test_one_search_serves_all_targets_and_only_the_same_points(
    specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray, monkeypatch: pytest.MonkeyPatch
) -> None:
    other = np.random.default_rng(0).random(3600) < 0.3
    design, fits = algorithms.fit_many(specs["knn"], inputs, np.array([label, other]))
    searches = []
    shares = GridNeighbours.shares
    monkeypatch.setattr(
        GridNeighbours, "shares", lambda self, X, voters: searches.append(len(voters)) or shares(self, X, voters)
    )
    loaded = [ALGORITHM.load(ALGORITHM.dump(fitted)) for fitted in fits]
    together = ALGORITHM.predict_many(loaded, design, inputs)
    assert searches == [2]
    _, alone = algorithms.fit(specs["knn"], inputs.take(slice(0, 3000)), label[:3000])
    apart = ALGORITHM.predict_many([fits[0], alone], design, inputs)
    assert searches == [2, 1, 1]
    assert np.array_equal(together[0], apart[0]) and not np.array_equal(apart[0], apart[1])


def test_weights_of_classes_keep_the_rank(specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray) -> None:
    weighted = AlgorithmSpec("knn", "knn", {**specs["knn"].parameters, "balance": "class_weight"})
    design, fitted = algorithms.fit(specs["knn"], inputs, label)
    plain = ALGORITHM.predict(fitted, design, inputs)
    score = ALGORITHM.predict(algorithms.fit(weighted, inputs, label)[1], design, inputs)
    odds = label.mean() / (1 - label.mean())
    inside = plain < 1
    assert score[inside] == pytest.approx((plain / (plain + odds * (1 - plain)))[inside])
    assert score.mean() > plain.mean() + 0.1


def test_contributions_are_the_change_by_substitution(
    specs: dict[str, AlgorithmSpec], inputs: Inputs, label: np.ndarray
) -> None:
    design, fitted = algorithms.fit(specs["knn"], inputs, label)
    some = inputs.take(slice(0, 50))
    terms = ALGORITHM.contributions(fitted, design, some)
    numeric = some.numeric.copy()
    numeric[:, 0] = np.median(inputs.numeric[:, 0])
    changed = Inputs(some.features, numeric, some.codes, some.vocabularies)
    k = specs["knn"].parameters["n_neighbors"]

    def log_odds(share: np.ndarray) -> np.ndarray:
        return np.log((share * k + 0.5) / (k - share * k + 0.5))  # type: ignore[operator]

    expected = log_odds(ALGORITHM.predict(fitted, design, some)) - log_odds(ALGORITHM.predict(fitted, design, changed))
    assert terms[:, 0] == pytest.approx(expected)
    assert np.abs(terms[:, 0]).max() > 0.1
    assert not terms[:, [name for name, _ in inputs.features].index("constant")].any()
