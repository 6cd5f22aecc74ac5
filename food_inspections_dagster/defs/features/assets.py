"""inspections, violations, sources -> feature_matrix in the object store."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster.catalog import CLEAN_SOURCES, FEATURE_MATRIX, INSPECTIONS, VIOLATIONS
from food_inspections_dagster.defs.features.checks import HISTORY, not_constant, point_in_time, row_for_row
from food_inspections_dagster.defs.features.tasks import by_blocks
from food_inspections_dagster.inspections.features import SOURCE_COLUMNS, VIOLATION_COLUMNS, Tables, sources_in_use
from food_inspections_dagster.inspections.features import feature_matrix as compute_matrix
from food_inspections_dagster.inspections.features.rules import KEYS
from food_inspections_dagster.orchestration.partitions import HISTORY_BEFORE, HISTORY_THROUGH
from food_inspections_dagster.orchestration.stages import Input, Made, Stage, StoredWeeks, stage
from food_inspections_dagster.resources.compute import Compute
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that makes the feature matrix."""
    window_days, off = settings.cohort.window_days, settings.features.switched_off
    # Sources that no family in use reads, or that have no data set, are no inputs.
    read = (*sources_in_use(off), "community_areas")
    sources = tuple(name for name in read if settings.sources.get(name))
    by_tasks = bool(settings.compute.scheduler)

    @stage(
        FEATURE_MATRIX,
        group="features",
        inputs={
            "inspections": Input(INSPECTIONS, HISTORY_THROUGH, HISTORY, by_reference=by_tasks),
            "violations": Input(VIOLATIONS, HISTORY_BEFORE, VIOLATION_COLUMNS, by_reference=by_tasks),
            # What was there before the calendar lies in its first week: with the week itself it is read there too.
            **{
                name: Input(CLEAN_SOURCES[name], HISTORY_THROUGH, SOURCE_COLUMNS[name], by_reference=by_tasks)
                for name in sources
            },
        },
        reads={"window_days": window_days, "off": sorted(off)},
        rules=(row_for_row, not_constant(off), point_in_time(window_days, off, sources)),
    )
    def feature_matrix(
        weeks: Sequence[date],
        stored: dg.ResourceParam[Stored],
        compute: dg.ResourceParam[Compute],
        **tables: pd.DataFrame | StoredWeeks,
    ) -> Made:
        """What was known of an establishment on the Monday of the week, and both labels.

        Grain: one row per inspection made in the week; features from what is dated strictly before that Monday,
        labels from the inspection itself; the columns of families that are switched off are null. Source:
        inspections, violations and the configured sources of all weeks so far.
        """
        seconds: dict[str, float] = {}
        made, references = {}, {name: table for name, table in tables.items() if isinstance(table, StoredWeeks)}
        if references:
            made[FEATURE_MATRIX.asset] = by_blocks(weeks, references, window_days, off, seconds, compute)
            made[INSPECTIONS.asset] = stored.rows(INSPECTIONS, stored.weeks(INSPECTIONS, weeks), KEYS)  # for the rules
        else:
            made[FEATURE_MATRIX.asset] = compute_matrix(weeks, Tables(**tables), window_days, off, seconds)
        spent = {f"seconds_{family}": round(taken, 2) for family, taken in seconds.items()}
        return Made(made, run={FEATURE_MATRIX.asset: spent})

    return [feature_matrix]
