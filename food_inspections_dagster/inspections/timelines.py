"""Timelines: records in the order of group and day, asked what each group had before a day.

This is where the rule of time is kept: a position that ``before`` returns never lies behind a record dated on
or after the day asked for. All sums run over whole numbers, so a value is the same bytes in any batch.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import as_array

Ints = npt.NDArray[np.int64]

_SPAN = 1 << 21  # days that one group spans in a key: 5,700 years around 1970
_EVER = -(1 << 20)


def to_days(dates: Any) -> Ints:
    """Return dates as days since 1970-01-01."""
    array = dates.combine_chunks() if isinstance(dates, pa.ChunkedArray) else dates
    return pc.cast(pc.cast(array, pa.date32()), pa.int32()).to_numpy(zero_copy_only=False).astype(np.int64)


def encode_together(*columns: Any) -> list[Ints]:
    """Return the same whole number for the same text in all columns, -1 for null; the numbers mean nothing
    else."""
    arrays = [as_array(column).cast(pa.string()) for column in columns]
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
    def of(cls, groups: Ints, days: Ints, ids: Ints) -> "Timeline":
        """Sort records by ``groups``, then ``days``, then ``ids``, which settle the order within a day."""
        order = np.lexsort((ids, days, groups))
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

    def last_where(self, mask: npt.NDArray[np.bool_]) -> Ints:
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
        return self.begin if window_days is None else self.timeline.before(self.groups, self.days - window_days)

    def last(self, mask: npt.NDArray[np.bool_]) -> Ints:
        """Return table positions of each group's last record before the day for which ``mask`` holds, else
        -1."""
        at = self.timeline.last_where(mask)[self.end]
        found = at >= self.begin
        positions = np.full(len(at), -1)
        positions[found] = self.timeline.order[at[found]]
        return positions
