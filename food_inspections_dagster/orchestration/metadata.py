"""Metadata of tables and plots for Dagster's UI."""

import base64
from collections.abc import Mapping
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd
from dagster._core.execution.context.metadata_logging import AssetMetadataHandle, OutputMetadataAccumulator
from dagster._core.execution.context.system import StepExecutionContext

from food_inspections_dagster.schemas import Schema

OWNERS = ["team:food-inspections"]


def column_schema(schema: Schema) -> dg.TableSchema:
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


def add_weekly_metadata(context: StepExecutionContext, asset: str, weekly: Mapping[date, Mapping[str, Any]]) -> None:
    """Attach metadata to each week of a range, all at once.

    ``add_asset_metadata`` with a partition key copies and checks what all weeks before have: over 880 weeks of 13
    assets that took 10 s of CPU (dagster 1.13).
    """
    present = context._metadata_accumulator.per_output_metadata
    added: dict[Any, Mapping[str, Any]] = {}
    for week, metadata in weekly.items():
        handle = AssetMetadataHandle(asset_key=dg.AssetKey(asset), partition_key=week.isoformat())
        added[handle] = {**present.get(handle, {}), **metadata}
    context._metadata_accumulator = OutputMetadataAccumulator(per_output_metadata={**present, **added})


def _type_name(dtype: Any) -> str:
    return str(dtype.pyarrow_dtype) if isinstance(dtype, pd.ArrowDtype) else str(dtype)


def image(png: bytes) -> dg.MetadataValue:
    """Return a PNG as metadata that Dagster's UI shows in place."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")
