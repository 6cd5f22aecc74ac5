import numpy as np
import pytest
from sklearn.feature_selection import SelectKBest, f_classif

from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import Inputs, nearest_neighbours
from food_inspections_dagster.modeling.algorithms.nearest_neighbours import ALGORITHM, BestColumns, GridNeighbours
from food_inspections_dagster.modeling.rules import AlgorithmSpec


def _exact(grid: GridNeighbours, queries: np.ndarray) -> np.ndarray:
    """Shares by whole numbers, one query at a time."""
    points, k = grid.points_.astype(np.int64), grid.n_neighbors
    positive = np.arange(len(points)) < grid.positives_
    shares = []
    for query in grid._on_grid(queries).astype(np.int64):
        distance = np.square(points - query).sum(axis=1)
        farthest = np.sort(distance)[k - 1]
        inside, edge = distance < farthest, distance == farthest
        left = k - inside.sum()
        shares.append((positive[inside].sum() + left * positive[edge].sum() / edge.sum()) / k)
    return np.array(shares)


@pytest.mark.parametrize(("points", "dimensions", "k"), [(3000, 8, 250), (400, 3, 80), (50, 20, 1), (20, 1, 4)])
def test_shares_are_exact_also_at_ties(points: int, dimensions: int, k: int) -> None:
    rng = np.random.default_rng(dimensions)
    X = np.round(rng.normal(size=(points, dimensions)), 1)  # many at the same place
    X[0] *= 40
    label = (rng.random(points) < 0.3).astype(np.int8)
    grid = GridNeighbours(k).fit(X, label)
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


def test_the_best_columns_are_those_of_the_f_statistic() -> None:
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 30)).astype(np.float32)
    y = (X[:, :5].sum(axis=1) + rng.normal(0, 4, 3000) > 2).astype(np.int8)
    scaled = (X - X.mean(axis=0)) / X.std(axis=0)
    expected = SelectKBest(f_classif, k=8).fit(scaled, y).get_support(indices=True)
    assert BestColumns(8).fit(scaled, y).columns_.tolist() == expected.tolist()


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
