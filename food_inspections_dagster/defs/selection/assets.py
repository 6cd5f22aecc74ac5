"""the model groups -> selected_model: one decision a week, with its reasons."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import SELECTED_MODEL
from food_inspections_dagster.defs.selection.checks import RULES
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.documents import backtest_of
from food_inspections_dagster.modeling.plots import calibration_curve
from food_inspections_dagster.modeling.selection import Decision, select_weeks
from food_inspections_dagster.orchestration.metadata import image
from food_inspections_dagster.orchestration.partitions import trailing
from food_inspections_dagster.orchestration.stages import Input, Made, Stage, stage
from food_inspections_dagster.settings import Settings


def decision_document(decision: Decision, documents: Mapping[str, Mapping[date, dict[str, Any]]]) -> dict[str, Any]:
    """Return a decision as JSON-ready types, with the files of the chosen model."""
    files = documents[decision.selected][decision.week]["files"] if decision.selected else {}
    return {**decision.to_dict(), "files": files}


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that chooses a model group for each week."""
    rule, label = settings.selection, settings.models.label
    # One week more than is judged: each decision is compared with what the rule chose the week before.
    window = trailing(rule.evaluation_weeks + 1)

    @stage(
        SELECTED_MODEL,
        group="selection",
        inputs={catalog.model(group).asset: Input(catalog.model(group), window) for group in ALGORITHMS},
        reads={"rule": rule, "label": label},
        rules=RULES,
    )
    def selected_model(weeks: Sequence[date], **models: WeeklyDocuments) -> Made:
        """Which model group is used this week, and why: compared on the last weeks that followed their training rows.

        Grain: one decision per week. Source: the scores that each model gave before the weeks were inspected.
        """
        documents = {group: models[catalog.model(group).asset].documents for group in ALGORITHMS}
        backtests = {group: backtest_of(of_group, label) for group, of_group in documents.items()}
        ids: dict[date, dict[str, str | None]] = {}
        for group, of_group in documents.items():
            for week, document in of_group.items():
                ids.setdefault(week, {})[group] = document["model_id"]
        decisions = select_weeks(backtests, rule, weeks, ids)
        weekly = {
            decision.week: {
                "selected": decision.selected or "none",
                "reasons": dg.MetadataValue.md("\n\n".join(decision.reasons)),
            }
            for decision in decisions
        }
        newest = decisions[-1]
        if newest.selected:
            deciles = pd.DataFrame(newest.candidate(newest.selected).calibration)
            title = f"Calibration of {newest.selected}, {newest.first_week} to {newest.last_week}"
            weekly[newest.week]["calibration"] = image(calibration_curve(deciles, title))
        chosen = {decision.week: decision_document(decision, documents) for decision in decisions}
        return Made({SELECTED_MODEL.asset: WeeklyDocuments(chosen)}, {SELECTED_MODEL.asset: weekly})

    return [selected_model]
