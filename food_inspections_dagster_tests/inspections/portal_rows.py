"""Rows of the sources as a portal sends them, and clean rows as plain values."""

from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from food_inspections_dagster.frames import table

WEEK = date(2014, 1, 6)


def raw(*rows: dict[str, str | None], week: date = WEEK) -> pd.DataFrame:
    """Return raw rows of one week, every value a text; what a row leaves out is null."""
    names = sorted({name for row in rows for name in row} | {":id", ":updated_at"})
    values = {name: [row.get(name) for row in rows] for name in names}
    values[":id"] = [row.get(":id", f"row-{number}") for number, row in enumerate(rows)]
    return table({"week": [week] * len(rows), **values}, {"week": pa.date32(), **dict.fromkeys(names, pa.string())})


def plain(rows: pd.DataFrame) -> list[dict[str, Any]]:
    """Return rows as plain values, None where null."""
    return pa.Table.from_pandas(rows, preserve_index=False).to_pylist()
