"""Aequitas' metrics of groups and their disparities to reference groups."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from food_inspections_dagster.modeling.fairness.counts import GroupCounts
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import (
    CELLS,
)

_CONFUSION = ("tp", "fp", "fn", "tn")


@dataclass(frozen=True)
class GroupMetrics:
    """The metrics of groups, one row per week and group that has rows; texts are objects, numbers float64.

    Attributes:
        n, value, effective, disparity: (rows, metrics), in the order of ``CELLS``; ``effective`` is the denominator
            as so many independent rows.
        reference: the group that each is compared with, None where it has no rows; ``at`` its row, -1 without.
        majority_reference, majority: the largest group (rows,), and the disparities to it (rows, metrics).
        minimum_reference, minimum: of each metric the group with the least value among those that are large enough to
            judge, None without, and the disparities of such groups to it; (rows, metrics).
    """

    week: np.ndarray
    model_group: np.ndarray
    attribute: np.ndarray
    group: np.ndarray
    group_size: np.ndarray
    n: np.ndarray
    value: np.ndarray
    effective: np.ndarray
    disparity: np.ndarray
    reference: np.ndarray
    at: np.ndarray
    majority_reference: np.ndarray
    majority: np.ndarray
    minimum_reference: np.ndarray
    minimum: np.ndarray


def crosstabs(cells: np.ndarray, groups: np.ndarray, windows: np.ndarray, attribute: str) -> pd.DataFrame:
    """Return counts in the shape of Aequitas' ``Group.get_crosstabs``, all windows in one frame.

    Aequitas counts the rows of one window at a time, of which 880 cost 6 s of CPU; it gives the same numbers on the
    rows themselves.

    Args:
        cells: tp, fp, fn, tn; int64 (rows, 4).
        groups: attribute values (rows,).
        windows: integers (rows,), Aequitas' model_id: it compares within one.
    """
    tp, fp, fn, tn = cells.T
    count = dict(zip(_CONFUSION, cells.T, strict=True))
    size = cells.sum(axis=1)
    of_window = np.bincount(windows, weights=tp + fp).astype(np.int64)[windows]
    frame: dict[str, object] = {
        "model_id": windows,
        "score_threshold": "binary 0/1",
        "k": of_window,
        "attribute_name": attribute,
        "attribute_value": groups,
    }
    for metric, (over, under) in CELLS.items():
        whole = sum((count[c] for c in under), np.zeros_like(tp)) if under else of_window
        frame[metric] = _share(sum((count[c] for c in over), np.zeros_like(tp)), whole)
    return pd.DataFrame(
        {
            **frame,
            "pp": fp + tp,
            "pn": fn + tn,
            **count,
            "group_label_pos": fn + tp,
            "group_label_neg": fp + tn,
            "group_size": size,
            "total_entities": np.bincount(windows, weights=size).astype(np.int64)[windows],
        }
    )


def _share(part: np.ndarray, whole: np.ndarray) -> np.ndarray:
    return np.divide(part, whole, out=np.full(part.shape, math.nan), where=whole > 0)


def group_metrics(
    counts: GroupCounts,
    attribute: str,
    weeks: Sequence[date],
    model_group: str,
    rule: AuditRule,
    judged_only: bool = False,
) -> GroupMetrics:
    """Return the metrics of an attribute's groups; ``judged_only`` leaves out references that no verdict rests on."""
    window, group = np.nonzero(counts.cells.any(axis=2))
    cells = counts.cells[window, group]
    n, effective = effective_sizes(cells, counts.products[window, group], counts.clusters[window, group])
    table = crosstabs(cells, counts.names[group], window, attribute)
    reference, disparity = disparities(table, attribute, rule.references.get(attribute))
    unknown = np.full((len(table), len(CELLS)), None), np.full((len(table), len(CELLS)), math.nan)
    majority_reference, majority, minimum_reference, minimum = unknown[0][:, 0], unknown[1], *unknown
    if not judged_only:
        majority_reference, majority = disparities(table, attribute, None)
        minimum_reference, minimum = minimum_disparities(table, attribute, n, rule)
    code = {name: place for place, name in enumerate(counts.names)}
    place = np.full((len(weeks), len(counts.names) + 1), -1)
    place[window, group] = np.arange(len(window))
    return GroupMetrics(
        week=np.array(weeks, dtype="datetime64[D]")[window],
        model_group=np.full(len(window), model_group, dtype=object),
        attribute=np.full(len(window), attribute, dtype=object),
        group=counts.names[group],
        group_size=cells.sum(axis=1),
        n=n,
        value=table[list(CELLS)].to_numpy(dtype=float),
        effective=effective,
        disparity=disparity,
        reference=reference,
        at=place[window, [code.get(name, -1) for name in reference]],
        majority_reference=majority_reference,
        majority=majority,
        minimum_reference=minimum_reference,
        minimum=minimum,
    )


