"""Two ways to give every area its share of a list, and what each costs.

``quota`` fills the first places by the shares of the areas and leaves the order within them to the scores. ``rerank``
keeps the shares in every beginning of the list, as in fair ranking (Geyik, Ambler and Kenthapadi 2019, KDD, where an
area's count in the first m places lies between the floor and the ceiling of its share of m). Neither is applied
unless a department decides so. The same scores give the same order, whatever the order of the rows.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.fairness.disparities import crosstabs, disparities
from food_inspections_dagster.modeling.rules import AuditRule, RemedyRule
from food_inspections_dagster.modeling.schemas import CELLS, REMEDY_PRICES
from food_inspections_dagster.modeling.splits import evaluation_window


def remedied(
    rule: RemedyRule, score: np.ndarray, area: np.ndarray, places: int, identity: np.ndarray | None = None
) -> np.ndarray:
    """Return the positions of the rows in the order of the list, the first first; int64 (rows,).

    Args:
        score: probabilities, float64 (rows,).
        area: integers from 0, in the order of the areas' names (rows,), as ``frames.codes`` gives them.
        places: how many places of the list the quotas hold in; the rest follows by score.
        identity: what puts tied rows in order, such as establishment_id (rows,); their position where None.
    """
    identity = np.arange(len(score)) if identity is None else identity
    order = np.lexsort((identity, -score))
    if rule.kind == "none" or not len(score):
        return order
    if rule.kind == "rerank":
        return _interleaved(area[order], order)
    return _with_quotas(score[order], area[order], order, min(places, len(score)), rule.basis == "expected_finds")


def quotas(weight: np.ndarray, size: np.ndarray, places: int) -> np.ndarray:
    """Return how many of ``places`` each area holds, in proportion to ``weight``: largest remainders, int64 (areas,).

    No area holds more than its ``size``: what one cannot fill goes to the others in proportion. Equal remainders go to
    the first area by name.
    """
    filled = np.zeros(len(size), dtype=np.int64)
    places = min(places, int(size.sum()))
    while (left := places - int(filled.sum())) > 0:
        open_areas = filled < size
        if not weight[open_areas].sum() > 0:
            weight = np.where(open_areas, size - filled, 0).astype(np.float64)
        share = np.where(open_areas, weight, 0.0)
        exact = share * (left / share.sum())
        whole = np.minimum(np.floor(exact + 1e-9).astype(np.int64), size - filled)
        # By the remainder, then by name, among those that still have room.
        room = open_areas & (whole < size - filled)
        by_remainder = np.lexsort((np.arange(len(size)), -np.round(exact - whole, 9), ~room))
        whole[by_remainder[: min(left - int(whole.sum()), int(room.sum()))]] += 1
        filled += whole
    return filled


def _with_quotas(score: np.ndarray, area: np.ndarray, order: np.ndarray, places: int, by_finds: bool) -> np.ndarray:
    size = np.bincount(area)
    # Counted in whole millionths, so that a sum does not depend on the order of the rows.
    weight = np.bincount(area, np.rint(score * 1e6)) if by_finds else size.astype(np.float64)
    first = _place_within(area) < quotas(weight, size, places)[area]
    return np.concatenate([order[first], order[~first]])


def _place_within(area: np.ndarray) -> np.ndarray:
    """Return each row's place within its area, from 0, in the order of the rows."""
    by_area = np.argsort(area, kind="stable")
    starts = np.searchsorted(area[by_area], area[by_area])
    place = np.empty(len(area), dtype=np.int64)
    place[by_area] = np.arange(len(area)) - starts
    return place


def _interleaved(area: np.ndarray, order: np.ndarray) -> np.ndarray:
    """Return the rows so that in the first m places each area has its share of m, to within one place, for every m.

    Tijdeman 1980, The chairman assignment problem, Discrete Mathematics 32: 323-330. Whole numbers but for one
    division, so the choice does not depend on rounding; of equals the first area by name.
    """
    size = np.bincount(area).astype(np.int64)
    rows, areas = len(area), int(np.count_nonzero(size))
    queue = np.argsort(area, kind="stable")
    if areas < 2:
        return order[queue]
    taken = np.cumsum(size) - size
    gap = 2 * areas - 2
    behind = np.zeros(len(size), dtype=np.int64)  # size x m - rows x places so far
    divisor = np.maximum(size, 1)
    out = np.empty(rows, dtype=np.int64)
    for m in range(rows):
        behind += size
        urgency = np.where(behind * gap >= rows, (rows * (gap - 1) - behind * gap) / divisor, np.inf)
        urgency[size == 0] = np.inf
        chosen = int(np.argmin(urgency))
        behind[chosen] -= rows
        out[m] = queue[taken[chosen]]
        taken[chosen] += 1
    return order[out]


