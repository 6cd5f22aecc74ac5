"""What every table tells Dagster about itself: columns, rows per week, version of its code."""

import base64
import hashlib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

import dagster as dg
import pandas as pd
import pandera.pandas as pa
import pyarrow as arrow
from pandera.errors import SchemaError, SchemaErrors

from food_inspections_dagster.errors import FoodInspectionsError

OWNERS = ["team:food-inspections"]


@cache
def code_version(*modules: str) -> str:
    """Return a digest of the source of modules or packages, so that a changed rule marks its assets as stale.

    Args:
        modules: dotted names below ``food_inspections_dagster``, such as ``inspections.cleaning``.
    """
    digest = hashlib.sha256()
    for name in modules:
        found = Path(str(import_module(f"food_inspections_dagster.{name}").__file__))
        files = sorted(found.parent.rglob("*")) if found.name == "__init__.py" else [found]
        for file in files:
            if file.suffix in {".py", ".csv"}:
                digest.update(file.read_bytes())
    return digest.hexdigest()[:12]


def column_schema(schema: pa.DataFrameSchema) -> dg.TableSchema:
    """Return a pandera schema as the column table of Dagster's UI."""
    return dg.TableSchema(
        columns=[
            dg.TableColumn(
                name,
                type=_type_name(column.dtype.type),
                description=column.description,
                constraints=dg.TableColumnConstraints(nullable=column.nullable, unique=column.unique),
            )
            for name, column in schema.columns.items()
        ]
    )


def types_schema(types: Mapping[str, arrow.DataType], descriptions: Mapping[str, str]) -> dg.TableSchema:
    """Return names, Arrow types and descriptions as the column table of Dagster's UI."""
    return dg.TableSchema(
        columns=[dg.TableColumn(name, type=str(kind), description=descriptions[name]) for name, kind in types.items()]
    )


def _type_name(dtype: Any) -> str:
    return str(dtype.pyarrow_dtype) if isinstance(dtype, pd.ArrowDtype) else str(dtype)


def received_schema(frame: pd.DataFrame) -> dg.TableSchema:
    """Return the columns and types of a frame as it is."""
    return dg.TableSchema(
        columns=[dg.TableColumn(str(name), type=_type_name(dtype)) for name, dtype in frame.dtypes.items()]
    )


def rows_per_week(frame: pd.DataFrame, weeks: Sequence[date]) -> dict[date, int]:
    """Return the number of rows of each of ``weeks``, 0 where a week has none."""
    counted = arrow.chunked_array(arrow.array(frame["week"])).value_counts()
    counts = {entry["values"]: entry["counts"] for entry in counted.to_pylist()}
    return {week: counts.get(week, 0) for week in weeks}


def postgres_table(
    description: str, group: str, database_schema: str, primary_key: list[str], columns: dg.TableSchema, version: str
) -> dg.AssetOut:
    """Return the output of a multi-asset that is a table in Postgres."""
    return dg.AssetOut(
        description=description,
        io_manager_key="postgres",
        group_name=group,
        owners=OWNERS,
        kinds={"python", "postgres"},
        code_version=version,
        metadata={"schema": database_schema, "primary_key": primary_key, "dagster/column_schema": columns},
    )


def log_weeks(
    context: dg.AssetExecutionContext,
    frame: pd.DataFrame,
    weeks: Sequence[date],
    schema: dg.TableSchema | None = None,
    asset: str | None = None,
) -> None:
    """Attach row count and column schema to each week of a range.

    ``add_asset_metadata`` with a partition key is the only way in which weeks of one run get values of their
    own (dagster 1.13): metadata of an output repeats on each of them.

    Args:
        schema: with the columns' descriptions. Only the newest week carries them: 139 descriptions on each of
            880 weeks took 4 s of a run.
    """
    received = received_schema(frame)
    for week, rows in rows_per_week(frame, weeks).items():
        columns = schema if schema and week == weeks[-1] else received
        log_week(context, week, {"dagster/row_count": rows, "dagster/column_schema": columns}, asset)


def log_week(
    context: dg.AssetExecutionContext, week: date, metadata: Mapping[str, Any], asset: str | None = None
) -> None:
    """Attach metadata to one week of a range."""
    context.add_asset_metadata(metadata, asset_key=asset or context.asset_key, partition_key=week.isoformat())


def validated(schema: pa.DataFrameSchema, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame if it keeps its schema; a check would find what is wrong only after it was stored.

    Raises:
        FoodInspectionsError: naming table, column and the first value at fault.
    """
    try:
        return schema.validate(frame)
    except (SchemaError, SchemaErrors) as error:
        found = " ".join(str(error).split())[:300]
        raise FoodInspectionsError(
            f"The table {schema.name} breaks its schema, so nothing was stored ({found}): mend the rule that made it."
        ) from None


def image(png: bytes) -> dg.MetadataValue:
    """Return a PNG as metadata that Dagster's UI shows in place."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")
