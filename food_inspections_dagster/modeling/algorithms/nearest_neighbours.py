"""Nearest neighbours, as blocked matrix products in float32.

Components are rounded to a grid of whole numbers, so small that every product and sum of a squared distance is a
whole number below 2**24, which float32 holds exactly. So the distances are the same in whatever order BLAS adds,
with whatever other rows, on whatever machine; and the grid is finer than what the components tell apart.
"""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline

from food_inspections_dagster.modeling.algorithms import skops_files
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.algorithms.protocol import Algorithm
from food_inspections_dagster.modeling.algorithms.scaling import Scaling
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread

#: Rows asked at once: so that their distances (rows x 22,000 x 4 bytes) stay in the processor's cache.
BLOCK_ROWS = 32
#: One training row in so many tells how far the k nearest reach, so that only those within it are compared.
SAMPLE_EVERY = 16


class BestColumns(BaseEstimator):
    """The columns that tell the label best, by the F statistic.

    Over columns of mean 0 and deviation 1 its order is that of how far the mean of the rows with the label lies from
    0, which is one product instead of scikit-learn's several copies of the matrix.

    Attributes after fit:
        columns_: positions, ascending.
    """

    def __init__(self, count: int = 20):
        self.count = count

    def fit(self, X: np.ndarray, y: np.ndarray) -> "BestColumns":
        """Choose among the columns of ``X``, float32; the first wins a tie."""
        distance = np.abs(y.astype(np.float32) @ X)
        self.columns_ = np.sort(np.argsort(-distance, kind="stable")[: self.count])
        return self


class GridNeighbours(BaseEstimator):
    """Training points on a grid, and the share of the label among the nearest of them.

    Points at the distance of the k-th nearest share the places that the nearer ones leave, each with the same
    weight: so the order of the training rows decides nothing.

    Args:
        n_neighbors: k.

    Attributes after fit:
        step_: length of a grid cell.
        points_: int16 (points, dimensions); those whose label is 1 come first.
        positives_: how many have the label 1.
    """

    def __init__(self, n_neighbors: int = 250):
        self.n_neighbors = n_neighbors

    def fit(self, X: np.ndarray, y: np.ndarray) -> "GridNeighbours":
        """Round float64 (points, dimensions) to the grid; ``y`` is 0 or 1."""
        bound = self._bound(X.shape[1])
        self.step_ = float(np.abs(X).max() / bound) or 1.0
        order = np.argsort(1 - y, kind="stable")
        self.points_ = self._on_grid(X[order])
        self.positives_ = int(y.sum())
        return self

    def share(self, X: np.ndarray) -> np.ndarray:
        """Return the share of the label among the k nearest, float64 (rows,)."""
        # Of |a - b|^2 the part |a|^2 is the same for all points and is left out.
        points = self.points_.astype(np.float32)
        sides = np.vstack([-2 * points.T, np.square(points).sum(axis=1)])
        rows = np.column_stack([self._on_grid(X), np.ones(len(X))]).astype(np.float32)
        shares = np.empty(len(X))
        with one_blas_thread():
            for start in range(0, len(X), BLOCK_ROWS):
                block = slice(start, start + BLOCK_ROWS)
                shares[block] = self._vote(rows[block] @ sides)
        return shares

    @staticmethod
    def _bound(dimensions: int) -> int:
        """Return the greatest coordinate for which |b|^2 - 2ab and its parts stay below 2**24."""
        return int(np.sqrt(2**24 / (3 * dimensions)))

    def _on_grid(self, X: np.ndarray) -> np.ndarray:
        bound = self._bound(X.shape[1])
        return np.clip(np.rint(X / self.step_), -bound, bound).astype(np.int16)

    def _vote(self, distances: np.ndarray) -> np.ndarray:
        """Return shares from distances (rows, points): of those within reach, the k nearest."""
        k = self.n_neighbors
        rows, points = distances.shape
        sample = distances[:, ::SAMPLE_EVERY]
        # Of k points k/16 lie in the sample, give or take their square root: twice that and four more suffice.
        rank = 2 * k // SAMPLE_EVERY + 4
        if rank < sample.shape[1]:
            reach = np.partition(sample, rank, axis=1)[:, rank]
        else:
            reach = np.full(rows, np.inf, dtype=np.float32)
        flat, ends = _true_positions(distances <= reach[:, None])
        counts = np.diff(ends, prepend=0)
        if (counts < k).any():
            reach[counts < k] = np.inf
            flat, ends = _true_positions(distances <= reach[:, None])
            counts = np.diff(ends, prepend=0)
        row = np.repeat(np.arange(rows), counts)
        place = np.arange(len(flat)) - np.repeat(ends - counts, counts)
        near = np.full((rows, int(counts.max())), np.inf, dtype=np.float32)
        near[row, place] = distances.ravel()[flat]
        positive = np.zeros(near.shape, dtype=bool)
        positive[row, place] = flat - row * points < self.positives_
        farthest = np.partition(near, k - 1, axis=1)[:, k - 1 : k]
        inside, edge = near < farthest, near == farthest
        left = k - inside.sum(axis=1)
        return ((inside & positive).sum(axis=1) + left * (edge & positive).sum(axis=1) / edge.sum(axis=1)) / k