# ---------------------------------------------------------------------- the price


@dataclass(frozen=True)
class Price:
    """What a remedy costs on backtest rows, each as (without it, with it).

    Attributes:
        places: places on the lists of these weeks.
        expected: finds that the scores expected on these places; ``finds``: what was found there.
        days: mean days earlier of the visits that found something; None without one.
        disparity: the largest disparity of the attribute's groups on the judged metrics, as a factor of at least 1 from
            the reference; infinite where a group's is 0, None where nothing can be compared.
    """

    rule: RemedyRule
    weeks: int
    places: int
    expected: tuple[float, float]
    finds: tuple[int, int]
    days: tuple[float | None, float | None]
    disparity: tuple[float | None, float | None]
    sentence: str


def price_of(rule: RemedyRule, rows: pd.DataFrame, audit: AuditRule, period_weeks: int = 13) -> Price:
    """Return what a remedy costs: the weekly lists of backtest rows made without and with it.

    Each week's list holds ``audit.capacity_share`` of its inspections; an area's share is that of these inspections.
    Days earlier are counted by reordering each period of ``period_weeks``, counted back from the last week. Tied rows
    are in an order that has nothing to do with their dates.

    Args:
        rows: backtest rows, ``with_attributes``; all of them are used.

    Raises:
        FoodInspectionsError: where the rows lack the remedy's attribute.
    """
    if rule.attribute not in rows.columns:
        raise FoodInspectionsError(
            f"The rows have no column '{rule.attribute}', whose groups the remedy is for: join it to the backtest, "
            "or choose another attribute."
        )
    ids = rows["inspection_id"].to_numpy(dtype=np.int64)
    weeks = frames.days(rows["week"])
    at = np.lexsort((ids, weeks))
    weeks, rows = weeks[at], rows.iloc[at]
    tie = _scrambled(ids[at])
    score, label = rows["score"].to_numpy(dtype=np.float64), rows["label"].to_numpy(dtype=bool)
    area, names = frames.codes(rows[rule.attribute]), rows[rule.attribute]
    groups = frames.texts(names.iloc[np.unique(area, return_index=True)[1]])
    day = frames.days(rows["inspection_date"]).astype(np.int64)
    plain = RemedyRule(attribute=rule.attribute)
    number = weeks.astype(np.int64) // 7
    period = (number.max(initial=0) - number) // period_weeks

    listed, days = [], []
    for remedy in (plain, rule):
        on_list = np.zeros(len(rows), dtype=bool)
        for part, places, order in _orders(remedy, number, score, area, tie, audit.capacity_share):
            on_list[part[order[:places]]] = True
        rank = np.empty(len(rows))
        for part, _, order in _orders(remedy, period, score, area, tie, audit.capacity_share):
            rank[part[order]] = np.arange(len(part))
        earlier = metrics.reorder(-rank, day, period).days_earlier
        listed.append(on_list)
        days.append(float(earlier[label].sum() / label.sum()) if label.any() else None)
    expected = [float(score[on_list].sum()) for on_list in listed]
    finds = [int(label[on_list].sum()) for on_list in listed]
    largest = [_largest_disparity(on_list, label, area, groups, rule.attribute, audit) for on_list in listed]
    price = Price(
        rule,
        len(np.unique(weeks)),
        int(listed[0].sum()),
        (expected[0], expected[1]),
        (finds[0], finds[1]),
        (days[0], days[1]),
        (largest[0], largest[1]),
        "",
    )
    return Price(**{**price.__dict__, "sentence": _in_words(price)})


