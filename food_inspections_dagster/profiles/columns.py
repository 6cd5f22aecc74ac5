"""A column, encoded once, and what is counted of any slice of it.

Each value becomes its place among the distinct values, so that missing, distinct, quantiles, top values and histogram
of a slice all follow from one ``bincount`` of it. They are exact, and do not depend on rows outside the slice.
"""

from dataclasses import dataclass
from datetime import date, timedelta
from enum import StrEnum

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

_EPOCH = date(1970, 1, 1)
_LONGEST = 80  # characters of a value that are shown: free texts go on for pages


class Kind(StrEnum):
    """What can be said of a column."""

    TEXT = "text"  # and flags: values are named
    NUMBER = "number"
    DATE = "date"
    IDENTIFIER = "identifier"  # a number or text that only tells rows apart


def kind_of(name: str, kind: pa.DataType) -> Kind:
    """Return what can be said of a column, by its name and Arrow type."""
    if name.endswith(("_id", "_number")) or name == "license_":
        return Kind.IDENTIFIER
    if pa.types.is_date(kind):
        return Kind.DATE
    return Kind.NUMBER if pa.types.is_integer(kind) or pa.types.is_floating(kind) else Kind.TEXT


@dataclass(frozen=True)
class Column:
    """An encoded column.

    Attributes:
        codes: int64 (rows,): place of the row's value in ``values``; ``len(values)`` where it is null.
        values: the distinct values, ascending for numbers and dates.
    """

    name: str
    kind: Kind
    codes: np.ndarray
    values: pa.Array

    @classmethod
    def encode(cls, name: str, rows: pa.ChunkedArray) -> "Column":
        """Encode a column of an Arrow table."""
        kind = kind_of(name, rows.type)
        # Chunk by chunk: to make them one would copy every text. All chunks get the one dictionary.
        encoded = rows.dictionary_encode()
        values = encoded.chunk(0).dictionary if encoded.num_chunks else pa.array([], rows.type)
        place = np.arange(len(values) + 1)
        if kind in (Kind.NUMBER, Kind.DATE):
            order = pc.array_sort_indices(values)
            place[np.asarray(order)] = np.arange(len(values))
            values = values.take(order)
        indices = pa.chunked_array([chunk.indices for chunk in encoded.chunks], pa.int32())
        return cls(name, kind, place[indices.fill_null(len(values)).to_numpy()], values)

    @property
    def numbers(self) -> np.ndarray:
        """The distinct values as float64; dates as days since 1970-01-01."""
        values = self.values.cast(pa.int32()) if self.kind is Kind.DATE else self.values
        return np.asarray(values.cast(pa.float64()))

    def text(self, place: int) -> str:
        """Return a distinct value for people."""
        value = self.values[place].as_py()
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, float):
            return f"{value:.6g}"
        return " ".join(str(value).split())[:_LONGEST]

    def counts(self, rows: slice) -> np.ndarray:
        """Return how often each distinct value stands in a slice; int64 (values + 1,), the last one null."""
        return np.bincount(self.codes[rows], minlength=len(self.values) + 1)


def quantiles(counts: np.ndarray, shares: tuple[float, ...]) -> list[int] | None:
    """Return the places of quantiles among ascending values: the least value that such a share of rows does not exceed.

    Args:
        counts: of the values alone, without null.

    None where there is no value.
    """
    total = np.cumsum(counts)
    if not len(total) or not total[-1]:
        return None
    wanted = np.maximum(1, np.ceil(np.array(shares) * total[-1] - 1e-9))
    return np.searchsorted(total, wanted).tolist()


def top_places(column: Column, counts: np.ndarray, most: int) -> list[int]:
    """Return the places of the most frequent values, by count and then by value; none of a value that stands once."""
    repeated = np.flatnonzero(counts > 1)
    if len(repeated) > most:
        least = np.partition(counts[repeated], -most)[-most]
        repeated = repeated[counts[repeated] >= least]
    ranked = sorted(repeated.tolist(), key=lambda place: (-int(counts[place]), str(column.values[place].as_py())))
    return ranked[:most]


@dataclass(frozen=True)
class Bins:
    """Bins of a histogram over ascending values.

    Attributes:
        firsts: place of the first value of each bin.
        low, high: bounds of each bin.
    """

    firsts: np.ndarray
    low: np.ndarray
    high: np.ndarray

    def rows(self, counts: np.ndarray) -> np.ndarray:
        """Return the rows in each bin."""
        total = np.concatenate([[0], np.cumsum(counts)])
        ends = np.append(self.firsts[1:], len(counts))
        return total[ends] - total[self.firsts]


def bins_of(numbers: np.ndarray, counts: np.ndarray, most: int) -> Bins | None:
    """Return bins for values that occur: one for each where they are few, else of equal width.

    The width is that of the middle 98 % of the rows; the first and the last bin hold what lies beyond. None where fewer
    than two values occur.
    """
    there = np.flatnonzero(counts)
    if len(there) < 2:
        return None
    if len(there) <= most:
        firsts = there.copy()
        firsts[0] = 0
        return Bins(firsts, numbers[there], numbers[there])
    places = quantiles(counts, (0.0, 0.01, 0.99, 1.0))
    assert places is not None
    least, inner, outer, greatest = numbers[places]
    if inner == outer:
        inner, outer = least, greatest
    edges = np.linspace(inner, outer, most + 1)
    firsts = np.searchsorted(numbers, edges[:-1])
    firsts[0] = 0
    return Bins(firsts, np.append(least, edges[1:-1]), np.append(edges[1:-1], greatest))


def day_of(number: float) -> date:
    """Return the date of a number of days since 1970-01-01."""
    return _EPOCH + timedelta(days=round(number))
