"""A city whose inspections were foreseen by two model groups, of which one is in use at a time."""

from collections.abc import Mapping
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.metrics import Estimate
from food_inspections_dagster.modeling.production import InUse, Production
from food_inspections_dagster.modeling.rules import Schedule
from food_inspections_dagster.modeling.training import TrainingRows
from food_inspections_dagster.weeks import WEEK

FEATURES = (("rate", "numeric"), ("sparse", "numeric"), ("kind", "categorical"))
SCORE_TYPES = {
    "week": pa.date32(),
    "label": pa.string(),
    "model_group": pa.string(),
    "inspection_id": pa.int64(),
    "expected_find": pa.float64(),
    "priority": pa.float64(),
}
LABELS = ("critical_violation", "failed")


def scores_of(rows: pd.DataFrame) -> pd.DataFrame:
    """Return what both groups foresaw of each row: one by its rate, the other by nothing."""
    parts = []
    rate = rows["rate"].to_numpy(dtype=np.float64)
    for label in LABELS:
        for group, score in (("ridge", np.clip(rate, 0.01, 0.99)), ("baseline", np.full(len(rows), 0.3))):
            parts.append(
                frames.table(
                    {
                        "week": rows["week"],
                        "inspection_id": rows["inspection_id"],
                        "label": [label] * len(rows),
                        "model_group": [group] * len(rows),
                        "expected_find": score,
                        "priority": score / 2 + 0.1,
                    },
                    SCORE_TYPES,
                )
            )
    return pd.concat(parts, ignore_index=True)


def promised(auc: float = 0.6, error: float | None = 0.01) -> dict[str, Estimate]:
    """Return a promise of AUC and, as far from what comes, of precision."""
    if error is None:
        return {"roc_auc": Estimate(auc), "precision_at_k": Estimate(None)}
    return {
        name: Estimate(value, error, value - 2 * error, value + 2 * error)
        for name, value in (("roc_auc", auc), ("precision_at_k", 0.4))
    }


def decisions_of(
    weeks: list[date], schedule: Schedule, groups: Mapping[date, str], promise: Mapping[str, Estimate] | None = None
) -> dict[str, dict[date, InUse]]:
    """Return by label and week the decision behind its list: the newest of ``groups`` before the week."""
    out = {}
    for week in weeks:
        made = [anchor for anchor in groups if anchor < week]
        if made:
            anchor = max(made)
            first = anchor - WEEK * 11
            out[week] = InUse(groups[anchor], anchor, first, promise or promised())
    return {label: dict(out) for label in LABELS}


def production_of(
    rows: pd.DataFrame,
    schedule: Schedule,
    decisions: Mapping[str, Mapping[date, InUse]],
    scores: pd.DataFrame | None = None,
) -> Production:
    """Join scores to rows."""
    weeks = frames.days(rows["week"])
    training = TrainingRows(rows, FEATURES, schedule, weeks.min().item(), weeks.max().item())
    attributes = rows[["inspection_id", "facility_type", "zip"]]
    return Production(training, attributes, scores_of(rows) if scores is None else scores, decisions)
