"""A week's plan: which places each inspector visits on which day, and what that gives against the usual order.

Pure: places and what there is to spend go in, visits and numbers come out. The usual order is by the time since the
last visit, the longest first, as departments go where nothing tells them more.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np

#: Attributes by which shares of visits are compared.
COMPARED = ("side", "facility_type", "risk")
_FIRST_VISIT_DAYS = 10 * 365  # since the last visit, for who never had one: before all but the longest waits


@dataclass(frozen=True)
class MustVisit:
    """Places that are visited whatever their rank: of some kinds, and not visited for so many days.

    Attributes:
        facility_types: kinds of facility; all where empty.
        risks: the City's risk classes; all where empty.
        days: since the last visit, at least.
    """

    facility_types: tuple[str, ...] = ()
    risks: tuple[int, ...] = ()
    days: int = 0

    def applies(self, place: Mapping[str, Any], waited: float) -> bool:
        """Tell whether it asks for a visit to a place."""
        return (
            (not self.facility_types or place["facility_type"] in self.facility_types)
            and (not self.risks or place["risk"] in self.risks)
            and waited >= self.days
        )


@dataclass(frozen=True)
class Staff:
    """Who can go: ``inspectors`` people, each with so many visits on each of so many days."""

    inspectors: int
    visits_per_day: int
    days: int

    @property
    def visits(self) -> int:
        """All visits that can be made."""
        return self.inspectors * self.visits_per_day * self.days


@dataclass(frozen=True)
class Visit:
    """One visit of a plan; inspector, day and stop count from 1."""

    place: Mapping[str, Any]
    inspector: int
    day: int
    stop: int
    why: str
    is_must: bool


@dataclass(frozen=True)
class Share:
    """How visits are shared among the groups of an attribute.

    Attributes:
        places, planned, usual: of the group, all, visited in the plan, and in the usual order.
        disparity: share of the group's places that the plan visits, over that of the other places; None where they get
            no visit.
    """

    attribute: str
    group: str
    places: int
    planned: int
    usual: int
    disparity: float | None
    usual_disparity: float | None


@dataclass(frozen=True)
class Plan:
    """A plan and what it gives.

    Attributes:
        must_left: places that had to be visited and for which there is no visit left.
        expected_finds, usual_finds: visits that are expected to find something, in the plan and in the usual order.
        days_earlier: by which the expected finds among the planned places come earlier than in the usual order of the
            same places; None where none is expected.
    """

    visits: tuple[Visit, ...]
    must_left: int
    expected_finds: float
    usual_finds: float
    days_earlier: float | None
    shares: tuple[Share, ...]


def plan(places: Sequence[Mapping[str, Any]], staff: Staff, must: Sequence[MustVisit], as_of: date) -> Plan:
    """Plan a week.

    Args:
        places: rows of ``priorities`` that may be visited, of one list.
        must: rules for places that come first, the longest wait before the others.
        as_of: the first day of the plan, from which waits are counted.
    """
    ranked = sorted(places, key=lambda place: place["rank"])
    waited = np.array([_waited(place, as_of) for place in ranked])
    asked = np.array(
        [any(rule.applies(p, w) for rule in must) for p, w in zip(ranked, waited, strict=True)], dtype=bool
    )
    finds = np.array([place["expected_find"] for place in ranked], dtype=float)
    positions = np.arange(len(ranked))
    usual = positions[np.lexsort((positions, -waited))]
    order = np.concatenate([usual[asked[usual]], positions[~asked]]).astype(int)
    chosen, as_usual = order[: staff.visits], usual[: staff.visits]
    return Plan(
        visits=tuple(_visits(ranked, chosen, waited, asked, staff)),
        must_left=max(0, int(asked.sum()) - staff.visits),
        expected_finds=float(finds[chosen].sum()),
        usual_finds=float(finds[as_usual].sum()),
        days_earlier=_days_earlier(chosen, usual, finds, staff),
        shares=tuple(_shares(ranked, chosen, as_usual)),
    )


def _waited(place: Mapping[str, Any], as_of: date) -> float:
    last = place["last_inspection_date"]
    return _FIRST_VISIT_DAYS if last is None else (as_of - last).days


def _days_earlier(chosen: np.ndarray, usual: np.ndarray, finds: np.ndarray, staff: Staff) -> float | None:
    """Return the mean days by which what is expected to be found comes earlier, over the same places and days."""
    weights = finds[chosen]
    if not len(chosen) or not weights.sum():
        return None
    day = np.arange(len(chosen)) // (staff.inspectors * staff.visits_per_day)
    place_of = {position: at for at, position in enumerate(usual[np.isin(usual, chosen)].tolist())}
    usual_day = day[[place_of[position] for position in chosen.tolist()]]
    return float(np.average(usual_day - day, weights=weights))


def _shares(ranked: Sequence[Mapping[str, Any]], chosen: np.ndarray, usual: np.ndarray) -> list[Share]:
    shares = []
    for attribute in COMPARED:
        groups = np.array([str(place[attribute] if place[attribute] is not None else "Unknown") for place in ranked])
        for group in np.unique(groups).tolist():
            member = groups == group
            counts = (int(member.sum()), int(member[chosen].sum()), int(member[usual].sum()))
            compared = (_disparity(member, visited) for visited in (chosen, usual))
            shares.append(Share(attribute, group, *counts, *compared))
    return shares


def _disparity(member: np.ndarray, visited: np.ndarray) -> float | None:
    inside, outside = int(member[visited].sum()), int((~member[visited]).sum())
    if not outside or member.all():
        return None
    return float((inside / member.sum()) / (outside / (~member).sum()))


# --- who goes where


def _visits(
    ranked: Sequence[Mapping[str, Any]], chosen: np.ndarray, waited: np.ndarray, asked: np.ndarray, staff: Staff
) -> list[Visit]:
    """Give each inspector places that lie together, the most urgent on the first days, each day as a short round."""
    urgency = {position: at for at, position in enumerate(chosen.tolist())}
    points = _points(ranked)
    visits = []
    for inspector, part in enumerate(_parts(points, chosen, staff.inspectors), 1):
        in_order = sorted(part.tolist(), key=urgency.__getitem__)
        for day, start in enumerate(range(0, len(in_order), staff.visits_per_day), 1):
            round_ = _round(points, in_order[start : start + staff.visits_per_day])
            for stop, position in enumerate(round_, 1):
                place, must = ranked[position], bool(asked[position])
                visits.append(Visit(place, inspector, day, stop, _why(place, waited[position], must), must))
    return visits


def _why(place: Mapping[str, Any], waited: float, must: bool) -> str:
    if not must:
        return f"rank {place['rank']:,} of the list"
    if place["last_inspection_date"] is None:
        return "must be visited: it never was"
    return f"must be visited: the last visit was {int(waited):,} days before"


def _points(ranked: Sequence[Mapping[str, Any]]) -> np.ndarray:
    """Return kilometres east and north, of an unknown place those of the middle of all (places, 2)."""
    degrees = np.array(
        [[np.nan if place[name] is None else place[name] for name in ("longitude", "latitude")] for place in ranked],
        dtype=float,
    ).reshape(-1, 2)
    known = ~np.isnan(degrees).any(axis=1)
    middle = degrees[known].mean(axis=0) if known.any() else np.zeros(2)
    degrees = np.where(known[:, None], degrees, middle)
    return (degrees - middle) * [111.32 * np.cos(np.radians(middle[1])), 110.57]


def _parts(points: np.ndarray, positions: np.ndarray, parts: int) -> list[np.ndarray]:
    """Cut places into parts of like size that lie together: halves along the longer side, again and again."""
    if parts == 1:
        return [positions]
    here = points[positions]
    axis = int(np.argmax(np.ptp(here, axis=0))) if len(here) else 0
    order = positions[np.lexsort((positions, here[:, axis]))]
    left = parts // 2
    cut = round(len(order) * left / parts)
    return [*_parts(points, order[:cut], left), *_parts(points, order[cut:], parts - left)]


def _round(points: np.ndarray, positions: list[int]) -> list[int]:
    """Return the places of a day from the most urgent one on, each time to the nearest that is left."""
    left = list(positions)
    way: list[int] = []
    while left:
        here = points[way[-1]] if way else points[left[0]]
        nearest = min(left, key=lambda position: (float(np.hypot(*(points[position] - here))), position))
        way.append(nearest if way else left[0])
        left.remove(way[-1])
    return way
