"""What is known of each inspection that models are judged on: by which groups metrics are given."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster import frames
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS, protected_attributes
from food_inspections_dagster.inspections.chicago.inspector_trace import inspector_trace
from food_inspections_dagster.inspections.vocabulary import KNOWN_FLAGS

_OF_THE_ROW = ("week", "inspection_id", "establishment_id", "inspection_date", *KNOWN_FLAGS)
#: Columns of the feature matrix that ``visits`` reads.
VISIT_COLUMNS = tuple(dict.fromkeys([*_OF_THE_ROW, *ATTRIBUTE_COLUMNS]))


def visits(feature_rows: pd.DataFrame, assignments: pd.DataFrame | None = None) -> pd.DataFrame:
    """Return one row per row of features: its keys and date, ``KNOWN_FLAGS``, zip, inspector, and the protected
    attributes.

    Args:
        feature_rows: the columns ``VISIT_COLUMNS``.
        assignments: who inspected, with ``inspection_id`` and ``inspector``; where it says nothing the inspector is the
            trace that the inspection's number leaves, or null.
    """
    attributes = protected_attributes(feature_rows)
    ids = feature_rows["inspection_id"].to_numpy(dtype=np.int64)
    inspector = frames.arrow(inspector_trace(feature_rows["inspection_id"], feature_rows["inspection_date"]))
    if assignments is not None and len(assignments):
        known = pd.Series(frames.texts(assignments["inspector"]), assignments["inspection_id"].to_numpy(dtype=np.int64))
        named = pa.array(known[~known.index.duplicated()].reindex(ids), pa.string(), from_pandas=True)
        inspector = pc.coalesce(frames.arrow(named), inspector)
    columns = {
        **{name: feature_rows[name] for name in _OF_THE_ROW},
        "zip": feature_rows["zip"],
        "inspector": inspector,
        **{name: attributes[name] for name in attributes.columns if name != "inspection_id"},
    }
    text = pa.string()
    kinds = {"week": pa.date32(), "inspection_id": pa.int64(), "inspection_date": pa.date32()}
    kinds |= dict.fromkeys(KNOWN_FLAGS, pa.bool_())
    return frames.table(columns, {name: kinds.get(name, text) for name in columns})
