"""One week's list, from history and the selected model; what `scores` does for each of its weeks."""

from collections.abc import Collection, Mapping
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa

from food_inspections_dagster.inspections.cohorts import active_establishments
from food_inspections_dagster.inspections.features import FEATURES, Tables, compute_features
from food_inspections_dagster.modeling.documents import files_of
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.modeling.scoring import rank
from food_inspections_dagster.weeks import WEEK

PHRASES = {feature.name: feature.say for feature in FEATURES}


def list_for(
    week: date,
    decision: Mapping[str, Any],
    blobs: Mapping[str, bytes],
    tables: Tables,
    window_days: int,
    off: Collection[str],
) -> pd.DataFrame:
    """Return the ranked cohort as of the end of ``week``.

    Args:
        decision: the document of ``selected_model`` for the week, in which a group is selected.
        blobs: the files of the selected model's asset.
        tables: the history up to the end of the week; what is later is not used.
        window_days: see ``cohorts.active_establishments``.
        off: families of features that are not computed.
    """
    as_of_date = week + WEEK
    cohort = active_establishments(tables.inspections, as_of_date, window_days, tables.business_licenses)
    days = pd.Series(as_of_date, cohort.index, dtype=pd.ArrowDtype(pa.date32()))
    spine = pd.DataFrame({"establishment_id": cohort["establishment_id"], "as_of_date": days})
    features = compute_features(spine, tables, off)
    model = load(files_of(decision["files"], blobs))
    ranked = rank(model, decision["selected"], cohort, features, as_of_date, PHRASES)
    return ranked.assign(week=pd.Series(week, ranked.index, dtype=pd.ArrowDtype(pa.date32())))
