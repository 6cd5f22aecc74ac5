"""One week's list, from history and the selected model; what `scores` does for each of its weeks."""

from collections.abc import Mapping
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from food_inspections_dagster.inspections.cohorts import active_establishments
from food_inspections_dagster.inspections.features import FEATURES, compute_features
from food_inspections_dagster.modeling.documents import files_of
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.modeling.scoring import rank
from food_inspections_dagster.weeks import WEEK

PHRASES = {feature.name: feature.say for feature in FEATURES}


def list_for(
    week: date,
    decision: Mapping[str, Any],
    blobs: Mapping[str, bytes],
    inspections: pd.DataFrame,
    violations: pd.DataFrame,
    window_days: int,
) -> pd.DataFrame:
    """Return the ranked cohort as of the end of ``week``.

    Args:
        decision: the document of ``selected_model`` for the week, in which a group is selected.
        blobs: the files of the selected model's asset.
        inspections, violations: the history up to the end of the week; later rows are not used.
        window_days: see ``cohorts.active_establishments``.
    """
    as_of_date = week + WEEK
    cohort = active_establishments(inspections, as_of_date, window_days)
    days = pd.Series(as_of_date, cohort.index, dtype=pd.ArrowDtype(pa.date32()))
    spine = pd.DataFrame({"establishment_id": cohort["establishment_id"], "as_of_date": days})
    features = compute_features(spine, inspections, violations)
    model = load(files_of(decision["files"], blobs))
    ranked = rank(model, decision["selected"], cohort, features, as_of_date, PHRASES)
    return ranked.assign(week=pd.Series(week, ranked.index, dtype=pd.ArrowDtype(pa.date32())))
