"""selected_model, its backtest, feature_matrix -> bias_report, bias_verdicts in Postgres `monitoring`."""

import dagster as dg
import pandas as pd

from food_inspections_dagster.defs.bias.columns import REPORT, VERDICTS
from food_inspections_dagster.io_managers.objects import WeeklyDocuments
from food_inspections_dagster.modeling import fairness
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.documents import backtest_of
from food_inspections_dagster.modeling.plots import disparity_chart
from food_inspections_dagster.orchestration.metadata import code_version, image, log_week, log_weeks, postgres_table
from food_inspections_dagster.orchestration.partitions import SINGLE_RUN, WEEKLY, trailing, weeks_of
from food_inspections_dagster.settings import Settings, load_settings

WINDOW = trailing(load_settings().bias.evaluation_weeks)
VERSION = code_version("modeling.fairness", "modeling.metrics", "frames")


@dg.multi_asset(
    partitions_def=WEEKLY,
    backfill_policy=SINGLE_RUN,
    outs={
        "bias_report": postgres_table(
            "Aequitas' metrics of the selected model by group, with disparities to the reference group and intervals. "
            "Grain: one row per week, attribute, group and metric. Source: scores that the selected model group gave "
            "before the weeks of the evaluation window were inspected.",
            "bias",
            "monitoring",
            ["week", "attribute", "group", "metric"],
            REPORT,
            VERSION,
        ),
        "bias_verdicts": postgres_table(
            "What the audit means for each group, in a sentence, and for the whole list (attribute 'overall'). "
            "Grain: one row per week, attribute and group. Source: bias_report.",
            "bias",
            "monitoring",
            ["week", "attribute", "group"],
            VERDICTS,
            VERSION,
        ),
    },
    ins={
        **{f"{algorithm}_model": dg.AssetIn(partition_mapping=WINDOW) for algorithm in ALGORITHMS},
        "feature_matrix": dg.AssetIn(
            partition_mapping=WINDOW,
            metadata={"columns": ["inspection_id", "facility_type", "zip", "risk"]},
        ),
    },
)
def audit(
    context: dg.AssetExecutionContext,
    settings: dg.ResourceParam[Settings],
    selected_model: WeeklyDocuments,
    feature_matrix: pd.DataFrame,
    **models: WeeklyDocuments,
) -> tuple[pd.DataFrame, pd.DataFrame]:
    weeks = weeks_of(context)
    selected = {week: selected_model.documents[week]["selected"] for week in weeks}
    rows = {
        algorithm: fairness.with_attributes(backtest_of(models[f"{algorithm}_model"].documents), feature_matrix)
        for algorithm in ALGORITHMS
        if algorithm in selected.values()
    }
    report = fairness.audit_weeks(rows, settings.audit_rule, selected)
    verdicts = fairness.with_overall(report)
    log_weeks(context, report.table, weeks, REPORT, asset="bias_report")
    log_weeks(context, verdicts, weeks, VERDICTS, asset="bias_verdicts")
    newest = report.table[report.table["week"] == weeks[-1]]
    if len(newest):
        title = f"False positive rate by facility type, week of {weeks[-1]}"
        chart = disparity_chart(newest, "facility_type", "fpr", settings.audit_rule, title)
        log_week(context, weeks[-1], {"disparity": image(chart)}, asset="bias_report")
    return report.table, verdicts
