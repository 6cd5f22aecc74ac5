"""Square grids over the city: places as cells, and sums over the cells around a cell.

A cell is known from its place alone, and sums run over whole numbers, so no value depends on what else is on the grid.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from food_inspections_dagster.inspections.timelines import Ints

Floats = npt.NDArray[np.float64]

KM_NORTH = 111.2  # of a degree
KM_EAST = 82.8  # of a degree at 41.85 degrees north, in the middle of Chicago
_ROW = 1 << 20  # columns of a row in a cell's number: no row runs into the next, however far a sum reaches
_AT_ONCE = 1 << 22  # pairs of cells that are looked up together


def kilometres(latitude: Floats, longitude: Floats) -> tuple[Floats, Floats]:
    """Return kilometres north and east of a fixed point (0, -90 degrees); NaN stays NaN."""
    return latitude * KM_NORTH, (longitude + 90) * KM_EAST


def cells(latitude: Floats, longitude: Floats, side_km: float) -> Ints:
    """Return the number of the cell in which each place lies, -1 where it is unknown."""
    north, east = kilometres(latitude, longitude)
    known = ~(np.isnan(north) | np.isnan(east))
    numbers = np.full(len(north), -1, dtype=np.int64)
    row, column = np.floor(north[known] / side_km), np.floor(east[known] / side_km)
    numbers[known] = row.astype(np.int64) * _ROW + column.astype(np.int64)
    return numbers


@dataclass(frozen=True)
class Around:
    """The cells around a cell with their weights, whole numbers: ``weight`` of the distance in sides of a cell."""

    weight: Callable[[Floats], Any]
    reach: int

    @cached_property
    def _offsets(self) -> tuple[Ints, Floats]:
        side = np.arange(-self.reach, self.reach + 1)
        row, column = (axis.ravel() for axis in np.meshgrid(side, side, indexing="ij"))
        weights = np.rint(self.weight(np.hypot(row, column))).astype(np.float64)
        kept = weights > 0
        return (row * _ROW + column)[kept], weights[kept]

    def weights(self, sources: Ints, targets: Ints) -> sparse.csr_matrix:
        """Return the weight of each of the cells ``targets`` (columns, ascending) at each of ``sources`` (rows)."""
        offsets, weights = self._offsets
        parts, step = [], max(1, _AT_ONCE // len(offsets))
        for start in range(0, len(sources), step):
            reached = sources[start : start + step, None] + offsets
            at = np.searchsorted(targets, reached) if len(targets) else np.zeros_like(reached)
            hit = targets[np.minimum(at, len(targets) - 1)] == reached if len(targets) else at < 0
            ends = np.concatenate([[0], np.cumsum(hit.sum(axis=1))])
            values = np.broadcast_to(weights, hit.shape)[hit]
            parts.append(sparse.csr_matrix((values, at[hit], ends), shape=(len(reached), len(targets))))
        if not parts:
            return sparse.csr_matrix((0, len(targets)))
        return sparse.vstack(parts, format="csr")
