"""Kernel means: what visits found around a place lately, near ones and recent ones counting most.

The mean of a value over the visits before a day, each with the weight ``exp(-km / h) * exp(-days / tau)``, drawn towards
the city's mean of the same days by half a visit.

Places are cells with a side of ``h / 3``, and a weight at a distance is a whole number (2**20 at none), so a day's sums
around a cell are exact in any order. From one day with visits to the next they fade elementwise, always from the first
one on: no value depends on what else is asked for.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from scipy import sparse

from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.grids import Around, cells
from food_inspections_dagster.inspections.timelines import Ints, Mask

PRIOR = 0.5  # visits at the city's mean
CELLS_PER_H = 3
REACH = 8  # in h: weights beyond, below exp(-8), are left out
_ONE = 1 << 20
_AROUND = Around(lambda sides: _ONE * np.exp(-sides / CELLS_PER_H), CELLS_PER_H * REACH)
_DAYS_AT_ONCE = 64

Means = dict[tuple[str, float], npt.NDArray[np.float32]]


def kernel_means(past: Past, visits: Mask, values: Mapping[str, Ints], h: float, taus: Sequence[float]) -> Means:
    """Return the kernel mean of each value for each ``tau``, one number per question.

    NaN where the place's location is unknown, and before the first visit.

    Args:
        visits: the records that count.
        values: a whole number of each record, by name.
        h: in kilometres.
        taus: in days.
    """
    arrivals = _Arrivals.of(past, visits, [past.records.every, *values.values()], h)
    where, at = _places(past, h)
    around = arrivals.around(where)
    asked = past.questions.days
    means = np.full((len(taus), len(values), len(asked)), np.nan, dtype=np.float32)
    order = np.argsort(asked, kind="stable")
    order = order[at[order] >= 0]
    # Of each day with visits, the questions whose last such day it is.
    firsts = np.searchsorted(asked[order], arrivals.days, side="right")
    lasts = np.append(firsts[1:], len(order))
    near = np.zeros((len(taus), len(values) + 1, len(where)))
    city = np.zeros((len(taus), len(values) + 1))
    yesterday = 0
    for day, in_city, in_cells, first, last in zip(
        arrivals.days.tolist(), arrivals.city, around, firsts, lasts, strict=True
    ):
        fading = _fading(yesterday - day, taus)
        near *= fading[:, None, None]
        near += in_cells
        city = city * fading[:, None] + in_city
        prior = PRIOR * _ONE * city[:, 1:] / city[:, :1]
        yesterday = day
        for rows in _by_value(asked, order[first:last]):
            now = near[:, :, at[rows]] * _fading(day - int(asked[rows[0]]), taus)[:, None, None]
            means[:, :, rows] = (now[:, 1:] + prior[:, :, None]) / (now[:, :1] + PRIOR * _ONE)
    return {(name, tau): means[i, j] for i, tau in enumerate(taus) for j, name in enumerate(values)}


@dataclass(frozen=True)
class _Arrivals:
    """What the visits of each day bring: ``city`` (days, values) everywhere, ``counts`` (days x values, cells)."""

    days: Ints
    city: npt.NDArray[np.float64]
    cells: Ints
    counts: sparse.csr_matrix

    @classmethod
    def of(cls, past: Past, visits: Mask, values: Sequence[Ints | Mask], h: float) -> "_Arrivals":
        records = past.records
        at = np.flatnonzero(visits)
        days, day = np.unique(records.days[at], return_inverse=True)
        numbers = np.stack([value[at].astype(np.float64) for value in values])
        city = np.stack([np.bincount(day, number, len(days)) for number in numbers], axis=1)
        cell = cells(records.numbers("latitude")[at], records.numbers("longitude")[at], h / CELLS_PER_H)
        known = np.flatnonzero(cell >= 0)
        where, cell = np.unique(cell[known], return_inverse=True)
        row = day[known] * len(values) + np.arange(len(values))[:, None]
        shape = (len(days) * len(values), len(where))
        placed = (numbers[:, known].ravel(), (row.ravel(), np.tile(cell, len(values))))
        counts = sparse.csr_matrix(placed, shape)
        counts.eliminate_zeros()
        return cls(days, city, where, counts)

    def around(self, where: Ints) -> Iterator[npt.NDArray[np.float64]]:
        """Yield for each day the weighted sums (values, cells) around the cells ``where``."""
        weights, width = _AROUND.weights(self.cells, where), self.city.shape[1]
        for start in range(0, len(self.days), _DAYS_AT_ONCE):
            rows = self.counts[start * width : (start + _DAYS_AT_ONCE) * width]
            yield from (rows @ weights).toarray().reshape(-1, width, len(where))


def _places(past: Past, h: float) -> tuple[Ints, Ints]:
    """Return the cells that are asked for, ascending, and the place of each question among them, -1 for none."""
    cell = cells(past.location.latitude, past.location.longitude, h / CELLS_PER_H)
    where, at = np.unique(cell, return_inverse=True)
    unknown = int(len(where) > 0 and where[0] < 0)
    return where[unknown:], at - unknown


def _fading(days: int, taus: Sequence[float]) -> npt.NDArray[np.float64]:
    return np.array([math.exp(days / tau) for tau in taus])


def _by_value(values: Ints, at: Ints) -> Iterator[Any]:
    """Yield the positions ``at`` in runs of the same value."""
    if len(at):
        yield from np.split(at, np.flatnonzero(np.diff(values[at])) + 1)
