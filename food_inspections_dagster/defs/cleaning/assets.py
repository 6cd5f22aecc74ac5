"""raw_inspections -> inspections, violations, rejected_inspections in Postgres `clean` and as Parquet."""

import pandas as pd

from food_inspections_dagster.catalog import INSPECTIONS, RAW_INSPECTIONS, REJECTED_INSPECTIONS, VIOLATIONS
from food_inspections_dagster.defs.cleaning.checks import RULES
from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.orchestration.stages import Input, Output, Stage, stage
from food_inspections_dagster.settings import Settings

# The week is part of the keys: an inspection whose date was corrected moves to another week, and its old week may
# be cleaned after its new one. The rule `unique_ids` watches over all weeks.
TABLES = (
    Output(
        INSPECTIONS,
        "Typed, normalised inspections with both labels. Grain: one row per inspection of the week. "
        "Source: raw_inspections. Visits without a decision stay in as history; their labels are null.",
    ),
    Output(
        VIOLATIONS,
        "Violations parsed out of the inspection's text. Grain: one row per violation of an inspection. "
        "Source: column `violations` of raw_inspections.",
    ),
    Output(
        REJECTED_INSPECTIONS,
        "Portal rows that could not be cleaned, with the reason. Grain: one row per refused portal row. "
        "Source: raw_inspections.",
    ),
)


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that makes the three clean tables."""

    @stage(*TABLES, group="cleaning", inputs={"raw_inspections": Input(RAW_INSPECTIONS)}, rules=RULES)
    def clean_tables(raw_inspections: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame, pd.DataFrame]:
        cleaned = clean(raw_inspections)
        return cleaned.inspections, cleaned.violations, cleaned.rejected

    return [clean_tables]
