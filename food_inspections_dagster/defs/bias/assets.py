"""selected_model, its backtest, feature_matrix -> bias_report, bias_verdicts in Postgres `monitoring`."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import BIAS_REPORT, BIAS_VERDICTS, FEATURE_MATRIX, SELECTED_MODEL
from food_inspections_dagster.defs.bias.checks import rules
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS, protected_attributes
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling import fairness
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.documents import backtest_of
from food_inspections_dagster.modeling.plots import disparity_chart
from food_inspections_dagster.orchestration.metadata import image
from food_inspections_dagster.orchestration.partitions import trailing
from food_inspections_dagster.orchestration.stages import Input, Made, Output, Stage, stage
from food_inspections_dagster.settings import Settings

TABLES = (
    Output(
        BIAS_REPORT,
        "Aequitas' metrics of the selected model by group, with disparities to the reference group and intervals. "
        "Grain: one row per week, attribute, group and metric. Source: scores that the selected model group gave "
        "before the weeks of the evaluation window were inspected.",
    ),
    Output(
        BIAS_VERDICTS,
        "What the audit means for each group, in a sentence, and for the whole list (attribute 'overall'). "
        "Grain: one row per week, attribute and group. Source: bias_report.",
    ),
)


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that audits the selected model of each week."""
    rule, label = settings.bias, settings.models.label
    window = trailing(rule.evaluation_weeks)

    @stage(
        *TABLES,
        group="bias",
        inputs={
            "selected_model": Input(SELECTED_MODEL),
            "feature_matrix": Input(FEATURE_MATRIX, window, ATTRIBUTE_COLUMNS),
            **{catalog.model(group).asset: Input(catalog.model(group), window) for group in ALGORITHMS},
        },
        reads={"rule": rule, "label": label},
        rules=rules(rule, label),
    )
    def audit(
        weeks: Sequence[date],
        selected_model: WeeklyDocuments,
        feature_matrix: pd.DataFrame,
        **models: WeeklyDocuments,
    ) -> Made:
        selected = {week: selected_model.documents[week]["selected"] for week in weeks}
        attributes = protected_attributes(feature_matrix)
        rows = {
            group: fairness.with_attributes(
                backtest_of(models[catalog.model(group).asset].documents, label), attributes
            )
            for group in ALGORITHMS
            if group in selected.values()
        }
        report = fairness.audit_weeks(rows, rule, selected)
        newest = report.table[report.table["week"] == weeks[-1]]
        charts = {}
        if len(newest):
            title = f"False positive rate by facility type, week of {weeks[-1]}"
            charts = {weeks[-1]: {"disparity": image(disparity_chart(newest, "facility_type", "fpr", rule, title))}}
        values = {BIAS_REPORT.asset: report.table, BIAS_VERDICTS.asset: fairness.with_overall(report)}
        return Made(values, {BIAS_REPORT.asset: charts})

    return [audit]
