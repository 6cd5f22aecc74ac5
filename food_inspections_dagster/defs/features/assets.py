"""inspections, violations -> feature_matrix in Postgres `features`."""

import dagster as dg
import pandas as pd

from food_inspections_dagster.inspections import schemas
from food_inspections_dagster.inspections.features import INSPECTION_COLUMNS, VIOLATION_COLUMNS
from food_inspections_dagster.inspections.features import feature_matrix as compute
from food_inspections_dagster.inspections.labels import LABELS
from food_inspections_dagster.orchestration.metadata import OWNERS, code_version, column_schema, log_weeks, validated
from food_inspections_dagster.orchestration.partitions import (
    HISTORY_BEFORE,
    HISTORY_THROUGH,
    SINGLE_RUN,
    WEEKLY,
    weeks_of,
)
from food_inspections_dagster.settings import Settings


@dg.asset(
    partitions_def=WEEKLY,
    backfill_policy=SINGLE_RUN,
    ins={
        "inspections": dg.AssetIn(
            partition_mapping=HISTORY_THROUGH, metadata={"columns": [*INSPECTION_COLUMNS, *LABELS]}
        ),
        "violations": dg.AssetIn(partition_mapping=HISTORY_BEFORE, metadata={"columns": list(VIOLATION_COLUMNS)}),
    },
    group_name="features",
    owners=OWNERS,
    kinds={"python", "postgres"},
    code_version=code_version("inspections.features", "inspections.cohorts", "inspections.timelines"),
    io_manager_key="postgres",
    metadata={
        "schema": "features",
        "primary_key": ["week", "inspection_id"],
        "dagster/column_schema": column_schema(schemas.FEATURE_MATRIX),
    },
)
def feature_matrix(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    inspections: pd.DataFrame,
    violations: pd.DataFrame,
) -> pd.DataFrame:
    """What was known of an establishment on the Monday of the week, and both labels.

    Grain: one row per inspection made in the week; features from records dated strictly before that Monday,
    labels from the inspection itself. Source: inspections and violations of all weeks so far.
    """
    weeks = weeks_of(context)
    matrix = compute(weeks, inspections, violations, settings.cohort.window_days)
    matrix = validated(schemas.FEATURE_MATRIX, matrix)
    log_weeks(context, matrix, weeks, column_schema(schemas.FEATURE_MATRIX))
    return matrix
