"""Is the list fair? Aequitas over rows that no model was trained on, with intervals and a verdict in words.

``audits`` is the whole of it, from backtest rows to report and verdicts; ``waiting`` tells who is visited earlier and
who later, ``remedies`` puts a list in another order, at a price.
"""

from food_inspections_dagster.modeling.fairness.audits import BiasReport, audit, audit_weeks, with_overall
from food_inspections_dagster.modeling.fairness.rows import UNKNOWN, on_list, with_attributes
from food_inspections_dagster.modeling.fairness.soundness import audited_rows, unmapped_weeks, unsound_weeks
from food_inspections_dagster.modeling.fairness.standing import groups_outside
from food_inspections_dagster.modeling.fairness.words import EVERYBODY, OVERALL, Overall, summary

__all__ = [
    "EVERYBODY",
    "OVERALL",
    "UNKNOWN",
    "BiasReport",
    "Overall",
    "audit",
    "audit_weeks",
    "audited_rows",
    "groups_outside",
    "on_list",
    "summary",
    "unmapped_weeks",
    "unsound_weeks",
    "with_attributes",
    "with_overall",
]