def prices(
    rows: Mapping[str, pd.DataFrame],
    selected: Mapping[date, str | None],
    remedies: Sequence[RemedyRule],
    audit: AuditRule,
    period_weeks: int = 13,
) -> pd.DataFrame:
    """Return ``REMEDY_PRICES``: what each remedy costs in the evaluation window that ends with each week.

    Args:
        rows: by model group its backtest rows, ``with_attributes``.
        selected: the selected group by week; a week without one, or without rows, has no rows here.
    """
    records = []
    for week, group in selected.items():
        if group is None:
            continue
        first, last = evaluation_window(week, audit.evaluation_weeks)
        days = frames.days(rows[group]["week"])
        window = rows[group][(days >= np.datetime64(first)) & (days <= np.datetime64(last))]
        for remedy in remedies if len(window) else ():
            price = price_of(remedy, window, audit, period_weeks)
            largest = [None if value is None or np.isinf(value) else value for value in price.disparity]
            records.append(
                {
                    "week": week,
                    **{name: getattr(remedy, name) for name in ("kind", "attribute", "basis")},
                    "places": price.places,
                    **dict(zip(("finds_without", "finds_with"), price.finds, strict=True)),
                    **dict(zip(("days_without", "days_with"), price.days, strict=True)),
                    **dict(zip(("disparity_without", "disparity_with"), largest, strict=True)),
                    "sentence": price.sentence,
                }
            )
    return schemas.typed(pd.DataFrame(records, columns=list(REMEDY_PRICES.columns)), REMEDY_PRICES)


def _orders(
    rule: RemedyRule, part_of: np.ndarray, score: np.ndarray, area: np.ndarray, tie: np.ndarray, share: float
) -> list[tuple[np.ndarray, int, np.ndarray]]:
    """Return for each part (a week, or a period) its rows, its places, and the order of its rows."""
    orders = []
    by_part = np.argsort(part_of, kind="stable")
    _, starts = np.unique(part_of[by_part], return_index=True)
    for part in np.split(by_part, starts[1:]) if len(by_part) else []:
        places = int(metrics.capacity(np.array(len(part)), share))
        orders.append((part, places, remedied(rule, score[part], area[part], places, tie[part])))
    return orders


def _scrambled(ids: np.ndarray) -> np.ndarray:
    """Return a number for each id that has nothing to do with its size: Knuth's multiplicative hash."""
    with np.errstate(over="ignore"):
        return ids.astype(np.uint64) * np.uint64(0x9E3779B97F4A7C15)


def _largest_disparity(
    listed: np.ndarray, label: np.ndarray, area: np.ndarray, groups: np.ndarray, attribute: str, audit: AuditRule
) -> float | None:
    cell = np.where(listed, np.where(label, 0, 1), np.where(label, 2, 3))
    cells = np.bincount(area * 4 + cell, minlength=4 * len(groups)).reshape(len(groups), 4)
    table = crosstabs(cells, groups, np.zeros(len(groups), dtype=np.int64), attribute)
    fixed = audit.references.get(attribute)
    _, disparity = disparities(table, attribute, fixed if fixed in groups else None)
    large = cells.sum(axis=1) >= audit.min_group_size
    largest = []
    for metric in audit.judged_metrics:
        column = list(CELLS).index(metric)
        under = [("tp", "fp", "fn", "tn").index(name) for name in CELLS[metric][1]]
        enough = large & (cells[:, under].sum(axis=1) >= audit.min_denominator)
        of_metric = disparity[enough, column]
        of_metric = of_metric[~np.isnan(of_metric)]
        with np.errstate(divide="ignore"):
            largest += np.maximum(of_metric, 1 / of_metric).tolist()
    return max(largest, default=None)


def _in_words(price: Price) -> str:
    rule = price.rule
    if rule.kind == "none":
        return "The list is in the order of the scores: no remedy, no price."
    finds, days = price.finds, price.days
    way = {
        ("quota", "cohort"): f"Quotas by {rule.attribute} in proportion to the establishments",
        ("quota", "expected_finds"): f"Quotas by {rule.attribute} in proportion to expected finds",
        ("rerank", "cohort"): f"Re-ranking within {rule.attribute}",
    }[rule.kind, rule.basis]
    lost = finds[0] - finds[1]
    share = f" ({abs(lost) / finds[0]:.0%})" if finds[0] else ""
    sentence = (
        f"{way}: {abs(lost):,} {'fewer' if lost >= 0 else 'more'} finds{share} in the {price.places:,} first places of "
        f"{price.weeks} weekly lists ({finds[1]:,} instead of {finds[0]:,}; expected were {price.expected[1]:,.0f} and "
        f"{price.expected[0]:,.0f})"
    )
    if days[0] is not None and days[1] is not None:
        sentence += f", finds come {days[1]:.1f} days earlier instead of {days[0]:.1f}"
    before, after = (_factor(value) for value in price.disparity)
    return f"{sentence}, and the largest disparity by {rule.attribute} is {after} instead of {before}."


def _factor(disparity: float | None) -> str:
    if disparity is None:
        return "unknown"
    return "beyond measure (a rate of 0)" if np.isinf(disparity) else f"{disparity:.2f} times"
