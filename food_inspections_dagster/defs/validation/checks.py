"""Every inspection is foreseen, and each by every model alike."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from food_inspections_dagster.catalog import BACKTEST_SCORES, Documents
from food_inspections_dagster.frames import rows_per_week
from food_inspections_dagster.modeling.backtest import in_force
from food_inspections_dagster.modeling.rules import Schedule
from food_inspections_dagster.modeling.training import usable_rows
from food_inspections_dagster.orchestration.rules import Rule, rule


def rules(schedule: Schedule, models: Sequence[Documents]) -> tuple[Rule, ...]:
    """Return the rules of a backtest of models on the inspections of a schedule."""

    @rule(
        BACKTEST_SCORES,
        guards_against="Metrics over the visits that a model happened to score look better than it is: 18 % of the "
        "canvasses of 2014 once had no score, nearly all of them first visits.",
        expects="every model in force has scored every scheduled inspection of the week, and no other has",
        blocking=True,
    )
    def every_inspection_scored(
        weeks: Sequence[date], feature_matrix: pd.DataFrame, backtest_scores: pd.DataFrame, **values: Any
    ) -> Mapping[date, object]:
        """Fail weeks in which a model left out an inspection, or one scored that was not in force."""
        inspections = rows_per_week(feature_matrix.iloc[usable_rows(feature_matrix, schedule)], weeks)
        wanted = {
            (week, model.model_group, model.label): inspections[week]
            for entry in models
            for model in in_force(values[entry.asset].documents, weeks)
            for week in model.weeks
        }
        scored: dict[Any, int] = backtest_scores.groupby(["week", "model_group", "label"]).size().to_dict()
        return {
            key[0]: f"{key[1]} for {key[2]}: {scored.get(key, 0)} of {wanted.get(key, 0)} inspections"
            for key in sorted(wanted.keys() | scored.keys())
            if scored.get(key, 0) != wanted.get(key, 0)
        }

    return (every_inspection_scored,)