class NearestNeighbours(Algorithm):
    """The share of the label among the k nearest training rows, by components of the best columns."""

    name: ClassVar[str] = "knn"
    description: ClassVar[str] = "Nearest neighbours."
    kind: ClassVar[str] = "scikitlearn"
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn", "scipy", "skops")
    file: ClassVar[str] = "model.skops"
    # A row's reasons cost a prediction for each of the columns used: 1 ms.
    explained_ranks: ClassVar[int | None] = 1_000
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"n_neighbors": 250, "selected_columns": 20, "components": 8, "clip_quantile": 0.005}
    )

    def fit(
        self, parameters: Mapping[str, Any], seed: int, design: Design, inputs: Inputs, label: np.ndarray
    ) -> Pipeline:
        """Fit; k is capped at a fifth of the training rows, components at the columns there are."""
        scaling = Scaling(parameters["clip_quantile"])
        scaled = scaling.fit_transform(design.matrix(inputs))
        select = BestColumns(parameters["selected_columns"]).fit(scaled, label)
        chosen = scaled[:, select.columns_]
        components = PCA(min(parameters["components"], chosen.shape[1]), svd_solver="covariance_eigh").fit(chosen)
        neighbours = GridNeighbours(max(1, min(parameters["n_neighbors"], len(label) // 5)))
        neighbours.fit(_project(components, chosen), label)
        return Pipeline(
            [("scale", scaling), ("select", select), ("components", components), ("neighbours", neighbours)]
        )

    def predict(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return probabilities."""
        used = self._used(fitted)
        return self._predict(fitted, used, design.matrix(inputs, used))

    def contributions(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return the log-odds minus those of the same row with one column at its training median.

        One prediction for each row and column used.
        """
        k = fitted["neighbours"].n_neighbors
        used = self._used(fitted)
        matrix = design.matrix(inputs, used)
        median = fitted["scale"].median_[used].astype(np.float32)
        row, column = np.nonzero(~(matrix == median))
        substituted = matrix[row]
        substituted[np.arange(len(row)), column] = median[column]
        terms = np.zeros((len(inputs), len(design.owners)))
        actual = _log_odds(self._predict(fitted, used, matrix), k)
        terms[row, used[column]] = actual[row] - _log_odds(self._predict(fitted, used, substituted), k)
        return terms

    def dump(self, fitted: Pipeline) -> bytes:
        """Return a skops file."""
        return skops_files.dump(fitted)

    def load(self, data: bytes) -> Pipeline:
        """Read a skops file."""
        return skops_files.load(data, (Scaling, BestColumns, GridNeighbours))

    def _used(self, fitted: Pipeline) -> np.ndarray:
        """Return the columns of the design that the neighbours are told apart by, ascending."""
        return np.unique(fitted["scale"].origin_[fitted["select"].columns_])

    def _predict(self, fitted: Pipeline, used: np.ndarray, matrix: np.ndarray) -> np.ndarray:
        """Return probabilities from the columns ``used`` of the design."""
        scaled = fitted["scale"].transform(matrix, fitted["select"].columns_, used)
        return np.asarray(fitted["neighbours"].share(_project(fitted["components"], scaled)))


def _true_positions(mask: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return the flat positions that are true, and for each row how many there are up to its end."""
    flat = np.flatnonzero(mask)
    return flat, np.searchsorted(flat, np.arange(1, len(mask) + 1) * mask.shape[1])


def _project(components: PCA, scaled: np.ndarray) -> np.ndarray:
    """Return components, float64 (rows, components), added column by column: see ``linear.predict``."""
    projected = np.zeros((len(scaled), len(components.components_)))
    for column, mean, weights in zip(scaled.T, components.mean_, components.components_.T, strict=True):
        projected += (column.astype(np.float64) - mean)[:, None] * weights.astype(np.float64)
    return projected


def _log_odds(share: np.ndarray, k: int) -> np.ndarray:
    return np.log((share * k + 0.5) / (k - share * k + 0.5))


ALGORITHM = NearestNeighbours()
