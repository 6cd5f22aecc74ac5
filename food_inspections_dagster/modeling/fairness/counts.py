"""Counts of the confusion matrix by group, as running sums over weeks."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.fairness.rows import on_list
from food_inspections_dagster.modeling.rules import AuditRule


@dataclass(frozen=True)
class GroupCounts:
    """What the windows of some weeks count in the groups of one attribute; whole numbers, so adding is exact.

    Attributes:
        names: the groups, in the order of their names.
        cells: tp, fp, fn, tn; int64 (weeks, groups, 4).
        products: sums over establishments of the product of two cells; int64 (weeks, groups, 4, 4).
        clusters: establishments; int64 (weeks, groups).
    """

    names: np.ndarray
    cells: np.ndarray
    products: np.ndarray
    clusters: np.ndarray


class AuditedRows:
    """The audited rows of one model group, and running sums over their weeks."""

    def __init__(self, rows: pd.DataFrame, rule: AuditRule):
        missing = [a for a in rule.attributes if a not in rows.columns]
        if missing:
            raise FoodInspectionsError(
                f"The rows to audit have no column '{missing[0]}': correct the rule's attributes, or join the "
                "column to the backtest."
            )
        self.rows, self.length = rows, rule.evaluation_weeks
        week = frames.days(rows["week"]).astype(np.int64) // 7
        self.first = int(week.min()) if len(week) else 0
        self.week = week - self.first
        self.weeks = int(self.week.max()) + 1 if len(week) else 0
        self.cluster = frames.codes(rows["establishment_id"])
        listed, label = on_list(rows, rule.capacity_share), rows["label"].to_numpy(dtype=bool)
        self.cell = np.where(listed, np.where(label, 0, 1), np.where(label, 2, 3))
        self._per_week = np.bincount(self.week, minlength=self.weeks)

    def windows(self, weeks: Sequence[date]) -> np.ndarray:
        """Return the place of each week's window in the running sums; those without rows share an empty one."""
        at = np.array(weeks, dtype="datetime64[D]").astype(np.int64) // 7 - self.first
        return np.where((at >= 0) & (at < self.weeks + self.length - 1), at, self.weeks + self.length - 1)

    def sizes(self, weeks: Sequence[date]) -> list[int]:
        """Return the rows of each week's window."""
        return self._running(self.week, self.week + self.length, 1)[self.windows(weeks), 0].tolist()

    def counts(self, attribute: str, weeks: Sequence[date]) -> GroupCounts:
        """Count the windows that end with ``weeks``."""
        group = frames.codes(self.rows[attribute])
        names = frames.texts(self.rows[attribute].iloc[np.unique(group, return_index=True)[1]])
        at = self.windows(weeks)
        length, kinds = self.length, len(names) * 4
        flat = group * 4 + self.cell
        cells = self._running(self.week, self.week + length, kinds, flat)[at].reshape(len(at), len(names), 4)

        key = group * (int(self.cluster.max(initial=0)) + 1) + self.cluster
        shape = (self.weeks + length, len(names))
        clusters = metrics.count_keys(key, self.week, length, group, shape)[at]
        # Two rows of an establishment add to the product of its cells in the windows that hold both.
        early, late = metrics.pairs_within(key, self.week, length)
        which = (group[early] * 4 + self.cell[early]) * 4 + self.cell[late]
        products = self._running(self.week[late], self.week[early] + length, kinds * 4, which)[at]
        products = products.reshape(len(at), len(names), 4, 4)
        products = products + products.transpose(0, 1, 3, 2)
        products[:, :, range(4), range(4)] += cells
        return GroupCounts(names, cells, products, clusters)

    def _running(self, begin: np.ndarray, end: np.ndarray, kinds: int, kind: np.ndarray | int = 0) -> np.ndarray:
        """Return how many events hold in each window (windows, kinds); each from window ``begin`` until ``end``."""
        return metrics.running_counts(begin, end, kind, (self.weeks + self.length, kinds))
