"""selected_model, backtest_scores, feature_matrix -> bias_report, bias_verdicts in Postgres `monitoring`."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster import catalog, schemas
from food_inspections_dagster.catalog import (
    BACKTEST_SCORES,
    BIAS_REPORT,
    BIAS_VERDICTS,
    FEATURE_MATRIX,
    LIST_EFFECTS,
    SELECTED_MODEL,
)
from food_inspections_dagster.defs.bias.checks import in_use, rules
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS, protected_attributes
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling import fairness
from food_inspections_dagster.modeling.backtest import SCORE_COLUMNS, by_group
from food_inspections_dagster.modeling.fairness.waiting import list_effects
from food_inspections_dagster.modeling.plots import disparity_chart
from food_inspections_dagster.modeling.splits import audited_anchors
from food_inspections_dagster.orchestration.metadata import image
from food_inspections_dagster.orchestration.partitions import trailing
from food_inspections_dagster.orchestration.stages import Input, Made, Output, Stage, stage
from food_inspections_dagster.settings import Settings

TABLES = (
    Output(
        BIAS_REPORT,
        "Aequitas' metrics of the model in use by group, with disparities to the reference group and intervals. "
        "Grain: one row per label, attribute, group and metric, in the weeks in which models are fitted; the list of a "
        "week between rests on the same models. Source: scores that the group gave before the weeks of the evaluation "
        "window were inspected.",
    ),
    Output(
        BIAS_VERDICTS,
        "What the audit means for each group, in a sentence, and for the whole list (attribute 'overall'). "
        "Grain: one row per label, attribute and group, in the weeks in which models are fitted. Source: bias_report.",
    ),
    Output(
        LIST_EFFECTS,
        "Who gains and who waits: days by which the visits that found something would have come earlier, by group. "
        "Grain: one row per label, attribute and group, in the weeks in which models are fitted. Source: the same.",
    ),
)


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that audits the model in use whenever models are fitted."""
    rule, schedule, labels = settings.bias, settings.models.schedule, settings.models.labels
    selection = settings.selection
    window = trailing(max(rule.evaluation_weeks, selection.evaluation_weeks))

    @stage(
        *TABLES,
        group="bias",
        inputs={
            "selected_model": Input(SELECTED_MODEL),
            "backtest_scores": Input(BACKTEST_SCORES, window, SCORE_COLUMNS),
            "feature_matrix": Input(FEATURE_MATRIX, window, ATTRIBUTE_COLUMNS),
        },
        reads={"rule": rule, "schedule": schedule, "labels": labels, "selection": selection},
        rules=rules(rule, schedule, labels),
    )
    def audit(
        weeks: Sequence[date],
        selected_model: WeeklyDocuments,
        backtest_scores: pd.DataFrame,
        feature_matrix: pd.DataFrame,
    ) -> Made:
        anchors = audited_anchors(weeks, schedule)
        attributes = protected_attributes(feature_matrix)
        parts: dict[str, list[pd.DataFrame]] = {output.entry.asset: [] for output in TABLES}
        charts = {}
        for label in labels:
            selected = in_use(selected_model, anchors, label)
            rows = {
                group: fairness.with_attributes(of_group, attributes)
                for group, of_group in by_group(backtest_scores, label, "priority").items()
                if group in selected.values()
            }
            report = fairness.audit_weeks(rows, rule, selected)
            made = {
                BIAS_REPORT.asset: report.table,
                BIAS_VERDICTS.asset: fairness.with_overall(report),
                LIST_EFFECTS.asset: list_effects(rows, rule.attributes, selected, selection),
            }
            for asset, table in made.items():
                parts[asset].append(table.assign(label=label))
            newest = report.table[report.table["week"] == anchors[-1]] if anchors else report.table
            if len(newest):
                title = f"False positive rate by facility type, {label}, week of {anchors[-1]}"
                charts[f"disparity_{label}"] = image(disparity_chart(newest, "facility_type", "fpr", rule, title))
        values = {asset: schemas.stacked(tables, catalog.table(asset).schema) for asset, tables in parts.items()}
        return Made(values, {BIAS_REPORT.asset: {weeks[-1]: charts}})

    return [audit]
