"""Who gains and who waits: days earlier by group, and how far the groups lie apart.

The inspections of each period are put on its dates in the order of the scores (``metrics.reorder``, the City's
simulation). Somebody's earlier date is another's later one; of the visits that found something, this says whose.
"""

import functools
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.fairness.words import EVERYBODY, OVERALL
from food_inspections_dagster.modeling.rules import SelectionRule
from food_inspections_dagster.modeling.schemas import LIST_EFFECTS
from food_inspections_dagster.modeling.splits import evaluation_window
from food_inspections_dagster.weeks import WEEK


def list_effects(
    rows: Mapping[str, pd.DataFrame],
    attributes: Sequence[str],
    selected: Mapping[date, str | None],
    rule: SelectionRule,
) -> pd.DataFrame:
    """Return ``LIST_EFFECTS`` for the evaluation window that ends with each week.

    Args:
        rows: by model group its backtest rows, ``with_attributes``.
        attributes: columns of the rows whose groups are compared; all rows are the group ``EVERYBODY`` of ``OVERALL``.
        selected: the selected group by week; a week without one, or without rows, has no rows here.
        rule: its window, its periods (counted back from the week) and the level of its intervals.
    """
    prepared = {group: _Effects(rows[group], attributes, rule) for group in {*selected.values()} - {None} if group}
    tables = [table for week, group in selected.items() if group is not None for table in prepared[group].of(week)]
    if not tables:
        return schemas.empty(LIST_EFFECTS)
    return schemas.typed({name: np.concatenate([table[name] for table in tables]) for name in tables[0]}, LIST_EFFECTS)


class _Effects:
    """The rows of one model group, and what its order would have changed in each window."""

    def __init__(self, rows: pd.DataFrame, attributes: Sequence[str], rule: SelectionRule):
        self.rule = rule
        weeks, ids = frames.days(rows["week"]), rows["inspection_id"].to_numpy(dtype=np.int64)
        order = np.lexsort((ids, weeks))
        self.week, rows = weeks[order], rows.iloc[order]
        self.day = frames.days(rows["inspection_date"]).astype(np.int64)
        self.score, self.label = rows["score"].to_numpy(dtype=np.float64), rows["label"].to_numpy(dtype=bool)
        self.cluster = frames.codes(rows["establishment_id"])
        self.groups: dict[str, tuple[np.ndarray, np.ndarray]] = {
            OVERALL: (np.zeros(len(rows), dtype=np.int64), np.array([EVERYBODY], dtype=object))
        }
        for name in attributes:
            code = frames.codes(rows[name])
            self.groups[name] = code, frames.texts(rows[name].iloc[np.unique(code, return_index=True)[1]])
        # A period of 13 weeks is whole in four windows, which lie 13 weeks apart.
        self._period = functools.lru_cache(maxsize=2 * rule.evaluation_weeks)(self._days_earlier)

    def of(self, week: date) -> list[dict[str, np.ndarray]]:
        """Return the columns of ``LIST_EFFECTS`` for the window that ends with ``week``, by attribute."""
        first, last = evaluation_window(week, self.rule.evaluation_weeks)
        span = frames.span(self.week, first, last)
        period, parts = WEEK * self.rule.period_weeks, []
        while last >= first:
            parts.append(self._period(max(first, last - period + WEEK), last))
            last -= period
        earlier, label, cluster = np.concatenate(parts[::-1]), self.label[span], self.cluster[span]
        tables = []
        for attribute, (code, names) in self.groups.items():
            here = code[span]
            size = np.bincount(here, minlength=len(names))
            positives = np.bincount(here[label], minlength=len(names))
            mean, error = clustered_means(earlier[label], here[label], cluster[label], len(names))
            reach = metrics.z_of(self.rule.confidence) * error
            at = np.flatnonzero(size)
            tables.append(
                {
                    "week": np.full(len(at), week, dtype=object),
                    "attribute": np.full(len(at), attribute, dtype=object),
                    "group": names[at],
                    "rows": size[at],
                    "positives": positives[at],
                    "days_earlier": mean[at],
                    "low": (mean - reach)[at],
                    "high": (mean + reach)[at],
                }
            )
        return tables

    def _days_earlier(self, first: date, last: date) -> np.ndarray:
        span = frames.span(self.week, first, last)
        return metrics.Slots.of(self.day[span]).reordered(self.score[span]).days_earlier


def clustered_means(
    values: np.ndarray, group: np.ndarray, cluster: np.ndarray, groups: int
) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean of each group and its clustered standard error, float64 (groups,).

    NaN for a group without rows; the error also with fewer than two clusters.

    Args:
        values: float64 (rows,).
        group, cluster: integers from 0 (rows,).
    """
    n = np.bincount(group, minlength=groups)
    with np.errstate(invalid="ignore", divide="ignore"):
        mean = np.bincount(group, weights=values, minlength=groups) / n
        base = int(cluster.max(initial=0)) + 1
        each, member = np.unique(group * base + cluster, return_inverse=True)
        group_of = each // base
        residual = np.bincount(member, weights=values - mean[group], minlength=len(each))
        square = np.bincount(group_of, weights=residual**2, minlength=groups)
        clusters = np.bincount(group_of, minlength=groups)
        error = np.sqrt(clusters / (clusters - 1) * square) / n
    error[clusters < 2] = np.nan
    return mean, error


@dataclass(frozen=True)
class Spread:
    """How far the groups of an attribute lie apart in days earlier.

    Attributes:
        gains, waits: the groups with the most and with the fewest days earlier.
        most, least: theirs; ``width`` is the difference.
        deviation: standard deviation over the groups, each counted once.
        groups, left_out: groups compared, and those with too few visits that found something.
    """

    gains: str
    waits: str
    most: float
    least: float
    width: float
    deviation: float
    groups: int
    left_out: int
    sentence: str


def spread(effects: pd.DataFrame, week: date, attribute: str, min_positives: int = 10) -> Spread | None:
    """Return who gains and who waits in a week, None where fewer than two groups can be compared.

    Args:
        effects: ``LIST_EFFECTS``.
        min_positives: groups with fewer visits that found something are left out.
    """
    here = effects[(effects["week"] == week) & (effects["attribute"] == attribute)]
    enough = here["positives"].to_numpy(dtype=np.int64) >= max(1, min_positives)
    compared = here[enough].sort_values(["days_earlier", "group"], ignore_index=True)
    if len(compared) < 2:
        return None
    days = compared["days_earlier"].to_numpy(dtype=np.float64)
    names = compared["group"].tolist()
    later = compared["group"][compared["high"].to_numpy(dtype=np.float64, na_value=np.nan) < 0].tolist()
    least, most = float(days[0]), float(days[-1])
    deviation = float(days.std())
    sentence = (
        f"By {attribute} the visits that found something would have come between {_days(least)} ({names[0]}) and "
        f"{_days(most)} ({names[-1]}): {most - least:.1f} days apart, with a standard deviation of {deviation:.1f} "
        f"over {len(names)} groups"
    )
    if later:
        sentence += f"; surely later than without the list: {', '.join(later)}"
    left_out = int((~enough).sum())
    if left_out:
        sentence += f"; {left_out} {'group has' if left_out == 1 else 'groups have'} fewer than {min_positives}"
    return Spread(names[-1], names[0], most, least, most - least, deviation, len(names), left_out, f"{sentence}.")


def _days(days: float) -> str:
    return f"{abs(days):.1f} days {'later' if days < 0 else 'earlier'}"
