"""Nearest neighbours, as blocked matrix products in float32.

Components are rounded to a grid of whole numbers, so small that every product and sum of a squared distance is a
whole number below 2**24, which float32 holds exactly. So the distances are the same in whatever order BLAS adds,
with whatever other rows, on whatever machine; and the grid is finer than what the components tell apart.
"""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.decomposition import PCA
from sklearn.pipeline import Pipeline

from food_inspections_dagster.modeling.algorithms import preprocessing
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.algorithms.preprocessing import Preprocessing, class_weights
from food_inspections_dagster.modeling.algorithms.protocol import FitsMany
from food_inspections_dagster.modeling.algorithms.scaling import Scaling
from food_inspections_dagster.modeling.algorithms.skops_files import SkopsFile
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread

#: Rows asked at once: so that their distances (rows x 22,000 x 4 bytes) stay in the processor's cache.
BLOCK_ROWS = 32
#: A target is rounded to a whole number of this fraction where no smaller one fits it.
MAX_DENOMINATOR = 1_000
#: One training row in so many tells how far the k nearest reach, so that only those within it are compared.
SAMPLE_EVERY = 16


class GridNeighbours(BaseEstimator):
    """Training points on a grid, and the mean target of the nearest of them.

    Points at the distance of the k-th nearest share the places that the nearer ones leave, each with the same
    weight: so the order of the training rows decides nothing. Targets are whole numbers of a fraction, so their sums
    are exact.

    Args:
        n_neighbors: k.

    Attributes after fit:
        step_: length of a grid cell.
        points_: int16 (points, dimensions).
        targets_: int16 (points,), in parts of ``1 / denominator_``.
    """

    def __init__(self, n_neighbors: int = 250):
        self.n_neighbors = n_neighbors

    def fit(self, X: np.ndarray, y: np.ndarray) -> "GridNeighbours":
        """Round float64 (points, dimensions) to the grid; ``y`` lies in [0, 1]."""
        bound = self._bound(X.shape[1])
        self.step_ = float(np.abs(X).max() / bound) or 1.0
        self.points_ = self._on_grid(X)
        return self._with_target(y)

    def with_target(self, y: np.ndarray) -> "GridNeighbours":
        """Return the same points with another target."""
        other = GridNeighbours(self.n_neighbors)
        other.step_, other.points_ = self.step_, self.points_
        return other._with_target(y)

    def _with_target(self, y: np.ndarray) -> "GridNeighbours":
        self.denominator_ = _denominator(y)
        self.targets_ = np.rint(y.astype(np.float64) * self.denominator_).astype(np.int16)
        return self

    def share(self, X: np.ndarray) -> np.ndarray:
        """Return the mean target of the k nearest, float64 (rows,)."""
        return self.shares(X, [self])[0]

    def shares(self, X: np.ndarray, voters: Sequence["GridNeighbours"]) -> np.ndarray:
        """Return the mean targets of several that have these points, float64 (voters, rows), by one search."""
        # Of |a - b|^2 the part |a|^2 is the same for all points and is left out.
        points = self.points_.astype(np.float32)
        sides = np.vstack([-2 * points.T, np.square(points).sum(axis=1)])
        rows = np.column_stack([self._on_grid(X), np.ones(len(X))]).astype(np.float32)
        shares = np.empty((len(voters), len(X)))
        targets = [voter.targets_ for voter in voters]
        parts = np.array([[self.n_neighbors * voter.denominator_] for voter in voters])
        with one_blas_thread():
            for start in range(0, len(X), BLOCK_ROWS):
                block = slice(start, start + BLOCK_ROWS)
                shares[:, block] = self._vote(rows[block] @ sides, targets) / parts
        return shares

    @staticmethod
    def _bound(dimensions: int) -> int:
        """Return the greatest coordinate for which |b|^2 - 2ab and its parts stay below 2**24."""
        return int(np.sqrt(2**24 / (3 * dimensions)))

    def _on_grid(self, X: np.ndarray) -> np.ndarray:
        bound = self._bound(X.shape[1])
        return np.clip(np.rint(X / self.step_), -bound, bound).astype(np.int16)

    def _vote(self, distances: np.ndarray, targets: Sequence[np.ndarray]) -> np.ndarray:
        """Return the sums of the targets of the k nearest, (targets, rows), from distances (rows, points)."""
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
        starts = ends - counts
        near = np.full((rows, int(counts.max())), np.inf, dtype=np.float32)
        distance = distances.ravel()[flat]
        near[row, np.arange(len(flat)) - np.repeat(starts, counts)] = distance
        farthest = np.repeat(np.partition(near, k - 1, axis=1)[:, k - 1], counts)
        inside, edge = distance < farthest, distance == farthest
        left = k - np.add.reduceat(inside, starts, dtype=np.int64)
        edges = np.add.reduceat(edge, starts, dtype=np.int64)
        point = flat - row * points
        sums = np.empty((len(targets), rows))
        for at, target in enumerate(targets):
            votes = target[point]
            level = np.add.reduceat(votes * edge, starts, dtype=np.int64)
            sums[at] = np.add.reduceat(votes * inside, starts, dtype=np.int64) + left * level / edges
        return sums


class Weights(BaseEstimator):
    """The weights of both classes, by which a share of neighbours becomes a share of their weight."""

    def __init__(self, negative: float = 1.0, positive: float = 1.0):
        self.negative = negative
        self.positive = positive

    def weighed(self, share: np.ndarray) -> np.ndarray:
        """Return shares of weight, float64."""
        if self.negative == self.positive:
            return share
        return self.positive * share / (self.positive * share + self.negative * (1 - share))


