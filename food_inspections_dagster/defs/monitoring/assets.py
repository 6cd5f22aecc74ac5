"""The lists that were in use, feature_matrix -> outcomes, drift in Postgres `monitoring`: what came of them."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster.catalog import BACKTEST_SCORES, DRIFT, FEATURE_MATRIX, OUTCOMES, SELECTED_MODEL
from food_inspections_dagster.defs.monitoring.checks import rules
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS, protected_attributes
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.drift import drift
from food_inspections_dagster.modeling.outcomes import outcomes
from food_inspections_dagster.modeling.production import PRODUCTION_COLUMNS, Production, in_use
from food_inspections_dagster.modeling.training import ROW_COLUMNS, TrainingRows, usable_rows
from food_inspections_dagster.orchestration.partitions import Window, trailing
from food_inspections_dagster.orchestration.stages import Input, Output, Stage, stage
from food_inspections_dagster.recipes import inputs
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import FIRST_WEEK

TABLES = (
    Output(
        OUTCOMES,
        "What came of the lists: finds of the week and of the window that ends with it against what was foreseen, in "
        "training and in production, and against what validation had promised. Grain: one row per label and subset, in "
        "the weeks whose list a model made. Source: backtest_scores of the group that was in use a week before.",
    ),
    Output(
        DRIFT,
        "How far scores and inputs of the models in use have moved. Grain: one row per label's scores and per feature, "
        "in the weeks whose list a model made. Source: backtest_scores and feature_matrix.",
    ),
)


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that compares each week with the list that was made for it."""
    rule, schedule, labels = settings.monitoring, settings.models.schedule, settings.models.labels
    selection, features = settings.selection, inputs(settings)
    # Models are up to ``update_weeks`` old; behind them lie what they learnt from and what they were chosen on.
    behind = schedule.update_weeks + max(schedule.training_window_weeks, selection.evaluation_weeks)
    looked_at = trailing(max(behind, rule.window_weeks))
    columns = (*ROW_COLUMNS, *ATTRIBUTE_COLUMNS, *(name for name, _ in features))

    @stage(
        *TABLES,
        group="monitoring",
        inputs={
            # The list for a week was made by the decision of the week before.
            "selected_model": Input(SELECTED_MODEL, Window(-rule.window_weeks, -1)),
            "backtest_scores": Input(BACKTEST_SCORES, looked_at, PRODUCTION_COLUMNS),
            "feature_matrix": Input(FEATURE_MATRIX, looked_at, tuple(dict.fromkeys(columns))),
        },
        reads={"rule": rule, "schedule": schedule, "labels": labels, "capacity_share": selection.capacity_share},
        rules=rules(rule),
    )
    def monitoring(
        weeks: Sequence[date],
        selected_model: WeeklyDocuments,
        backtest_scores: pd.DataFrame,
        feature_matrix: pd.DataFrame,
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        of_models = usable_rows(feature_matrix, schedule)
        attributes = protected_attributes(feature_matrix[list(ATTRIBUTE_COLUMNS)].iloc[of_models])
        attributes = attributes[["inspection_id", *rule.subset_attributes]]
        rows = TrainingRows(feature_matrix, features, schedule, FIRST_WEEK, weeks[-1])
        decisions = {label: in_use(selected_model.documents, label) for label in labels}
        production = Production(rows, attributes, backtest_scores, decisions)
        return (
            outcomes(production, weeks, rule, schedule, selection.capacity_share),
            drift(production, weeks, rule, schedule),
        )

    return [monitoring]
