"""Clean tables, sources, the model in use -> scores, area_notes in Postgres `predictions`: the lists of a week."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import date

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog, schemas
from food_inspections_dagster.catalog import (
    AREA_NOTES,
    BACKTEST_SCORES,
    CLEAN_SOURCES,
    FEATURE_MATRIX,
    INSPECTIONS,
    REMEDY_PRICES,
    SCORES,
    SELECTED_MODEL,
    VIOLATIONS,
)
from food_inspections_dagster.defs.scoring.checks import rules
from food_inspections_dagster.defs.scoring.lists import ListRule, in_use, list_for, places
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS, protected_attributes
from food_inspections_dagster.inspections.cohorts import ATTRIBUTES
from food_inspections_dagster.inspections.features import (
    INSPECTION_COLUMNS,
    SOURCE_COLUMNS,
    VIOLATION_COLUMNS,
    Tables,
    sources_in_use,
)
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling import fairness
from food_inspections_dagster.modeling.backtest import SCORE_COLUMNS, by_group, judged_rows
from food_inspections_dagster.modeling.fairness.remedies import prices
from food_inspections_dagster.modeling.plots import score_histogram
from food_inspections_dagster.modeling.rules import RemedyRule
from food_inspections_dagster.orchestration.metadata import image
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, trailing
from food_inspections_dagster.orchestration.stages import Input, Made, Output, Stage, stage
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import WEEK

HISTORY = tuple(dict.fromkeys([*INSPECTION_COLUMNS, *ATTRIBUTES]))
TABLES = (
    Output(
        SCORES,
        "The lists for the week that begins when the partition's ends: who to inspect first, how surely, and why. "
        "Grain: one row per label and establishment active as of the week's end. Source: the models in use in the "
        "week, and inspections, violations and the configured sources up to its end.",
    ),
    Output(
        AREA_NOTES,
        "What holds for a whole zip code among the first places of a list. Grain: one row per label and zip code. "
        "Source: the same.",
    ),
    Output(
        REMEDY_PRICES,
        "What quotas and re-ranking would cost in finds and days, and what they would give. Grain: one row per label "
        "and remedy. Source: backtest_scores of the model in use over the evaluation window.",
    ),
)
#: Remedies that are priced, whichever is in force.
REMEDIES = (
    RemedyRule("quota", basis="cohort"),
    RemedyRule("quota", basis="expected_finds"),
    RemedyRule("rerank", basis="cohort"),
)


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that makes the lists of each week."""
    window_days, off, labels = settings.cohort.window_days, settings.features.switched_off, settings.models.labels
    # Borders are read only where the list is to be shared out by them.
    borders = ["community_areas"] * (settings.remedy.kind != "none" and settings.remedy.attribute == "community_area")
    if borders and not settings.sources.get("community_areas"):
        raise FoodInspectionsError(
            "Key 'attribute' in section 'remedy' is community_area, but the source community_areas has no data set, so "
            "no place would have one: name it in section 'sources', or another attribute."
        )
    sources = tuple(name for name in dict.fromkeys([*sources_in_use(off), *borders]) if settings.sources.get(name))
    selection = settings.selection
    window = trailing(selection.evaluation_weeks)
    audit_rule = replace(settings.bias, evaluation_weeks=selection.evaluation_weeks)
    remedies = [replace(remedy, attribute=settings.remedy.attribute) for remedy in REMEDIES]
    rule = ListRule(
        settings.scores.surroundings_weight, settings.remedy, selection.capacity_share, selection.confidence
    )

    @stage(
        *TABLES,
        group="scoring",
        inputs={
            "inspections": Input(INSPECTIONS, HISTORY_THROUGH, HISTORY),
            "violations": Input(VIOLATIONS, HISTORY_THROUGH, VIOLATION_COLUMNS),
            "selected_model": Input(SELECTED_MODEL),
            "backtest_scores": Input(BACKTEST_SCORES, window, SCORE_COLUMNS),
            "feature_matrix": Input(FEATURE_MATRIX, window, ATTRIBUTE_COLUMNS),
            **{name: Input(CLEAN_SOURCES[name], HISTORY_THROUGH, SOURCE_COLUMNS[name]) for name in sources},
        },
        reads={"window_days": window_days, "off": sorted(off), "labels": labels, "rule": rule, "audit": audit_rule},
        rules=rules(window_days, labels),
    )
    def lists(
        weeks: Sequence[date],
        stored: dg.ResourceParam[Stored],
        selected_model: WeeklyDocuments,
        backtest_scores: pd.DataFrame,
        feature_matrix: pd.DataFrame,
        **tables: pd.DataFrame,
    ) -> Made:
        known, attributes = Tables(**tables), protected_attributes(feature_matrix)
        ranked, notes, priced, charts = [], [], [], {}
        for week in weeks:
            chosen = in_use(selected_model.documents[week])
            if not chosen:
                continue
            active = places(week, known, window_days, off, settings.remedy)
            for label, decision in chosen.items():
                group = decision["selected"]
                blobs = stored.blobs(catalog.model(group))
                judged = judged_rows(backtest_scores, week, group, selection.evaluation_weeks)
                ranking = list_for(week, decision, blobs, active, by_group(judged, label)[group], rule)
                listed = fairness.with_attributes(by_group(judged, label, "priority")[group], attributes)
                cost = prices({group: listed}, {week: group}, remedies, audit_rule, selection.period_weeks)
                priced.append(cost.assign(label=label))
                ranked.append(ranking.rows.assign(week=week, label=label))
                notes.append(ranking.notes.assign(week=week, label=label))
                if week == weeks[-1]:
                    title = f"Probabilities of {label} on the list for {week + WEEK}"
                    scores = ranking.rows["expected_find"].to_numpy(dtype="float64")
                    charts[f"probabilities_{label}"] = image(score_histogram(scores, title))
        values = {
            SCORES.asset: schemas.stacked(ranked, SCORES.schema),
            REMEDY_PRICES.asset: schemas.stacked(priced, REMEDY_PRICES.schema),
            AREA_NOTES.asset: schemas.stacked(
                [part.rename(columns={"area": "zip", "rows": "places"}) for part in notes], AREA_NOTES.schema
            ),
        }
        return Made(values, {SCORES.asset: {weeks[-1]: charts}})

    return [lists]
