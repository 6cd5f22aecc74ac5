"""What tables and plots tell Dagster about themselves."""

import base64
from typing import Any

import dagster as dg
import pandas as pd

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


def _type_name(dtype: Any) -> str:
    return str(dtype.pyarrow_dtype) if isinstance(dtype, pd.ArrowDtype) else str(dtype)


def image(png: bytes) -> dg.MetadataValue:
    """Return a PNG as metadata that Dagster's UI shows in place."""
    return dg.MetadataValue.md(f"![plot](data:image/png;base64,{base64.b64encode(png).decode()})")
