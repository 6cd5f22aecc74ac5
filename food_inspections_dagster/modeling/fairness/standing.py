"""How many groups a model group treats outside the bounds: what a challenger must not make worse."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster.modeling.fairness.audits import audit_weeks
from food_inspections_dagster.modeling.fairness.rows import with_attributes
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import OUTSIDE


def groups_outside(
    backtests: Mapping[str, pd.DataFrame], attributes: pd.DataFrame, rule: AuditRule, weeks: Sequence[date]
) -> Callable[[date, str], int]:
    """Return what counts, for a week and a model group, the groups of people that are surely outside the bounds.

    A model group is audited when it is first asked for, in all weeks at once: one by one they cost a second each.

    Args:
        backtests: backtest rows by model group.
        attributes: see ``with_attributes``.
        rule: what counts as fair; the window that ends with the week is audited.
        weeks: the weeks that may be asked for.
    """
    counts: dict[str, Counter[date]] = {}

    def count(week: date, model_group: str) -> int:
        if model_group not in counts:
            rows = {model_group: with_attributes(backtests[model_group], attributes)}
            verdicts = audit_weeks(rows, rule, dict.fromkeys(weeks, model_group), judged_only=True).verdicts
            outside = verdicts[verdicts["verdict"] == OUTSIDE]
            counts[model_group] = Counter(outside["week"])
        return counts[model_group][week]

    return count
