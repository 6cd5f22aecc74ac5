"""scores, the audit, the models in use, clean tables -> published_list in Postgres `api`: what readers see."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog, schemas
from food_inspections_dagster.catalog import (
    CLEAN_SOURCES,
    ESTABLISHMENTS,
    INSPECTIONS,
    PRIORITIES,
    PUBLISHED_LIST,
    PUBLISHED_MODELS,
    SCORES,
    SELECTED_MODEL,
)
from food_inspections_dagster.defs.publication.checks import RULES
from food_inspections_dagster.inspections.places import register
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling import published
from food_inspections_dagster.modeling.documents import files_of
from food_inspections_dagster.modeling.persistence import read_card
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH
from food_inspections_dagster.orchestration.stages import Input, Made, Output, Stage, stage
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings

SOURCES = ("business_licenses", "community_areas")


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that publishes the lists of each week."""
    window_days = settings.cohort.window_days
    sources = [name for name in SOURCES if settings.sources.get(name)]
    # Copied in Postgres, from table to table; of the inspections the register is made too.
    copied = [table for table in PUBLISHED_LIST.copies if table is not INSPECTIONS]

    @stage(
        Output(
            PUBLISHED_LIST,
            "What readers see: the lists of the week, everybody who is known with their history, the models and the "
            "audit, in the schema api of Postgres, published in one transaction after every blocking check. "
            "Grain: one publication per week; readers see the newest unless somebody moved the pointer. "
            "Source: scores, selected_model, the audit, and the clean tables up to the week's end.",
        ),
        group="publication",
        inputs={
            "scores": Input(SCORES),
            "selected_model": Input(SELECTED_MODEL),
            "inspections": Input(INSPECTIONS, HISTORY_THROUGH),
            **{name: Input(CLEAN_SOURCES[name], HISTORY_THROUGH) for name in sources},
            **{table.asset: Input(table, HISTORY_THROUGH, loaded=False) for table in copied},
        },
        reads={"window_days": window_days},
        rules=RULES,
    )
    def published_list(
        weeks: Sequence[date],
        stored: dg.ResourceParam[Stored],
        scores: pd.DataFrame,
        selected_model: WeeklyDocuments,
        inspections: pd.DataFrame,
        **tables: pd.DataFrame,
    ) -> Made:
        def card(decision: Mapping[str, Any]) -> Mapping[str, Any]:
            return read_card(files_of(decision["files"], stored.blobs(catalog.model(decision["selected"]))))

        known, models = [], []
        for week in weeks:
            listed = scores.loc[scores["week"] == week, "establishment_id"]
            known.append(register(week, inspections, listed, window_days, **tables))
            models.append(published.models(week, selected_model.documents[week]["labels"], card))
        establishments = schemas.stacked(known, ESTABLISHMENTS.schema)
        parts = {
            PRIORITIES.asset: published.priorities(scores, establishments),
            ESTABLISHMENTS.asset: establishments,
            PUBLISHED_MODELS.asset: schemas.stacked(models, PUBLISHED_MODELS.schema),
        }
        return Made({PUBLISHED_LIST.asset: parts})

    return [published_list]
