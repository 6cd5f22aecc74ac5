"""inspections, violations -> feature_matrix in the object store."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster.catalog import FEATURE_MATRIX, INSPECTIONS, VIOLATIONS
from food_inspections_dagster.defs.features.checks import HISTORY, RULES, point_in_time
from food_inspections_dagster.inspections.features import VIOLATION_COLUMNS
from food_inspections_dagster.inspections.features import feature_matrix as compute
from food_inspections_dagster.orchestration.partitions import HISTORY_BEFORE, HISTORY_THROUGH
from food_inspections_dagster.orchestration.stages import Input, Stage, stage
from food_inspections_dagster.settings import Settings


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that makes the feature matrix."""
    window_days = settings.cohort.window_days

    @stage(
        FEATURE_MATRIX,
        group="features",
        inputs={
            "inspections": Input(INSPECTIONS, HISTORY_THROUGH, HISTORY),
            "violations": Input(VIOLATIONS, HISTORY_BEFORE, VIOLATION_COLUMNS),
        },
        reads={"window_days": window_days},
        rules=(*RULES, point_in_time(window_days)),
    )
    def feature_matrix(weeks: Sequence[date], inspections: pd.DataFrame, violations: pd.DataFrame) -> pd.DataFrame:
        """What was known of an establishment on the Monday of the week, and both labels.

        Grain: one row per inspection made in the week; features from records dated strictly before that Monday,
        labels from the inspection itself. Source: inspections and violations of all weeks so far.
        """
        return compute(weeks, inspections, violations, window_days)

    return [feature_matrix]
