"""raw_inspections -> inspections, violations, rejected_inspections in Postgres `clean`."""

import dagster as dg
import pandas as pd

from food_inspections_dagster.inspections import schemas
from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.orchestration.metadata import (
    code_version,
    column_schema,
    log_weeks,
    postgres_table,
    validated,
)
from food_inspections_dagster.orchestration.partitions import SINGLE_RUN, WEEKLY, weeks_of

VERSION = code_version(
    *(f"inspections.{m}" for m in ("cleaning", "codebooks", "vocabulary", "violations", "establishments", "labels"))
)


@dg.multi_asset(
    partitions_def=WEEKLY,
    backfill_policy=SINGLE_RUN,
    outs={
        # The week is part of the keys: an inspection whose date was corrected moves to another week, and
        # its old week may be cleaned after its new one. The check `unique_ids` watches over the whole table.
        "inspections": postgres_table(
            "Typed, normalised inspections with both labels. Grain: one row per inspection of the week. "
            "Source: raw_inspections. Visits without a decision stay in as history; their labels are null.",
            "cleaning",
            "clean",
            ["week", "inspection_id"],
            column_schema(schemas.INSPECTIONS),
            VERSION,
        ),
        "violations": postgres_table(
            "Violations parsed out of the inspection's text. Grain: one row per violation of an inspection. "
            "Source: column `violations` of raw_inspections.",
            "cleaning",
            "clean",
            ["week", "inspection_id", "ordinal"],
            column_schema(schemas.VIOLATIONS),
            VERSION,
        ),
        "rejected_inspections": postgres_table(
            "Portal rows that could not be cleaned, with the reason. Grain: one row per refused portal row. "
            "Source: raw_inspections.",
            "cleaning",
            "clean",
            ["week", "row_id"],
            column_schema(schemas.REJECTED_INSPECTIONS),
            VERSION,
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
