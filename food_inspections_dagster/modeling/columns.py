"""Arrow-backed columns to numpy arrays and back, without the Python object per value that pandas makes."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc


def arrow(column: pd.Series) -> pa.Array:
    """Return the column as one Arrow array."""
    array = pa.array(column)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def days(column: pd.Series) -> np.ndarray:
    """Return a column of dates without nulls as datetime64[D]."""
    return np.asarray(arrow(column).cast(pa.date32()).cast(pa.int32())).astype("datetime64[D]")


def codes(column: pd.Series) -> np.ndarray:
    """Return integer codes (int64) of a column without nulls, numbered in the order of the values.

    In the order of appearance sums over codes would differ in their last bits with the rows around them.
    """
    encoded = arrow(column).dictionary_encode()
    rank = np.empty(len(encoded.dictionary), dtype=np.int64)
    rank[np.asarray(pc.array_sort_indices(encoded.dictionary))] = np.arange(len(rank))
    return rank[np.asarray(encoded.indices)]


def texts(column: pd.Series) -> np.ndarray:
    """Return a column of texts as Python strings, None where null, object (rows,)."""
    return arrow(column).cast(pa.string()).to_numpy(zero_copy_only=False)


def span(weeks: np.ndarray, first: date, last: date) -> slice:
    """Return the positions of the weeks ``first`` to ``last``, both included, in sorted datetime64[D]."""
    ends = np.searchsorted(weeks, [np.datetime64(first), np.datetime64(last) + 1])
    return slice(int(ends[0]), int(ends[1]))


def table(values: Mapping[str, Any] | pd.DataFrame, types: Mapping[str, pa.DataType]) -> pd.DataFrame:
    """Return a frame with the columns of ``types``, in order, Arrow-backed; NaN and None become null."""
    arrays = [pa.array(values[name], type=kind, from_pandas=True) for name, kind in types.items()]
    flat = [a.combine_chunks() if isinstance(a, pa.ChunkedArray) else a for a in arrays]
    return pa.Table.from_arrays(flat, names=list(types)).to_pandas(types_mapper=pd.ArrowDtype)


def empty(types: Mapping[str, pa.DataType]) -> pd.DataFrame:
    """Return a frame with the columns of ``types`` and no rows."""
    return table({name: [] for name in types}, types)
