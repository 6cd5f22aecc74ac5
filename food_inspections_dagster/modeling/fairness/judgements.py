"""Intervals of metrics and disparities, and the verdict on each."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.fairness.disparities import GroupMetrics
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import (
    BIAS_REPORT,
    CELLS,
    OUTSIDE,
    REFERENCE,
    TOO_SMALL,
    UNCERTAIN,
    UNDEFINED,
    VERDICTS,
    WITHIN,
)


@dataclass(frozen=True)
class Judged:
    """Metrics with intervals and verdicts (rows, metrics), sorted by week, attribute in the rule's order, and group.

    ``verdict`` is a place in ``VERDICTS``, or -1 for metrics that are reported only.
    """

    metrics: GroupMetrics
    low: np.ndarray
    high: np.ndarray
    disparity: np.ndarray
    disparity_low: np.ndarray
    disparity_high: np.ndarray
    n_ref: np.ndarray
    verdict: np.ndarray


def judge(parts: Sequence[GroupMetrics], rule: AuditRule) -> Judged:
    """Judge groups against the configured reference; the other references are reported only."""
    starts = np.cumsum([0, *(len(part.group) for part in parts)])
    joined = {
        name: np.concatenate([getattr(part, name) for part in parts]) for name in GroupMetrics.__dataclass_fields__
    }
    joined["at"] = np.concatenate(
        [np.where(part.at < 0, -1, part.at + start) for part, start in zip(parts, starts[:-1], strict=True)]
    )
    rank = {name: place for place, name in enumerate(rule.attributes)}
    attribute = np.array([rank[name] for name in joined["attribute"]])
    # Groups of a part are in order already, and the sort is stable.
    order = np.lexsort((attribute, joined["week"]))
    back = np.empty(len(order) + 1, dtype=np.int64)
    back[order], back[-1] = np.arange(len(order)), -1
    of = GroupMetrics(**{name: (back[values] if name == "at" else values)[order] for name, values in joined.items()})

    without = (of.at < 0)[:, None]
    n_ref, base, base_effective = (np.where(without, math.nan, x[of.at]) for x in (of.n, of.value, of.effective))
    is_reference = (of.at == np.arange(len(of.at)))[:, None]
    low, high = metrics.wilson(of.value, of.effective, rule.confidence)
    disparity_low, disparity_high = metrics.ratio_interval(
        of.value, of.effective, base, base_effective, rule.confidence
    )
    disparity_low[is_reference[:, 0]] = disparity_high[is_reference[:, 0]] = math.nan
    disparity = np.where(base == 0, math.nan, of.disparity)
    few = ~(of.n >= rule.min_denominator) | ~(n_ref >= rule.min_denominator)
    few |= (of.group_size < rule.min_group_size)[:, None]
    inside = (disparity >= rule.tau_low) & (disparity <= rule.tau_high)
    surely = (disparity_low > rule.tau_high) | (disparity_high < rule.tau_low)
    names = np.array([metric in rule.judged_metrics for metric in CELLS])
    place = {name: at for at, name in enumerate(VERDICTS)}
    verdict = np.select(
        [~names, is_reference, few, base == 0, inside, surely],
        [-1, place[REFERENCE], place[TOO_SMALL], place[UNDEFINED], place[WITHIN], place[OUTSIDE]],
        default=place[UNCERTAIN],
    )
    return Judged(of, low, high, disparity, disparity_low, disparity_high, n_ref, verdict)


def table_of(judged: Judged) -> pd.DataFrame:
    """Return ``BIAS_REPORT``."""
    of, each = judged.metrics, len(CELLS)

    def texts(values: np.ndarray) -> pa.Array:
        return pa.array(values, pa.string()).take(pa.array(np.repeat(np.arange(len(values)), each)))

    def numbers(values: np.ndarray) -> pa.Array:
        return pa.array(values.ravel(), pa.float64(), from_pandas=True)

    verdict = judged.verdict.ravel()
    columns = {
        "week": pa.array(np.repeat(of.week, each)),
        "model_group": texts(of.model_group),
        "attribute": texts(of.attribute),
        "group": texts(of.group),
        "reference": texts(of.reference),
        "group_size": pa.array(np.repeat(of.group_size, each)),
        "metric": pa.array(list(CELLS)).take(pa.array(np.tile(np.arange(each), len(of.group)))),
        "n": numbers(of.n).cast(pa.int64()),
        "value": numbers(of.value),
        "value_low": numbers(judged.low),
        "value_high": numbers(judged.high),
        "disparity": numbers(judged.disparity),
        "disparity_low": numbers(judged.disparity_low),
        "disparity_high": numbers(judged.disparity_high),
        "majority_reference": texts(of.majority_reference),
        "majority_disparity": numbers(of.majority),
        "minimum_reference": pa.array(of.minimum_reference.ravel(), pa.string()),
        "minimum_disparity": numbers(of.minimum),
        "verdict": pa.array(VERDICTS).take(pa.array(verdict, mask=verdict < 0)),
    }
    return frames.to_pandas(pa.table(columns, schema=pa.schema(schemas.arrow_types(BIAS_REPORT).items())))
