"""How many groups a model group treats outside the bounds: what a challenger must not make worse."""

from collections.abc import Callable, Mapping
from datetime import date

import pandas as pd

from food_inspections_dagster.modeling.fairness.audits import audit
from food_inspections_dagster.modeling.fairness.rows import with_attributes
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import OUTSIDE


def groups_outside(
    backtests: Mapping[str, pd.DataFrame], attributes: pd.DataFrame, rule: AuditRule
) -> Callable[[date, str], int]:
    """Return what counts, for a week and a model group, the groups of people that are surely outside the bounds.

    Args:
        backtests: backtest rows by model group.
        attributes: see ``with_attributes``.
        rule: what counts as fair; the window that ends with the week is audited.
    """
    joined: dict[str, pd.DataFrame] = {}

    def count(week: date, model_group: str) -> int:
        if model_group not in joined:
            joined[model_group] = with_attributes(backtests[model_group], attributes)
        verdicts = audit(joined[model_group], rule, week, model_group).verdicts
        return int((verdicts["verdict"] == OUTSIDE).sum())

    return count
