"""Tables: pandas frames whose every column is Arrow-backed, so that nulls, types and memory stay what they are.

One home for what every layer does with them: between pandas, Arrow and numpy without a Python object per value,
and cut into the weeks of the calendar.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, date, datetime
from hashlib import sha256
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.errors import FoodInspectionsError


def to_arrow(rows: pd.DataFrame | pa.Table, columns: Iterable[str], what: str) -> pa.Table:
    """Return the named columns of a frame or an Arrow table as an Arrow table, without an index; nothing is copied.

    Raises:
        FoodInspectionsError: if columns are missing, naming them and ``what`` lacks them.
    """
    names = list(columns)
    present = rows.column_names if isinstance(rows, pa.Table) else rows.columns
    missing = [name for name in names if name not in present]
    if missing:
        raise FoodInspectionsError(
            f"The {what} lack the column{'s' * (len(missing) > 1)} {', '.join(missing)}: "
            "check which columns the portal sends, or build the table again."
        )
    if isinstance(rows, pa.Table):
        return rows.select(names)
    return pa.Table.from_pandas(rows[names], preserve_index=False)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame with Arrow dtypes; the buffers are shared, not copied."""
    return table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)


def arrow(values: Any, kind: pa.DataType | None = None) -> pa.Array:
    """Return a column (Arrow, pandas or a list) as one Arrow array; ``kind`` is the type of what is not Arrow yet."""
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, kind)
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


def days(column: Any) -> np.ndarray:
    """Return a column of dates without nulls (Arrow, pandas or a list) as datetime64[D]."""
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


def sorted_by(rows: pa.Table, columns: Sequence[str]) -> pa.Table:
    """Return the rows in ascending order of ``columns``; the same table, not a copy, where they are."""
    indices = pc.sort_indices(rows.select(columns), sort_keys=[(c, "ascending") for c in columns])
    if np.array_equal(indices.to_numpy(), np.arange(rows.num_rows, dtype=np.uint64)):
        return rows
    return rows.take(indices)


def week_bounds(owner: str, rows: pa.Table, weeks: Sequence[date]) -> dict[date, tuple[int, int]]:
    """Return, for each of ``weeks`` in order, its first row and the row after its last.

    Args:
        owner: the table or asset, for the error.
        rows: sorted by ``week`` (date32).

    Raises:
        FoodInspectionsError: for rows of other weeks, or without one.
    """
    column = rows["week"].combine_chunks()
    if column.type != pa.date32() or column.null_count:
        raise FoodInspectionsError(f"The column week of the rows for {owner} must be a date (date32) in every row.")
    days = column.cast(pa.int32()).to_numpy()
    wanted = sorted(set(weeks))
    marks = np.array(wanted, dtype="datetime64[D]").astype(np.int32)
    foreign = np.setdiff1d(days, marks)
    if len(foreign):
        raise FoodInspectionsError(
            f"The rows for {owner} hold the week {np.datetime64(int(foreign[0]), 'D')}, which is not among "
            f"the {len(wanted)} weeks of this run: return rows of the run's own weeks only."
        )
    starts, stops = np.searchsorted(days, marks, "left"), np.searchsorted(days, marks, "right")
    return {week: (int(a), int(b)) for week, a, b in zip(wanted, starts, stops, strict=True)}


_FILL = {
    pa.string(): "",
    pa.date32(): date(1970, 1, 1),
    pa.bool_(): False,
    pa.timestamp("us"): datetime(1970, 1, 1),
    pa.timestamp("us", "UTC"): datetime(1970, 1, 1, tzinfo=UTC),
}


