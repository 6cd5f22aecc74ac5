"""Sums that fade: what records brought, each with the weight ``exp(-days / tau)`` of its age.

From one day with records to the next the sums fade elementwise, always from the first such day on, and what a day
brings are whole numbers, exact in any order. So a value depends on the records before its day and on nothing else: not
on which days are asked for, nor on what is asked beside it.
"""

import math
from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import numpy.typing as npt

from food_inspections_dagster.inspections.features.past import ratio
from food_inspections_dagster.inspections.timelines import Ints

Floats = npt.NDArray[np.float64]


def faded(days: Ints, arrivals: Iterable[Floats], width: int, taus: Sequence[float], asked: Ints, at: Ints) -> Floats:
    """Return the faded sums before each asked day at its place, (taus, values, asked).

    Args:
        days: the days with records, ascending.
        arrivals: what each of them brings: whole numbers (values, places).
        width: the number of values.
        taus: in days.
        asked, at: a day and a place per question.
    """
    order = np.argsort(asked, kind="stable")
    # Of each day with records, the questions whose last such day it is.
    firsts = np.searchsorted(asked[order], days, side="right")
    sums, answers, yesterday = np.zeros(0), np.zeros((len(taus), width, len(asked))), 0
    for day, arriving, first, last in zip(
        days.tolist(), arrivals, firsts, np.append(firsts, len(order))[1:], strict=True
    ):
        if not sums.size:
            sums = np.zeros((len(taus), *arriving.shape))
        sums *= _fading(yesterday - day, taus)
        sums += arriving
        yesterday = day
        for rows in _runs(asked, order[first:last]):
            answers[:, :, rows] = sums[:, :, at[rows]] * _fading(day - int(asked[rows[0]]), taus)
    return answers


def faded_by_group(
    groups: Ints, days: Ints, values: Sequence[npt.NDArray[np.int64]], taus: Sequence[float], asked: Ints, at: Ints
) -> Floats:
    """Return the faded sums of the records of each question's group, (taus, values, asked); 0 for the group -1.

    Args:
        groups, days: of the records; a group of -1 is nobody's.
        values: whole numbers of the records.
        asked, at: a day and a group per question.
    """
    dates, day = np.unique(days, return_inverse=True)
    size = int(max(groups.max(initial=-1), at.max(initial=-1))) + 2  # the last place is that of the group -1, empty
    place = day * size + np.where(groups >= 0, groups, size - 1)
    counted = [np.where(groups >= 0, value, 0) for value in values]
    brought = [np.bincount(place, value, len(dates) * size).reshape(len(dates), size) for value in counted]
    return faded(dates, np.stack(brought, axis=1), len(values), taus, asked, np.where(at >= 0, at, size - 1))


def means(sums: Floats, city: Floats, prior: float) -> Floats:
    """Return means, drawn to those of the city: (taus, values, asked) of sums whose first value counts the records.

    NaN where the city has no record yet; the city's mean where a place has none.
    """
    base = ratio(city[:, 1:], np.broadcast_to(city[:, :1], city[:, 1:].shape))
    return (sums[:, 1:] + prior * base) / (sums[:, :1] + prior)


def _fading(days: int, taus: Sequence[float]) -> Floats:
    return np.array([math.exp(days / tau) for tau in taus])[:, None, None]


def _runs(values: Ints, at: Ints) -> Iterator[Ints]:
    """Yield the positions ``at`` in runs of the same value."""
    if len(at):
        yield from np.split(at, np.flatnonzero(np.diff(values[at])) + 1)
