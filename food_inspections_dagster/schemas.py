"""How a table is described, once: pandera for columns, types, keys and rules; every other form is derived.

Arrow types for empty frames and Parquet, Postgres types and comments, the column tables of Dagster's UI and the
data dictionary all come from the schema of the table.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
from pandera.errors import SchemaError, SchemaErrors

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError

Schema = pandera.DataFrameSchema

MONDAY = pandera.Check(
    lambda weeks: (pd.Index(weeks.unique()).astype("datetime64[ns]").dayofweek == 0).all(),
    name="monday",
    error="a week must be the date of its Monday",
)


def column(
    kind: pa.DataType, description: str, *checks: pandera.Check, null: bool = False, unique: bool = False
) -> pandera.Column:
    """Return a column of an Arrow type."""
    return pandera.Column(
        pd.ArrowDtype(kind), checks=list(checks), nullable=null, unique=unique, description=description
    )


def one_of(values: Sequence[str]) -> pandera.Check:
    """Return the check that a text is one of ``values``."""
    return pandera.Check.isin(list(values))


def schema(
    name: str, description: str, key: Sequence[str], columns: Mapping[str, pandera.Column], *checks: pandera.Check
) -> Schema:
    """Return a strict, ordered schema; ``key`` is unique over the rows of a frame."""
    return Schema(
        dict(columns),
        checks=list(checks),
        strict=True,
        ordered=True,
        unique=list(key),
        name=name,
        description=description,
    )


def arrow_types(table: Schema) -> dict[str, pa.DataType]:
    """Return the Arrow type of each column, in order."""
    return {name: of.dtype.type.pyarrow_dtype for name, of in table.columns.items()}


def fingerprint(table: Schema) -> list[Any]:
    """Return what a table's schema demands, as JSON-ready types."""

    def of_checks(checks: Sequence[pandera.Check]) -> list[str]:
        return [f"{check.name} {check.statistics}" for check in checks]

    columns = [
        [name, str(of.dtype), of.nullable, of.unique, of_checks(of.checks)] for name, of in table.columns.items()
    ]
    return [columns, list(table.unique or ()), of_checks(table.checks)]


def empty(table: Schema) -> pd.DataFrame:
    """Return no rows with all columns of a table."""
    return frames.empty(arrow_types(table))


def typed(values: Mapping[str, Any] | pd.DataFrame, table: Schema) -> pd.DataFrame:
    """Return a frame with the columns of a table, in its order and types; NaN and None become null."""
    return frames.table(values, arrow_types(table))


def stacked(parts: Sequence[pd.DataFrame], table: Schema) -> pd.DataFrame:
    """Return the rows of some frames below each other, with the columns of a table, in its order and types."""
    return typed(pd.concat(parts, ignore_index=True), table) if parts else empty(table)


def broken_weeks(table: Schema, frame: pd.DataFrame) -> tuple[dict[Any, str], str]:
    """Return the weeks whose rows break a table's schema, with what they hold, and the whole in a sentence.

    The sentence alone where no row is at fault, such as for a missing column; both empty where all is well.
    """
    try:
        table.validate(frame)
    except (SchemaError, SchemaErrors) as error:
        words = " ".join(str(error).split())[:300]
        cases = error.failure_cases
        # A column that is missing or of another type is no fault of single rows.
        at = cases["index"].dropna() if isinstance(cases, pd.DataFrame) and "index" in cases else pd.Series(dtype=int)
        weeks = frame["week"].loc[at.astype(frame.index.dtype)] if len(at) else pd.Series(dtype=object)
        return dict.fromkeys(sorted(weeks.dropna().unique()), words), words
    return {}, ""


def validated(table: Schema, frame: pd.DataFrame) -> pd.DataFrame:
    """Return the frame if it keeps its schema.

    Raises:
        FoodInspectionsError: naming table, column and the first value at fault.
    """
    _, words = broken_weeks(table, frame)
    if words:
        raise FoodInspectionsError(
            f"The table {table.name} breaks its schema, so nothing was stored ({words}): mend the rule that made it."
        )
    return frame
