"""What an IO manager learns from Dagster: which weeks, and where an asset lives."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
from dagster import InputContext, MetadataValue, OutputContext, TableSchema

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.database import COLUMN_TYPES

_ARROW_TYPES = {str(kind): kind for kind in COLUMN_TYPES}


def output_weeks(context: OutputContext) -> list[date]:
    """Return the weeks that this run materializes, in order."""
    if not context.has_asset_partitions:
        raise FoodInspectionsError(f"{asset_name(context)} has no weekly partitions: give it partitions_def=WEEKLY.")
    return sorted(date.fromisoformat(key) for key in context.asset_partition_keys)


def input_weeks(context: InputContext) -> list[date]:
    """Return the weeks of the upstream asset that the partition mapping asks for; it may be none."""
    if not context.has_asset_partitions:
        raise FoodInspectionsError(f"{asset_name(context)} has no weekly partitions: give it partitions_def=WEEKLY.")
    return sorted(date.fromisoformat(key) for key in context.asset_partition_keys)


def asset_name(context: InputContext | OutputContext) -> str:
    """Return the asset's name, the last part of its key."""
    return context.asset_key.path[-1]


def definition(context: InputContext | OutputContext) -> dict[str, Any]:
    """Return the definition metadata of the asset that is stored or loaded."""
    source = context if isinstance(context, OutputContext) else context.upstream_output
    return _plain(source.definition_metadata if source else None)


def wanted_columns(context: InputContext) -> list[str] | None:
    """Return the columns that the input asks for by its own metadata ``{"columns": [...]}``; None for all."""
    columns = _plain(context.definition_metadata).get("columns")
    return list(columns) if columns is not None else None


def required(context: InputContext | OutputContext, key: str) -> Any:
    """Return an entry of the asset's definition metadata, or refuse the asset that lacks it."""
    value = definition(context).get(key)
    if not value:
        raise FoodInspectionsError(f"{asset_name(context)} does not say where it lives: add '{key}' to its metadata.")
    return value


def column_descriptions(context: OutputContext) -> dict[str, str]:
    """Return the descriptions in the asset's ``dagster/column_schema``."""
    schema = definition(context).get("dagster/column_schema")
    if not isinstance(schema, TableSchema):
        return {}
    return {column.name: column.description for column in schema.columns if column.description}


def empty_frame(context: InputContext, columns: list[str] | None) -> pd.DataFrame:
    """Return no rows of the columns that the asset declares in ``dagster/column_schema``, by names of Arrow
    types."""
    schema = definition(context).get("dagster/column_schema")
    if not isinstance(schema, TableSchema):
        raise FoodInspectionsError(f"{asset_name(context)} was never materialized: materialize it first.")
    types = {column.name: _ARROW_TYPES.get(column.type) for column in schema.columns}
    unknown = [c for c in columns or types if types.get(c) is None]
    if unknown:
        raise FoodInspectionsError(f"{asset_name(context)} declares no column {unknown[0]} of a stored type.")
    fields = [(name, types[name]) for name in columns or types]
    return pa.schema(fields).empty_table().to_pandas(types_mapper=pd.ArrowDtype)


def checked_frame(context: OutputContext, value: object) -> pd.DataFrame:
    """Return the value when it is a frame with ``week``, else refuse it."""
    if not isinstance(value, pd.DataFrame):
        raise FoodInspectionsError(
            f"{asset_name(context)} returned {type(value).__name__}, and a pandas DataFrame is stored: return one."
        )
    if "week" not in value.columns:
        raise FoodInspectionsError(f"{asset_name(context)} returned rows without a column week: add it.")
    return value


def _plain(metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    return {k: v.value if isinstance(v, MetadataValue) else v for k, v in (metadata or {}).items()}
