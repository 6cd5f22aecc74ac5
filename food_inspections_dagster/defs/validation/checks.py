"""Every inspection is foreseen, and each by every model alike."""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster.catalog import BACKTEST_SCORES
from food_inspections_dagster.frames import rows_per_week
from food_inspections_dagster.modeling.rules import Schedule
from food_inspections_dagster.modeling.training import usable_rows
from food_inspections_dagster.orchestration.rules import Rule, rule


def rules(schedule: Schedule) -> tuple[Rule, ...]:
    """Return the rules of a backtest on the inspections of a schedule."""

    @rule(
        BACKTEST_SCORES,
        guards_against="Metrics over the visits that a model happened to score look better than it is: 18 % of the "
        "canvasses of 2014 once had no score, nearly all of them first visits.",
        expects="every model in force has scored every scheduled inspection of the week",
        blocking=True,
    )
    def every_inspection_scored(
        weeks: Sequence[date], feature_matrix: pd.DataFrame, backtest_scores: pd.DataFrame
    ) -> Mapping[date, object]:
        """Fail weeks in which a model left out an inspection."""
        inspections = rows_per_week(feature_matrix.iloc[usable_rows(feature_matrix, schedule)], weeks)
        return {
            week: f"{model_group} for {label}: {rows[week]} of {inspections[week]} inspections"
            for (label, model_group), of_group in backtest_scores.groupby(["label", "model_group"])
            for rows in [rows_per_week(of_group, weeks)]
            for week in weeks
            if rows[week] not in (0, inspections[week])
        }

    return (every_inspection_scored,)
