"""The audit covers everybody, and its verdict is seen."""

from collections import Counter
from collections.abc import Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster.catalog import BIAS_REPORT
from food_inspections_dagster.inspections.chicago import protected_attributes
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling import fairness
from food_inspections_dagster.modeling.backtest import by_group
from food_inspections_dagster.modeling.fairness import OVERALL
from food_inspections_dagster.modeling.rules import AuditRule, Schedule
from food_inspections_dagster.modeling.schemas import OUTSIDE
from food_inspections_dagster.modeling.splits import audited_anchors
from food_inspections_dagster.orchestration.rules import Rule, Verdict, rule


def in_use(selected_model: WeeklyDocuments, weeks: Sequence[date], label: str) -> dict[date, str | None]:
    """Return the model group in use for a label in each of some weeks."""
    documents = selected_model.documents
    return {week: documents[week]["labels"].get(label, {}).get("selected") for week in weeks}


def rules(audit_rule: AuditRule, schedule: Schedule, labels: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules of an audit of the models of some labels."""

    @rule(
        BIAS_REPORT,
        guards_against="An audit once named a group that matched no row: the groups of each attribute must add up to "
        "all audited rows, and the report and the verdicts must speak of the same groups.",
        expects="the groups of each attribute add up to the audited rows",
        blocking=True,
    )
    def groups_add_up(
        weeks: Sequence[date],
        selected_model: WeeklyDocuments,
        backtest_scores: pd.DataFrame,
        bias_report: pd.DataFrame,
        bias_verdicts: pd.DataFrame,
    ) -> Verdict:
        anchors = audited_anchors(weeks, schedule)
        failing: dict[date, object] = {}
        judged = 0
        for label in labels:
            selected = in_use(selected_model, anchors, label)
            audited = fairness.audited_rows(
                by_group(backtest_scores, label, "priority"), selected, audit_rule.evaluation_weeks
            )
            report, verdicts = (table[table["label"] == label] for table in (bias_report, bias_verdicts))
            unsound = fairness.unsound_weeks(report, verdicts, selected, audit_rule.attributes, audited)
            failing |= {week: f"{label}: {words}" for week, words in unsound.items()}
            judged += sum(1 for rows in audited.values() if rows)
        astray = sorted(({*bias_report["week"]} | {*bias_verdicts["week"]}) - {*anchors})
        failing |= dict.fromkeys(astray, "rows in a week without an audit")
        return Verdict(failing, metadata={"audits": judged})

    @rule(
        BIAS_REPORT,
        guards_against="Warns where a group's false positive or false discovery rate is surely outside the bounds "
        "that were fixed in advance (newest audit).",
        expects="No group is outside the bounds.",
    )
    def disparity_within_bounds(weeks: Sequence[date], bias_verdicts: pd.DataFrame) -> Verdict:
        groups: list[str] = []
        if len(bias_verdicts):
            newest = bias_verdicts[bias_verdicts["week"] == bias_verdicts["week"].max()]
            outside = newest[(newest["attribute"] != OVERALL) & (newest["verdict"] == OUTSIDE)]
            names = zip(outside["label"], outside["attribute"], outside["group"], strict=True)
            groups = [f"{label}: {attribute} {group}" for label, attribute, group in names]
        counts = Counter(group.split(":")[0] for group in groups)
        named = "; ".join(f"{label}: {count} group{'s' * (count != 1)}" for label, count in sorted(counts.items()))
        words = f"Surely outside the bounds: {named}, such as {groups[0].split(': ')[1]}." if groups else ""
        metadata = {"groups_outside": len(groups), "groups": "; ".join(groups) or "none"}
        return Verdict({weeks[-1]: words} if groups else {}, words, metadata)

    @rule(
        BIAS_REPORT,
        guards_against="A group that maps to nothing is a part of the city that nobody audits.",
        expects=f"every group is in the report, and at most {audit_rule.max_unknown_share:.0%} of the rows have none",
    )
    def groups_mapped(
        weeks: Sequence[date],
        selected_model: WeeklyDocuments,
        backtest_scores: pd.DataFrame,
        feature_matrix: pd.DataFrame,
        bias_report: pd.DataFrame,
    ) -> Verdict:
        anchors, attributes = audited_anchors(weeks, schedule), protected_attributes(feature_matrix)
        failing: dict[date, object] = {}
        for label in labels:
            selected = in_use(selected_model, anchors, label)
            rows = {
                group: fairness.with_attributes(of_group, attributes)
                for group, of_group in by_group(backtest_scores, label, "priority").items()
                if group in selected.values()
            }
            report = bias_report[bias_report["label"] == label]
            unmapped = fairness.unmapped_weeks(report, rows, selected, audit_rule)
            failing |= {week: f"{label}: {words}" for week, words in unmapped.items()}
        return Verdict(failing)

    return groups_add_up, groups_mapped, disparity_within_bounds