def column_digests(rows: pa.Table, bounds: Sequence[tuple[int, int]]) -> list[dict[str, str]]:
    """Return, for each slice of the rows, the digest of each column: 16 hex digits of SHA-256.

    Over name, type, which values are null, and the values; what lies under a null does not count.
    """
    digests: list[dict[str, str]] = [{} for _ in bounds]
    for name, column in zip(rows.column_names, rows.columns, strict=True):
        array = column.combine_chunks()
        heading = f"{name}:{array.type};".encode()
        valid = None
        if array.null_count:
            valid = array.is_valid().cast(pa.uint8()).to_numpy()
            array = pc.fill_null(array, _FILL.get(array.type, 0))
        fixed, offsets, text = _buffers(array)
        for digest, (start, stop) in zip(digests, bounds, strict=True):
            hashed = sha256(heading)
            if valid is not None and not valid[start:stop].all():
                hashed.update(b"null")
                hashed.update(valid[start:stop])
            hashed.update(fixed[start:stop].view(np.uint8).data)
            if offsets is not None and stop > start:
                hashed.update(text[offsets[start] : offsets[stop]])
            digest[name] = hashed.hexdigest()[:16]
    return digests


def _buffers(array: pa.Array) -> tuple[np.ndarray, np.ndarray | None, memoryview]:
    """Return a column's values of fixed size, and for texts their lengths, offsets and characters."""
    nothing = memoryview(b"")
    if pa.types.is_string(array.type):
        if not len(array):
            return np.empty(0, np.int32), None, nothing
        _, offsets, characters = array.buffers()
        ends = np.frombuffer(offsets, np.int32)[array.offset :]
        return np.ascontiguousarray(np.diff(ends[: len(array) + 1])), ends, memoryview(characters or b"").cast("B")
    if pa.types.is_boolean(array.type):
        array = array.cast(pa.uint8())
    return np.ascontiguousarray(array.to_numpy(zero_copy_only=False)), None, nothing


def content_digest(columns: Mapping[str, str]) -> str:
    """Return the digest of some rows from those of their columns, in the order of the names; 64 hex digits."""
    return sha256("".join(f"{name}={columns[name]};" for name in sorted(columns)).encode()).hexdigest()


STORED_TYPES = (
    pa.string(),
    pa.date32(),
    pa.int16(),
    pa.int32(),
    pa.int64(),
    pa.bool_(),
    pa.float32(),
    pa.float64(),
    pa.timestamp("us"),
    pa.timestamp("us", "UTC"),
)


def storable(owner: str, frame: pd.DataFrame, order: Sequence[str]) -> pa.Table:
    """Return a frame as Arrow in the types that are stored, sorted by week and then ``order``.

    Of any other type the driver of Postgres would write the bare bytes.

    Raises:
        FoodInspectionsError: for a column that is missing, or of a type that is not stored.
    """
    missing = [c for c in ("week", *order) if c not in frame.columns]
    if missing:
        raise FoodInspectionsError(f"The rows for {owner} have no column {missing[0]}: the asset must give it.")
    rows = pa.Table.from_pandas(frame, preserve_index=False).replace_schema_metadata(None)
    fields = []
    for field in rows.schema:
        kind = field.type.value_type if pa.types.is_dictionary(field.type) else field.type
        if pa.types.is_large_string(kind):
            kind = pa.string()
        elif pa.types.is_timestamp(kind):
            kind = pa.timestamp("us", "UTC" if kind.tz else None)
        if kind not in STORED_TYPES:
            raise FoodInspectionsError(
                f"The column {field.name} for {owner} has the type {field.type}, which is not stored: "
                f"use one of {', '.join(map(str, STORED_TYPES))}."
            )
        fields.append(pa.field(field.name, kind))
    return sorted_by(rows.cast(pa.schema(fields)), ["week", *(c for c in order if c != "week")])


def rows_per_week(frame: pd.DataFrame, weeks: Sequence[date]) -> dict[date, int]:
    """Return the number of rows of each of ``weeks``, 0 where a week has none."""
    counted = pa.chunked_array(pa.array(frame["week"])).value_counts()
    counts = {entry["values"]: entry["counts"] for entry in counted.to_pylist()}
    return {week: counts.get(week, 0) for week in weeks}
