"""Tables: pandas frames whose every column is Arrow-backed, so that nulls, types and memory stay what they
are."""

from collections.abc import Iterable
from typing import Any

import pandas as pd
import pyarrow as pa

from food_inspections_dagster.errors import FoodInspectionsError


def to_arrow(frame: pd.DataFrame, columns: Iterable[str], what: str) -> pa.Table:
    """Return the named columns of ``frame`` as an Arrow table, one chunk a column, without its index.

    Raises:
        FoodInspectionsError: if columns are missing, naming them and ``what`` lacks them.
    """
    names = list(columns)
    missing = [name for name in names if name not in frame.columns]
    if missing:
        raise FoodInspectionsError(
            f"The {what} lack the column{'s' * (len(missing) > 1)} {', '.join(missing)}: "
            "check which columns the portal sends, or build the table again."
        )
    return pa.Table.from_pandas(frame[names], preserve_index=False)


def to_pandas(table: pa.Table) -> pd.DataFrame:
    """Return an Arrow table as a frame with Arrow dtypes; the buffers are shared, not copied."""
    return table.to_pandas(types_mapper=pd.ArrowDtype, ignore_metadata=True)


def as_array(values: Any) -> pa.Array:
    """Return Arrow or pandas strings, or a list of them, as one Arrow array."""
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.string())
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array
