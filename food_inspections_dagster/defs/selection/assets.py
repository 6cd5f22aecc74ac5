"""the four model groups -> selected_model: one decision a week, with its reasons."""

from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from food_inspections_dagster.io_managers.objects import WeeklyDocuments
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.documents import backtest_of
from food_inspections_dagster.modeling.plots import calibration_curve
from food_inspections_dagster.modeling.selection import Decision, select_weeks
from food_inspections_dagster.orchestration.metadata import OWNERS, code_version, image, log_week
from food_inspections_dagster.orchestration.partitions import SINGLE_RUN, WEEKLY, trailing, weeks_of
from food_inspections_dagster.settings import Settings, load_settings

RULE = load_settings().selection_rule
# One week more than is judged: each decision is compared with what the rule chose the week before.
CANDIDATES = {
    f"{algorithm}_model": dg.AssetIn(partition_mapping=trailing(RULE.evaluation_weeks + 1)) for algorithm in ALGORITHMS
}


def decision_document(decision: Decision, models: dict[str, WeeklyDocuments]) -> dict[str, Any]:
    """Return a decision as JSON-ready types, with the place of the chosen model."""
    asset = f"{decision.selected}_model" if decision.selected else None
    files = models[asset].documents[decision.week]["files"] if asset else {}
    return {**decision.to_dict(), "model_asset": asset, "files": files}


@dg.asset(
    partitions_def=WEEKLY,
    backfill_policy=SINGLE_RUN,
    ins=CANDIDATES,
    group_name="selection",
    owners=OWNERS,
    kinds={"python", "json"},
    code_version=code_version("modeling.selection", "modeling.metrics", "frames"),
    io_manager_key="documents",
    metadata={"prefix": "models", "name": "decision.json"},
)
def selected_model(
    context: dg.AssetExecutionContext, settings: dg.ResourceParam[Settings], **models: WeeklyDocuments
) -> WeeklyDocuments:
    """Which model group is used this week, and why: compared on the last weeks that followed their training rows.

    Grain: one decision per week. Source: the scores that each model gave before the weeks were inspected.
    """
    weeks = weeks_of(context)
    backtests = {algorithm: backtest_of(models[f"{algorithm}_model"].documents) for algorithm in ALGORITHMS}
    ids: dict[date, dict[str, str | None]] = {}
    for algorithm in ALGORITHMS:
        for week, document in models[f"{algorithm}_model"].documents.items():
            ids.setdefault(week, {})[algorithm] = document["model_id"]
    decisions = select_weeks(backtests, settings.selection_rule, weeks, ids)
    for decision in decisions:
        said = {
            "selected": decision.selected or "none",
            "reasons": dg.MetadataValue.md("\n\n".join(decision.reasons)),
        }
        log_week(context, decision.week, {"dagster/row_count": 1, **said})
    newest = decisions[-1]
    if newest.selected:
        deciles = pd.DataFrame(newest.candidate(newest.selected).calibration)
        title = f"Calibration of {newest.selected}, {newest.first_week} to {newest.last_week}"
        log_week(context, newest.week, {"calibration": image(calibration_curve(deciles, title))})
    return WeeklyDocuments({d.week: decision_document(d, models) for d in decisions})
