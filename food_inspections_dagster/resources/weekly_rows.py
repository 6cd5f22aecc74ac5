"""Arrow tables of weekly rows: in order, and cut into weeks."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.errors import FoodInspectionsError


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
