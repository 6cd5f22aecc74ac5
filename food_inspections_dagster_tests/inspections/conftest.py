"""Fixtures of the domain's tests: rows as the portal sends them, small random histories, and the real
files."""

from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.inspections.received import NEEDED_FIELDS
from food_inspections_dagster.weeks import monday

RAW_COLUMNS = (*NEEDED_FIELDS, ":id", ":created_at", ":updated_at", ":version")

GOOD_ROW = {
    "inspection_id": "529281",
    "dba_name": "SEVEN STAR",
    "aka_name": "SEVEN STAR",
    "license_": "30790",
    "facility_type": "Grocery Store",
    "risk": "Risk 3 (Low)",
    "address": "3352 N BROADWAY ",
    "city": "CHICAGO",
    "state": "IL",
    "zip": "60657",
    "inspection_date": "2013-01-31T00:00:00.000",
    "inspection_type": "Canvass",
    "results": "Pass",
    "violations": None,
    "latitude": "41.943359344775146",
    "longitude": "-87.64499875300952",
    ":id": "row-1",
    ":created_at": "2013-02-01T00:00:00.000Z",
    ":updated_at": "2013-02-01T00:00:00.000Z",
    ":version": "rv-1",
}


def raw_frame(rows: list[dict[str, Any]], columns: tuple[str, ...] = RAW_COLUMNS) -> pd.DataFrame:
    """Return raw rows; ``week`` is that of ``inspection_date`` unless the row says otherwise."""

    def week(row: dict[str, Any]) -> date:
        return row["week"] if "week" in row else monday(date.fromisoformat(row["inspection_date"][:10]))

    weeks = pa.array([week(row) for row in rows], pa.date32())
    data = {"week": pd.Series(weeks, dtype=pd.ArrowDtype(pa.date32()))}
    return pd.DataFrame(data | {name: texts([row.get(name) for row in rows]) for name in columns})


def texts(values: list[str | None]) -> pd.Series:
    """Return texts as Arrow strings; as objects where one is no Unicode, which Arrow refuses."""
    try:
        return pd.Series(pa.array(values, pa.string()), dtype=pd.ArrowDtype(pa.string()))
    except UnicodeEncodeError:
        return pd.Series(values, dtype=object)


@pytest.fixture(scope="session")
def raw() -> Callable[..., pd.DataFrame]:
    """A function that builds raw rows, each the good row with some values changed."""
    return lambda *changes: raw_frame([GOOD_ROW | change for change in changes])


@pytest.fixture(scope="session")
def real_raw(shared_data: Path) -> Callable[[str], pd.DataFrame]:
    """A function that reads a real file as raw rows."""

    def read(name: str) -> pd.DataFrame:
        frame = pd.read_parquet(shared_data / f"{name}.parquet")
        days = pd.to_datetime(frame["inspection_date"].str[:10])
        frame["week"] = (days - pd.to_timedelta(days.dt.weekday, unit="D")).dt.date
        frame[":id"] = [f"row-{i:06}" for i in range(len(frame))]
        frame[":updated_at"] = "2020-04-01T00:00:00.000Z"
        table = pa.Table.from_pandas(frame, preserve_index=False)
        types = {"week": pa.date32()}
        schema = pa.schema([(name, types.get(name, pa.string())) for name in table.column_names])
        return table.cast(schema).to_pandas(types_mapper=pd.ArrowDtype)

    return read


@pytest.fixture
def history(raw: Callable[..., pd.DataFrame]) -> Callable[..., pd.DataFrame]:
    """Clean inspections: each change is a visit, with a number of its own."""
    return lambda *changes: clean(raw(*({"inspection_id": str(i)} | c for i, c in enumerate(changes)))).inspections
