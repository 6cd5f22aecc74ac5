"""Kernel means: what visits found around a place lately, near ones and recent ones counting most.

The mean of a value over the visits before a day, each with the weight ``exp(-km / h) * exp(-days / tau)``, drawn
towards the city's mean of the same days by half a visit.

Places are cells with a side of ``h / 3``, and a weight at a distance is a whole number (2**20 at none), so that a day's
sums around a cell are exact in any order (see ``fading``).
"""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from scipy import sparse

from food_inspections_dagster.inspections.features.fading import Floats, faded, means
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.grids import Around, cells
from food_inspections_dagster.inspections.timelines import Ints, Mask

PRIOR = 0.5  # visits at the city's mean
CELLS_PER_H = 3
REACH = 8  # in h: weights beyond, below exp(-8), are left out
_ONE = 1 << 20
_AROUND = Around(lambda sides: _ONE * np.exp(-sides / CELLS_PER_H), CELLS_PER_H * REACH)
_DAYS_AT_ONCE = 64


def kernel_means(
    past: Past, visits: Mask, values: Mapping[str, Ints | Mask], h: float, taus: Sequence[float]
) -> dict[tuple[str, float], Floats]:
    """Return the kernel mean of each value for each ``tau``, one number per question.

    The city's mean where the place's location is unknown; NaN before the first visit.

    Args:
        visits: the records that count.
        values: a whole number of each record, by name.
        h: in kilometres.
        taus: in days.
    """
    records, asked, location = past.records, past.questions.days, past.location
    used = np.flatnonzero(visits & records.public)
    days, day = np.unique(records.days[used], return_inverse=True)
    numbers = [value[used].astype(np.float64) for value in (records.every, *values.values())]
    in_city = np.stack([np.bincount(day, number, len(days)) for number in numbers], axis=1)
    of_visits = cells(records.numbers("latitude")[used], records.numbers("longitude")[used], h / CELLS_PER_H)
    # No visit reaches the cell -1 of places that are nowhere.
    where, at = np.unique(cells(location.latitude, location.longitude, h / CELLS_PER_H), return_inverse=True)
    around = _around(of_visits, day, numbers, len(days), where)
    near = faded(days, around, len(numbers), taus, asked, at)
    city = faded(days, in_city[:, :, None], len(numbers), taus, asked, np.zeros_like(at))
    drawn = means(near, city * _ONE, PRIOR * _ONE)
    return {(name, tau): drawn[i, j] for i, tau in enumerate(taus) for j, name in enumerate(values)}


def _around(cell: Ints, day: Ints, numbers: Sequence[Floats], days: int, where: Ints) -> Iterator[Floats]:
    """Yield for each day the weighted sums (values, cells) around the cells ``where``."""
    known, width = np.flatnonzero(cell >= 0), len(numbers)
    sources, column = np.unique(cell[known], return_inverse=True)
    rows = np.concatenate([day[known] * width + i for i in range(width)])
    content = np.concatenate([number[known] for number in numbers])
    counts = sparse.csr_matrix((content, (rows, np.tile(column, width))), shape=(days * width, len(sources)))
    counts.eliminate_zeros()
    weights = _AROUND.weights(sources, where)
    for start in range(0, days, _DAYS_AT_ONCE):
        block = counts[start * width : (start + _DAYS_AT_ONCE) * width] @ weights
        yield from block.toarray().reshape(-1, width, len(where))
