"""The audit covers everybody, and its verdict is seen."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pandas as pd

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import BIAS_REPORT
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling import fairness
from food_inspections_dagster.modeling.documents import backtest_of
from food_inspections_dagster.modeling.fairness import OVERALL
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import OUTSIDE
from food_inspections_dagster.orchestration.rules import Rule, Verdict, rule


def rules(audit_rule: AuditRule, label: str | None = None) -> tuple[Rule, ...]:
    """Return the rules of an audit of models of a label."""

    @rule(
        BIAS_REPORT,
        guards_against="An audit once named a group that matched no row: the groups of each attribute must add up to "
        "all audited rows, and the report and the verdicts must speak of the same groups.",
        expects="the groups of each attribute add up to the audited rows",
        blocking=True,
    )
    def groups_add_up(
        selected_model: WeeklyDocuments,
        bias_report: pd.DataFrame,
        bias_verdicts: pd.DataFrame,
        **models: Any,
    ) -> Verdict:
        selected = {week: document["selected"] for week, document in selected_model.documents.items()}
        backtests = {
            group: backtest_of(models[catalog.model(group).asset].documents, label)
            for group in {*selected.values()} - {None}
        }
        audited = fairness.audited_rows(backtests, selected, audit_rule.evaluation_weeks)
        failing = fairness.unsound_weeks(bias_report, bias_verdicts, selected, audit_rule.attributes, audited)
        return Verdict(failing, metadata={"weeks_audited": sum(1 for rows in audited.values() if rows)})

    @rule(
        BIAS_REPORT,
        guards_against="Warns where a group's false positive or false discovery rate is surely outside the bounds "
        "that were fixed in advance (newest week).",
        expects="No group is outside the bounds.",
    )
    def disparity_within_bounds(weeks: Sequence[date], bias_verdicts: pd.DataFrame) -> Verdict:
        newest = bias_verdicts[(bias_verdicts["week"] == weeks[-1]) & (bias_verdicts["attribute"] != OVERALL)]
        outside = newest[newest["verdict"] == OUTSIDE]
        groups = [f"{a} {g}" for a, g in zip(outside["attribute"], outside["group"], strict=True)]
        words = f"Outside the bounds: {', '.join(groups)}." if groups else ""
        metadata = {"groups_outside": len(groups), "groups": ", ".join(groups) or "none"}
        return Verdict({weeks[-1]: words} if groups else {}, words, metadata)

    return groups_add_up, disparity_within_bounds
