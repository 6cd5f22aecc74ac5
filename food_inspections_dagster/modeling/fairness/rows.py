"""The rows of an audit: backtest rows with the groups that they are of, and which were on their week's list."""

import numpy as np
import pandas as pd

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.weeks import in_words

#: The group of rows of which an attribute is not known.
UNKNOWN = "Unknown"


def with_attributes(backtest: pd.DataFrame, attributes: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of ``attributes``, which has one row per ``inspection_id``, to backtest rows.

    Raises:
        FoodInspectionsError: where ``attributes`` lack an inspection of the backtest.
    """
    known = attributes["inspection_id"].to_numpy(dtype=np.int64)
    order = np.argsort(known, kind="stable")
    wanted = backtest["inspection_id"].to_numpy(dtype=np.int64)
    at = np.searchsorted(known[order], wanted)
    present = at < len(known)
    present[present] = known[order][at[present]] == wanted[present]
    if not present.all():
        weeks = np.unique(frames.days(backtest["week"])[~present])
        raise FoodInspectionsError(
            f"{int((~present).sum())} inspections of the backtest, such as {wanted[~present].min()}, are not in the "
            f"feature matrix any more ({in_words(weeks.tolist())}): their models were made from other rows; "
            "`food-inspections run` brings these weeks up to date."
        )
    joined = attributes.drop(columns="inspection_id").take(order[at])
    return pd.concat([backtest, joined.set_index(backtest.index)], axis=1)


def on_list(rows: pd.DataFrame, share: float) -> np.ndarray:
    """Return for each row whether it would have been on its week's list, bool (rows,)."""
    weeks = frames.days(rows["week"])
    if len(weeks) == 0:
        return np.empty(0, dtype=bool)
    score = rows["score"].to_numpy(dtype=np.float64)
    order = np.lexsort((rows["inspection_id"].to_numpy(dtype=np.int64), -score, weeks))
    _, starts, sizes = np.unique(weeks[order], return_index=True, return_counts=True)
    place = np.arange(len(weeks)) - np.repeat(starts, sizes)
    listed = np.empty(len(weeks), dtype=bool)
    listed[order] = place < np.repeat(metrics.capacity(sizes, share), sizes)
    return listed