class NearestNeighbours(FitsMany, SkopsFile):
    """The mean target of the k nearest training rows, by components of the best columns."""

    name: ClassVar[str] = "knn"
    description: ClassVar[str] = "Nearest neighbours."
    types: ClassVar[tuple[type, ...]] = (Preprocessing, Scaling, GridNeighbours, Weights)
    # A row's reasons cost a prediction for each of the columns used: 1 ms.
    explained_ranks: ClassVar[int | None] = 1_000
    # Columns are chosen for all targets together: one search then serves all of them.
    joint: ClassVar[bool] = True
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {
            **preprocessing.DEFAULTS,
            "select": "f_statistic",
            "selected_columns": 20,
            "n_neighbors": 250,
            "components": 8,
        }
    )
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = preprocessing.CHOICES

    def fit_many(
        self,
        parameters: Mapping[str, Any],
        seed: int,
        design: Design,
        inputs: Inputs,
        targets: np.ndarray,
        previous: Sequence[Any | None] | None = None,
    ) -> list[Pipeline]:
        """Fit on several targets: columns and points are the same for all, unless points are drawn by class.

        k is capped at a fifth of the training rows, components at the columns there are.
        """
        prepare = Preprocessing.of(parameters)
        scaled = prepare.fit_transform(design, inputs, targets)
        fits: list[Pipeline] = []
        for target in targets:
            if fits and parameters["balance"] != "smote":
                neighbours = fits[0]["neighbours"].with_target(target)
            else:
                rows, values = preprocessing.resample(scaled, target, parameters["balance"], seed)
                components = PCA(min(parameters["components"], rows.shape[1]), svd_solver="covariance_eigh").fit(rows)
                neighbours = GridNeighbours(max(1, min(parameters["n_neighbors"], len(values) // 5)))
                neighbours.fit(_project(components, rows), values)
            steps = [("prepare", prepare), ("components", components), ("neighbours", neighbours)]
            fits.append(Pipeline([*steps, ("weigh", Weights(*class_weights(target, parameters["balance"])))]))
        return fits

    def predict(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return the mean target of the neighbours."""
        return self._predict([fitted], design.matrix(inputs, fitted["prepare"].used_))[0]

    def predict_many(self, fits: Sequence[Pipeline], design: Design, inputs: Inputs) -> np.ndarray:
        """Return the mean targets of the neighbours, by one search where the fits have the same points."""
        if len(fits) == 0 or not all(_same_search(fits[0], other) for other in fits[1:]):
            return super().predict_many(fits, design, inputs)
        return self._predict(fits, design.matrix(inputs, fits[0]["prepare"].used_))

    def contributions(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return the log-odds minus those of the same row with one column at its training median.

        One prediction for each row and column used.
        """
        k = fitted["neighbours"].n_neighbors
        used = fitted["prepare"].used_
        matrix = design.matrix(inputs, used)
        median = fitted["prepare"].medians()
        row, column = np.nonzero(~(matrix == median))
        substituted = matrix[row]
        substituted[np.arange(len(row)), column] = median[column]
        terms = np.zeros((len(inputs), len(design.owners)))
        actual = _log_odds(self._predict([fitted], matrix)[0], k)
        terms[row, used[column]] = actual[row] - _log_odds(self._predict([fitted], substituted)[0], k)
        return terms

    def fault(self, parameters: Mapping[str, Any]) -> str:
        """Return what is wrong with the preprocessing."""
        return preprocessing.fault(parameters)

    def _predict(self, fits: Sequence[Pipeline], matrix: np.ndarray) -> np.ndarray:
        """Return scores (fits, rows) from the columns of the design that are used."""
        first = fits[0]
        projected = _project(first["components"], first["prepare"].transform_used(matrix))
        shares = first["neighbours"].shares(projected, [fitted["neighbours"] for fitted in fits])
        return np.array([fitted["weigh"].weighed(share) for fitted, share in zip(fits, shares, strict=True)])


def _same_search(fitted: Pipeline, other: Pipeline) -> bool:
    """Return whether both find the same neighbours."""
    (prepare, components, neighbours, _), (prepare2, components2, neighbours2, _) = (
        [step for _, step in pipeline.steps] for pipeline in (fitted, other)
    )
    if (neighbours.n_neighbors, neighbours.step_) != (neighbours2.n_neighbors, neighbours2.step_):
        return False
    pairs = [
        (neighbours.points_, neighbours2.points_),
        (components.mean_, components2.mean_),
        (components.components_, components2.components_),
        (prepare.used_, prepare2.used_),
        (prepare.outputs_, prepare2.outputs_),
        (prepare.scaling_.mean_, prepare2.scaling_.mean_),
        (prepare.scaling_.deviation_, prepare2.scaling_.deviation_),
    ]
    return all(np.array_equal(a, b) for a, b in pairs)


def _denominator(target: np.ndarray) -> int:
    """Return the smallest number that makes whole numbers of all targets, or ``MAX_DENOMINATOR``, to round to."""
    values = np.unique(target).astype(np.float64)
    for denominator in range(1, MAX_DENOMINATOR):
        if np.abs(values * denominator - np.rint(values * denominator)).max() < 1e-4:
            return denominator
    return MAX_DENOMINATOR


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
