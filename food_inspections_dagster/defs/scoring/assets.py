"""inspections, violations, sources, selected_model -> scores in Postgres `predictions`: the list for the next week."""

from collections.abc import Sequence
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog, schemas
from food_inspections_dagster.catalog import CLEAN_SOURCES, INSPECTIONS, SCORES, SELECTED_MODEL, VIOLATIONS
from food_inspections_dagster.defs.scoring.checks import rules
from food_inspections_dagster.defs.scoring.lists import list_for
from food_inspections_dagster.inspections.cohorts import ATTRIBUTES
from food_inspections_dagster.inspections.features import (
    INSPECTION_COLUMNS,
    SOURCE_COLUMNS,
    VIOLATION_COLUMNS,
    Tables,
    sources_in_use,
)
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.plots import score_histogram
from food_inspections_dagster.orchestration.metadata import image
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH
from food_inspections_dagster.orchestration.stages import Input, Made, Stage, stage
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import WEEK

HISTORY = tuple(dict.fromkeys([*INSPECTION_COLUMNS, *ATTRIBUTES]))


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that makes the list of each week."""
    window_days, off = settings.cohort.window_days, settings.features.off
    sources = tuple(name for name in sources_in_use(off) if settings.sources.get(name))

    @stage(
        SCORES,
        group="scoring",
        inputs={
            "inspections": Input(INSPECTIONS, HISTORY_THROUGH, HISTORY),
            "violations": Input(VIOLATIONS, HISTORY_THROUGH, VIOLATION_COLUMNS),
            "selected_model": Input(SELECTED_MODEL),
            **{name: Input(CLEAN_SOURCES[name], HISTORY_THROUGH, SOURCE_COLUMNS[name]) for name in sources},
        },
        reads={"window_days": window_days, "off": sorted(off)},
        rules=rules(window_days),
    )
    def scores(
        weeks: Sequence[date],
        stored: dg.ResourceParam[Stored],
        selected_model: WeeklyDocuments,
        **tables: pd.DataFrame,
    ) -> Made:
        """The list for the week that begins when the partition's ends: who to inspect first, how surely, and why.

        Grain: one row per establishment active as of the week's end. Source: the model selected in the week, and
        inspections, violations and the configured sources up to its end.
        """
        lists = []
        for week in weeks:
            decision = selected_model.documents[week]
            if decision["selected"] is not None:
                blobs = stored.blobs(catalog.model(decision["selected"]))
                lists.append(list_for(week, decision, blobs, Tables(**tables), window_days, off))
        table = pd.concat([schemas.empty(SCORES.schema), *lists], ignore_index=True)[list(SCORES.schema.columns)]
        newest = table.loc[table["week"] == weeks[-1], "score"].to_numpy(dtype="float64")
        chart = image(score_histogram(newest, f"Probabilities of the list for {weeks[-1] + WEEK}"))
        return Made({SCORES.asset: table}, {SCORES.asset: {weeks[-1]: {"probabilities": chart}}})

    return [scores]