def effective_sizes(cells: np.ndarray, products: np.ndarray, clusters: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return per group and metric the denominator and its effective size under clustering (rows, metrics).

    The linearised variance of a ratio with establishments as sampling units, against the binomial one: their
    quotient is the design effect, and the denominator is divided by it where it is above 1. The sum over clusters
    of (numerator - share x denominator)² follows from the sums of products of cells. NaN without a denominator.
    """
    over, under = (
        np.array([[cell in of[side] for cell in _CONFUSION] for of in CELLS.values()], dtype=np.int64)
        for side in (0, 1)
    )
    hits, n = cells @ over.T, cells @ under.T
    flat = products.reshape(len(cells), 16)

    def product(left: np.ndarray, right: np.ndarray) -> np.ndarray:
        return flat @ (left[:, :, None] * right[:, None, :]).reshape(len(CELLS), 16).T

    mixed = product(over, under)
    share = _share(hits, n)
    # Whole numbers up to the last step: nothing is lost where two large sums nearly cancel.
    left = n * product(over, over) - hits * mixed
    right = n * mixed - hits * product(under, under)
    square = _share(left - share * right, n)
    factor = np.divide(clusters, clusters - 1, out=np.ones(len(clusters)), where=clusters > 1)[:, None]
    binomial = share * (1 - share) * n
    effect = np.divide(factor * square, binomial, out=np.ones(square.shape), where=binomial > 0)
    rated = under.any(axis=1)
    n = np.where(rated, n, math.nan)
    return n, n / np.maximum(1.0, effect)


def disparities(table: pd.DataFrame, attribute: str, fixed: str | None) -> tuple[np.ndarray, np.ndarray]:
    """Let Aequitas divide the metrics by those of a reference group, all windows in one call.

    Args:
        table: ``crosstabs`` of an attribute.
        fixed: the reference group; None for the largest of each window.

    Returns:
        the reference of each row, None where its window has none; object (rows,).
        the disparities, NaN where the reference is 0 or unknown; float64 (rows, metrics).
    """
    bias = _bias()
    # Aequitas joins, and may drop rows and put others in another order.
    compared = table.assign(row=np.arange(len(table)))
    if fixed is None:
        compared = bias.get_disparity_major_group(compared, None)
    else:
        present = table.loc[table["attribute_value"] == fixed, "model_id"]
        compared = compared.loc[compared["model_id"].isin(present)].reset_index(drop=True)
        if len(compared):  # Aequitas drops windows without the reference: they keep null disparities
            compared = bias.get_disparity_predefined_groups(compared, None, {attribute: fixed})
    reference, disparity = _of_rows(compared, len(table))
    return reference[:, 0], disparity


def minimum_disparities(
    table: pd.DataFrame, attribute: str, n: np.ndarray, rule: AuditRule
) -> tuple[np.ndarray, np.ndarray]:
    """Let Aequitas take, for each metric and window, the group with the least value as the reference.

    Only groups that the rule calls large enough are compared: of all groups the least is the chance zero of one with a
    handful of rows.

    Args:
        table: ``crosstabs`` of an attribute.
        n: denominators (rows, metrics); NaN for a metric that has none.

    Returns:
        references (None without one) and disparities (NaN where unknown, or the reference is 0); (rows, metrics).
    """
    value = table[list(CELLS)].to_numpy(dtype=float)
    enough = (table["group_size"].to_numpy() >= rule.min_group_size)[:, None] & ~np.isnan(value)
    enough &= np.isnan(n) | (n >= rule.min_denominator)
    # Infinite, as Aequitas has a fault where all values of a window are NaN; it makes NaN of them.
    candidates = table.assign(**dict(zip(CELLS, np.where(enough, value, math.inf).T, strict=True)))
    if not len(table):
        return _of_rows(candidates, 0)
    compared = _bias().get_disparity_min_metric(candidates.assign(row=np.arange(len(table))), None)
    reference, disparity = _of_rows(compared, len(table))
    windows = table["model_id"].to_numpy()
    some = np.zeros((windows.max() + 1, len(CELLS)), dtype=bool)
    np.logical_or.at(some, windows, enough)
    reference[~some[windows]] = None
    return reference, disparity


def _bias() -> Any:
    # Importing Aequitas takes 2.6 s (it loads its plotting), so it is done where it is needed.
    from aequitas.bias import Bias

    # Aequitas would give 10 where the reference is 0.
    return Bias(input_group_metrics=list(CELLS), fill_divbyzero=math.nan)


def _of_rows(compared: pd.DataFrame, rows: int) -> tuple[np.ndarray, np.ndarray]:
    """Return references and disparities (rows, metrics) in the order of ``row``; None and NaN for rows left out."""
    reference = np.full((rows, len(CELLS)), None, dtype=object)
    disparity = np.full((rows, len(CELLS)), math.nan)
    if len(compared):
        at = compared["row"].to_numpy()
        reference[at] = compared[[f"{metric}_ref_group_value" for metric in CELLS]].to_numpy(dtype=object)
        disparity[at] = compared[[f"{metric}_disparity" for metric in CELLS]].to_numpy(dtype=float)
    return reference, disparity
