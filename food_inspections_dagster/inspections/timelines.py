"""Timelines: records in the order of group and day, asked what each group had before a day.

This is where the rule of time is kept: a position that ``before`` returns never lies behind a record dated on
or after the day asked for. All sums run over whole numbers, so a value is the same bytes in any batch.
"""

from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from food_inspections_dagster.frames import arrow, days

Ints = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

_SPAN = 1 << 21  # days that one group spans in a key: 5,700 years around 1970
_EVER = -(1 << 20)


def day_numbers(dates: Any) -> Ints:
    """Return dates without nulls as days since 1970-01-01."""
    return days(dates).astype(np.int64)


def by_day(days: Ints, ids: Ints) -> Ints:
    """Return the positions of records by day, and by id within a day, as ``Timeline.of`` takes them."""
    return np.lexsort((ids, days))


def encode_together(*columns: Any) -> list[Ints]:
    """Return the same whole number for the same text in all columns, -1 for null; the numbers mean nothing
    else."""
    arrays = [arrow(column, pa.string()).cast(pa.string()) for column in columns]
    codes = pa.concat_arrays(arrays).dictionary_encode().indices.fill_null(-1).to_numpy().astype(np.int64)
    return np.split(codes, np.cumsum([len(array) for array in arrays])[:-1])


@dataclass(frozen=True)
class Timeline:
    """Records sorted by group, day and id.

    ``order`` holds the positions of the records in their table; a record without a group (-1) is left out.
    """

    order: Ints
    keys: Ints

    @classmethod
    def of(cls, groups: Ints, days: Ints, by_day: Ints) -> "Timeline":
        """Sort records by ``groups``, then as in ``by_day``: their positions by day, and by id within a day.

        That order is one for all groupings of a table, so it is asked for instead of being sorted out each time.
        """
        order = by_day[np.argsort(groups[by_day], kind="stable")]
        order = order[np.searchsorted(groups[order], 0) :]
        return cls(order, groups[order] * _SPAN + days[order] - _EVER)

    def before(self, groups: Ints, days: Ints) -> Ints:
        """Return, for each question, how many records of the timeline precede ``days`` of ``groups``."""
        return np.searchsorted(self.keys, groups * _SPAN + days - _EVER)

    def start(self, groups: Ints) -> Ints:
        """Return the position of the first record of each group."""
        return np.searchsorted(self.keys, groups * _SPAN)

    def cumulative(self, values: npt.NDArray[Any]) -> Ints:
        """Return running sums of whole numbers given in the order of the table; the sum of ``[i, j)`` is c[j]
        - c[i]."""
        sums = np.zeros(len(self.order) + 1, dtype=np.int64)
        np.cumsum(values[self.order], out=sums[1:])
        return sums

    def last_where(self, mask: Mask) -> Ints:
        """Return, for each position, the last position below it at which ``mask`` (in table order) holds,
        else -1.

        It may belong to another group: compare it with ``start``.
        """
        positions = np.where(mask[self.order], np.arange(len(self.order)), -1)
        return np.concatenate([np.array([-1]), np.maximum.accumulate(positions)])


@dataclass(frozen=True)
class Questions:
    """What a timeline's groups had before some days: one group and one day per question."""

    timeline: Timeline
    groups: Ints
    days: Ints
    _starts: dict[int, Ints] = field(default_factory=dict, repr=False, compare=False)

    @classmethod
    def distinct(cls, timeline: Timeline, groups: Ints, days: Ints) -> tuple["Questions", Ints]:
        """Return each question once, by group and day, and the place of every question among them.

        Sorted questions walk through the timeline in order, several times as fast as at random.
        """
        keys, back = np.unique(groups * _SPAN + days - _EVER, return_inverse=True)
        groups = keys // _SPAN
        return cls(timeline, groups, keys - groups * _SPAN + _EVER), back

    @cached_property
    def end(self) -> Ints:
        """Positions behind the last record before each day."""
        return self.timeline.before(self.groups, self.days)

    @cached_property
    def begin(self) -> Ints:
        """Positions of the first record of each group."""
        return self.timeline.start(self.groups)

    def since(self, window_days: int | None) -> Ints:
        """Positions of the first record within the window before each day; None means ever."""
        if window_days is None:
            return self.begin
        if window_days not in self._starts:
            self._starts[window_days] = self.timeline.before(self.groups, self.days - window_days)
        return self._starts[window_days]

    def last(self, mask: Mask) -> Ints:
        """Return table positions of each group's last record before the day for which ``mask`` holds, else -1."""
        return self._in_table(self.timeline.last_where(mask)[self.end])

    def last_but_one(self, mask: Mask) -> Ints:
        """Return table positions of the record before the last one for which ``mask`` holds, else -1."""
        timeline = self.timeline
        holding = np.flatnonzero(mask[timeline.order])  # positions in the timeline
        if not len(holding):
            return np.full(len(self.end), -1)
        nth = np.searchsorted(holding, self.end) - 2
        return self._in_table(np.where(nth >= 0, holding[np.maximum(nth, 0)], -1))

    @cached_property
    def first(self) -> Ints:
        """Table positions of each group's first record before the day, else -1."""
        return self._in_table(np.where(self.end > self.begin, self.begin, -1))

    def _in_table(self, at: Ints) -> Ints:
        """Return table positions of positions in the timeline; -1 where these lie before the group."""
        inside = at >= self.begin
        positions = np.full(len(at), -1)
        positions[inside] = self.timeline.order[at[inside]]
        return positions
