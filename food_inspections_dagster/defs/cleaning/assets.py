"""raw_inspections -> inspections, violations, rejected_inspections in Postgres `clean`."""

import dagster as dg
import pandas as pd
from pandera.pandas import DataFrameSchema

from food_inspections_dagster.asset_metadata import OWNERS, code_version, column_schema, log_weeks, validated
from food_inspections_dagster.inspections import schemas
from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.partitions import SINGLE_RUN, WEEKLY, weeks_of

VERSION = code_version(
    *(f"inspections.{m}" for m in ("cleaning", "codebooks", "vocabulary", "violations", "establishments", "labels"))
)


def _table(description: str, schema: DataFrameSchema, primary_key: list[str]) -> dg.AssetOut:
    return dg.AssetOut(
        description=description,
        io_manager_key="postgres",
        group_name="cleaning",
        owners=OWNERS,
        kinds={"python", "postgres"},
        code_version=VERSION,
        metadata={
            "schema": "clean",
            "primary_key": primary_key,
            "dagster/column_schema": column_schema(schema),
        },
    )


@dg.multi_asset(
    partitions_def=WEEKLY,
    backfill_policy=SINGLE_RUN,
    outs={
        # The week is part of the keys: an inspection whose date was corrected moves to another week, and
        # its old week may be cleaned after its new one. The check `unique_ids` watches over the whole table.
        "inspections": _table(
            "Typed, normalised inspections with both labels. Grain: one row per inspection of the week. "
            "Source: raw_inspections. Visits without a decision stay in as history; their labels are null.",
            schemas.INSPECTIONS,
            ["week", "inspection_id"],
        ),
        "violations": _table(
            "Violations parsed out of the inspection's text. Grain: one row per violation of an inspection. "
            "Source: column `violations` of raw_inspections.",
            schemas.VIOLATIONS,
            ["week", "inspection_id", "ordinal"],
        ),
        "rejected_inspections": _table(
            "Portal rows that could not be cleaned, with the reason. Grain: one row per refused portal row. "
            "Source: raw_inspections.",
            schemas.REJECTED_INSPECTIONS,
            ["week", "row_id"],
        ),
    },
)
def clean_tables(
    context: dg.AssetExecutionContext, raw_inspections: pd.DataFrame
) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
    cleaned = clean(raw_inspections)
    tables = (
        validated(schemas.INSPECTIONS, cleaned.inspections),
        validated(schemas.VIOLATIONS, cleaned.violations),
        validated(schemas.REJECTED_INSPECTIONS, cleaned.rejected),
    )
    for name, frame in zip(("inspections", "violations", "rejected_inspections"), tables, strict=True):
        log_weeks(context, frame, weeks_of(context), column_schema(schemas.SCHEMAS[name]), asset=name)
    return tables
