"""Rules of choice, compared by their regret: how much worse was what they chose than what turned out best?

Triage's audition over the table of evaluations. A rule sees the test periods up to one, chooses a model group, and is
judged on the period after it. So a row belongs to the partition of the later period, and nothing looks ahead.

Source: triage, ``component/audition/selection_rules.py``.
"""

import math
from collections.abc import Callable, Mapping
from types import MappingProxyType

import numpy as np
import pandas as pd

from food_inspections_dagster import schemas
from food_inspections_dagster.errors import FoodInspectionsError, nearest
from food_inspections_dagster.modeling.rules import AUDITION_RULES, EVALUATION_METRICS, AuditionRule
from food_inspections_dagster.modeling.schemas import AUDITIONS
from food_inspections_dagster.weeks import WEEK

#: The metric by period (rows, oldest first) and candidate; NaN where a candidate was not evaluated. More is better.
Values = np.ndarray
Weighing = Callable[[Values, AuditionRule], np.ndarray]


def _mean(values: Values) -> np.ndarray:
    return np.nanmean(values, axis=0)


def _spread(values: Values) -> np.ndarray:
    """Return sample standard deviations; 0 where there is one period only."""
    periods = np.count_nonzero(~np.isnan(values), axis=0)
    squares = np.nansum((values - _mean(values)) ** 2, axis=0)
    return np.sqrt(squares / np.maximum(1, periods - 1))


def _near_best(values: Values, rule: AuditionRule) -> np.ndarray:
    best = np.nanmax(values, axis=1, keepdims=True)
    # The margin keeps a distance of exactly 0.01 from being lost to rounding.
    near = values >= best - rule.distance - 1e-12
    return near.sum(axis=0) / np.count_nonzero(~np.isnan(values), axis=0)


def _recent(values: Values, rule: AuditionRule) -> np.ndarray:
    weight = np.linspace(1.0, rule.current_weight, len(values)) if len(values) > 1 else np.ones(1)
    known = ~np.isnan(values)
    return np.nansum(values * weight[:, None], axis=0) / (known * weight[:, None]).sum(axis=0)


#: By rule: what each candidate is worth to it, from all periods so far; the highest is chosen.
_WORTH: Mapping[str, Weighing] = MappingProxyType(
    {
        "best_current_value": lambda values, _: values[-1],
        "best_average_value": lambda values, _: _mean(values),
        "lowest_metric_variance": lambda values, _: -_spread(values),
        "most_frequent_best_dist": _near_best,
        "best_avg_var_penalized": lambda values, rule: _mean(values) - rule.stdev_penalty * _spread(values),
        "best_avg_recency_weight": _recent,
        "preferred_within_tolerance": lambda values, rule: (
            values[-1] >= np.nanmax(values[-1]) - rule.tie_tolerance - 1e-12
        ).astype(np.float64),
    }
)


def choose(history: pd.DataFrame, name: str, rule: AuditionRule) -> str | None:
    """Return the model group that a rule of choice takes after the periods of ``history``.

    Args:
        history: the metric by period (index, ascending) and model group (columns); null where not evaluated.
        name: the rule of choice.

    Returns:
        The group; None for ``random``, and where no group has a value in the newest period. Groups that are worth the
        same are told apart by the order of preference, then by name.

    Raises:
        FoodInspectionsError: where there is no such rule.
    """
    if name not in AUDITION_RULES:
        raise FoodInspectionsError(f"There is no rule of choice '{name}': {nearest(name, AUDITION_RULES)}.")
    if name == "random" or not len(history):
        return None
    values = history.to_numpy(dtype=np.float64, na_value=np.nan)
    known = np.flatnonzero(~np.isnan(values[-1]))
    if not len(known):
        return None
    values = values[:, known] if EVALUATION_METRICS[rule.metric] else -values[:, known]
    values = values[~np.isnan(values).all(axis=1)]
    groups = [str(history.columns[at]) for at in known.tolist()]
    worth = _WORTH[name](values, rule)
    return min(zip(-worth, map(rule_preference(rule), groups), strict=True))[1][1]


def rule_preference(rule: AuditionRule) -> Callable[[str], tuple[int, str]]:
    """Return the key that sorts groups by preference, then by name."""
    order = rule.preference_order
    return lambda group: (order.index(group) if group in order else len(order), group)


def history(evaluations: pd.DataFrame, metric: str, label: str, score: str, test_weeks: int) -> pd.DataFrame:
    """Return a metric on all inspections by last week of the period (index, ascending) and model group (columns)."""
    rows = evaluations.loc[
        (evaluations["subset_kind"] == "all")
        & (evaluations["label"] == label)
        & (evaluations["score"] == score)
        & (evaluations["test_weeks"] == test_weeks)
    ]
    wide = rows.pivot(index="week", columns="model_group", values=metric).sort_index()
    return wide[sorted(wide.columns)].astype("float64")


def audition(evaluations: pd.DataFrame, rule: AuditionRule) -> pd.DataFrame:
    """Judge each rule of choice in each test period by what it would have chosen after the period before.

    Args:
        evaluations: rows of EVALUATIONS; the subset of all inspections is read.

    Returns:
        rows of AUDITIONS. ``random`` is the mean over the candidates: what drawing one would give. The regret is in
        units of the metric, and 0 where the best was chosen. Candidates are the groups evaluated in both periods; a
        period without the period right before it has no rows.
    """
    higher = EVALUATION_METRICS[rule.metric]
    records = []
    kinds = evaluations[["label", "score", "test_weeks"]].drop_duplicates()
    for label, score, test_weeks in sorted(kinds.itertuples(index=False, name=None)):
        table = history(evaluations, rule.metric, label, score, int(test_weeks))
        weeks = list(table.index)
        for at in range(1, len(weeks)):
            # Periods longer than the time between fits overlap: the newest that has ended before this one begins.
            seen = [before for before in range(at) if weeks[before] <= weeks[at] - WEEK * int(test_weeks)]
            if not seen:
                continue
            now, before = table.iloc[at], table.iloc[seen[-1]]
            candidates = [group for group in table.columns if not (math.isnan(now[group]) or math.isnan(before[group]))]
            if not candidates:
                continue
            past = table.iloc[: seen[-1] + 1][candidates]
            values = now[candidates]
            best = min(candidates, key=lambda g: (-values[g] if higher else values[g], rule_preference(rule)(g)))
            for name in rule.rules:
                chosen = choose(past, name, rule)
                value = float(values.mean()) if chosen is None else float(values[chosen])
                regret = float(values[best]) - value if higher else value - float(values[best])
                records.append(
                    {
                        "week": weeks[at],
                        "decided": weeks[seen[-1]],
                        "test_weeks": test_weeks,
                        "label": label,
                        "score": score,
                        "metric": rule.metric,
                        "rule": name,
                        "candidates": len(candidates),
                        "model_group": chosen,
                        "value": value,
                        "best_group": best,
                        "best_value": float(values[best]),
                        # The mean of equal values may exceed them by the last bit.
                        "regret": max(0.0, regret),
                    }
                )
    if not records:
        return schemas.empty(AUDITIONS)
    table = pd.DataFrame.from_records(records).sort_values(list(AUDITIONS.unique or ()), ignore_index=True)
    return schemas.typed(table, AUDITIONS)
