"""What was in use, week after week: the model group behind each list, and what it had foreseen of each inspection.

inspection of the week 2012-04-09   foreseen by the group that was in use in the week before
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow.compute as pc

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.metrics import Estimate
from food_inspections_dagster.modeling.training import TrainingRows
from food_inspections_dagster.weeks import WEEK

#: The rows of ``BACKTEST_SCORES`` that are read.
PRODUCTION_COLUMNS = ("week", "label", "model_group", "inspection_id", "expected_find", "priority")
#: Metrics of a decision that are compared with what came.
PROMISES = ("roc_auc", "precision_at_k")
# Weeks since 1970 and the portal's numbers of inspections share 64 bits.
_ID_BITS = 44


@dataclass(frozen=True)
class InUse:
    """The decision for a label behind the list of some weeks.

    Attributes:
        decided: the week of the fit, and ``first_week`` the first of those that the group was judged on.
        promised: its metrics on them, by name.
    """

    model_group: str
    decided: date
    first_week: date
    promised: Mapping[str, Estimate]


def in_use(documents: Mapping[date, Mapping[str, Any]], label: str) -> dict[date, InUse]:
    """Return by week the decision behind its list, that of the week before; a week without one is left out.

    Args:
        documents: of ``selected_model``, by week.
    """
    out = {}
    for week, document in documents.items():
        decision = document["labels"].get(label)
        if decision is not None and decision["selected"] is not None:
            chosen = next(one for one in decision["candidates"] if one["group"] == decision["selected"])
            metrics = {name: Estimate(**chosen["metrics"].get(name, {"value": None})) for name in PROMISES}
            first, decided = (date.fromisoformat(decision[name]) for name in ("first_week", "week"))
            out[week + WEEK] = InUse(decision["selected"], decided, first, metrics)
    return out


class Production:
    """The scheduled inspections of some weeks, by week and inspection_id, with what was foreseen of each.

    Attributes:
        rows: the inspections, what they found and their features.
        weeks, days: Mondays, datetime64[D], and dates as whole numbers (rows,).
        establishment: integer codes (rows,).
        subsets: by attribute the codes of its values (rows,), and these values.
        in_use: by label and week the decision behind the list.
        groups: by label and model group expected_find as the group's models foresaw it, NaN where none did (rows,).
        foreseen: by label and answer (expected_find, priority) what the group in use foresaw (rows,).
    """

    def __init__(
        self,
        rows: TrainingRows,
        attributes: pd.DataFrame,
        scores: pd.DataFrame,
        decisions: Mapping[str, Mapping[date, InUse]],
    ) -> None:
        """Join scores to the inspections that they foresaw.

        Args:
            rows: of all weeks that are looked back upon.
            attributes: inspection_id and the attributes whose values are subsets; more inspections are no matter.
            scores: ``PRODUCTION_COLUMNS`` of the same weeks.
            decisions: by label the decision behind the list of each week, ``in_use``.
        """
        self.rows, self.in_use = rows, decisions
        self.weeks = rows.days
        self.days = frames.days(rows.frame["inspection_date"]).astype(np.int64)
        self.establishment = frames.codes(rows.frame["establishment_id"])
        self.subsets = _subsets(rows.ids, attributes)
        self.groups: dict[str, dict[str, np.ndarray]] = {}
        self.foreseen: dict[str, dict[str, np.ndarray]] = {}
        table, key = frames.to_arrow(scores, PRODUCTION_COLUMNS, "scores"), _key(rows.days, rows.ids)
        numbers = table.drop_columns(["label", "model_group"])  # filtering texts takes ten times as long
        for label, by_week in decisions.items():
            of_label = pc.equal(table["label"], label)
            foreseen = {name: np.full(len(key), np.nan) for name in ("expected_find", "priority")}
            self.groups[label], self.foreseen[label] = {}, foreseen
            for group in sorted({used.model_group for used in by_week.values()}):
                part = numbers.filter(pc.and_(of_label, pc.equal(table["model_group"], group)))
                asked = _key(frames.days(part["week"]), part["inspection_id"].to_numpy())
                at = np.minimum(np.searchsorted(key, asked), max(0, len(key) - 1))
                # The backtest may reach back further than the inspections.
                known = np.flatnonzero(key[at] == asked) if len(key) else np.empty(0, dtype=np.intp)
                served = self._served(week for week, used in by_week.items() if used.model_group == group)
                for name, values in foreseen.items():
                    of_group = np.full(len(key), np.nan)
                    of_group[at[known]] = part[name].to_numpy()[known]
                    values[served] = of_group[served]
                    if name == "expected_find":
                        self.groups[label][group] = of_group

    def _served(self, weeks: Iterable[date]) -> np.ndarray:
        return np.flatnonzero(np.isin(self.weeks, np.array(sorted(weeks), dtype="datetime64[D]")))

    def span(self, first: date, last: date) -> slice:
        """Return the positions of the inspections of the weeks from ``first`` to ``last``, both included."""
        return self.rows.span(first, last)


def _key(weeks: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return (weeks.astype(np.int64) // 7 << _ID_BITS) + ids.astype(np.int64)


def _subsets(ids: np.ndarray, attributes: pd.DataFrame) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    known = attributes["inspection_id"].to_numpy(dtype=np.int64)
    order = np.argsort(known, kind="stable")
    at = order[np.searchsorted(known[order], ids)] if len(ids) else np.empty(0, dtype=np.intp)
    out = {}
    for name in attributes.columns:
        if name != "inspection_id":
            values = attributes[name].iloc[at]
            codes = frames.codes(values)
            out[name] = codes, frames.texts(values.iloc[np.unique(codes, return_index=True)[1]])
    return out
