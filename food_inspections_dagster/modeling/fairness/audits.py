"""Is the list fair? Aequitas over rows that no model was trained on, with intervals and a verdict in words.

For each week the selected group's backtest rows of the evaluation window are audited: an inspection counts as
predicted positive where it would have been on its week's list (the top ``capacity_share`` by score, ties in
the order of inspection_id). A false positive is a needless early visit, so the false positive rate and the
false discovery rate come first. Metrics, disparities and reference groups are Aequitas'; the intervals are
ours: Wilson's, with the effective sample size that clustering by establishment leaves, and MOVER-R of the two for a
disparity. What Aequitas counts per window is counted here once per week and added up, in whole numbers.

The rows are inspections that took place, so a group that is hardly ever inspected is hardly seen here.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from food_inspections_dagster import schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.fairness.counts import AuditedRows
from food_inspections_dagster.modeling.fairness.disparities import GroupMetrics, group_metrics
from food_inspections_dagster.modeling.fairness.judgements import judge, table_of
from food_inspections_dagster.modeling.fairness.words import EVERYBODY, OVERALL, Overall, overall_of, verdicts_of
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import (
    BIAS_REPORT,
    BIAS_VERDICTS,
)
from food_inspections_dagster.weeks import in_words


@dataclass(frozen=True)
class BiasReport:
    """An audit of one or more weeks.

    Attributes:
        table: ``BIAS_REPORT``, one row per week, attribute, group and metric.
        verdicts: ``BIAS_VERDICTS`` without the attribute 'overall', one row per week, attribute and group.
        overall: one entry per week.
    """

    table: pd.DataFrame
    verdicts: pd.DataFrame
    overall: tuple[Overall, ...]


def audit(rows: pd.DataFrame, rule: AuditRule, week: date, model_group: str = "selected") -> BiasReport:
    """Audit one week: ``rows`` are the selected group's backtest rows of the window, ``with_attributes``."""
    return audit_weeks({model_group: rows}, rule, {week: model_group})


def audit_weeks(
    rows: Mapping[str, pd.DataFrame],
    rule: AuditRule,
    selected: Mapping[date, str | None],
    judged_only: bool = False,
) -> BiasReport:
    """Audit the selected group of each week on the evaluation window that ends with the week.

    Args:
        rows: by model group its backtest rows of all windows, ``with_attributes``.
        rule: what counts as fair.
        selected: the selected group by week, None where nothing was selected.
        judged_only: whether only verdicts are wanted: the table then compares with the rule's references and no others,
            which is a third of the work.

    Raises:
        FoodInspectionsError: where a selected group has no rows given.
    """
    weeks_of: dict[str, list[date]] = {}
    for week, group in selected.items():
        if group is not None:
            weeks_of.setdefault(group, []).append(week)
    sizes: dict[date, int] = {}
    parts: list[GroupMetrics] = []
    for group, weeks in weeks_of.items():
        if group not in rows:
            raise FoodInspectionsError(
                f"'{group}' was selected for {in_words(weeks)}, but its backtest was not given: "
                "`food-inspections run` brings its model and selected_model of these weeks up to date."
            )
        audited = AuditedRows(rows[group], rule)
        sizes.update(zip(weeks, audited.sizes(weeks), strict=True))
        parts += [group_metrics(audited.counts(a, weeks), a, weeks, group, rule, judged_only) for a in rule.attributes]
    judged = judge(parts, rule) if any(len(part.group) for part in parts) else None
    verdicts = schemas.empty(BIAS_VERDICTS) if judged is None else verdicts_of(judged, rule)
    table = schemas.empty(BIAS_REPORT) if judged is None else table_of(judged)
    return BiasReport(table, verdicts, tuple(overall_of(verdicts, rule, selected, sizes)))


def with_overall(report: BiasReport) -> pd.DataFrame:
    """Return ``BIAS_VERDICTS``: the verdicts with one row more per week, attribute ``OVERALL``, on the whole list."""
    overall = schemas.typed(
        {
            "week": [o.week for o in report.overall],
            "attribute": [OVERALL] * len(report.overall),
            "group": [EVERYBODY] * len(report.overall),
            "group_size": [o.rows for o in report.overall],
            "verdict": [o.verdict for o in report.overall],
            "sentence": [o.sentence for o in report.overall],
        },
        BIAS_VERDICTS,
    )
    return pd.concat([report.verdicts, overall], ignore_index=True)
