"""The weeks of the simulated city: who is visited when, by whom, and with what result.

Each week draws from a stream of its own, ``SeedSequence([seed, 1, week])``, and changes a state
(establishments, due re-inspections, inspectors, areas). So a longer simulation repeats a shorter one, row
by row.

What makes results differ is hidden in four persistent parts, as in the City's rows: the establishment
(fixed, and a part that drifts within a year or two), its area (slowly moving), and the inspector, who keeps
a district for the better part of a year. Only traces of them are visible, in earlier results and in the
results nearby.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np

from food_inspections_portal.city import establishments as places
from food_inspections_portal.city import violations_text as texts
from food_inspections_portal.city.violations_text import (
    CONDITIONS,
    DECIDED,
    FAIL,
    NO_ENTRY,
    NOT_LOCATED,
    NOT_READY,
    OUT_OF_BUSINESS,
    PASS,
    Findings,
)

RESULTS = (
    "Pass",
    "Fail",
    "Pass w/ Conditions",
    "Out of Business",
    "No Entry",
    "Not Ready",
    "Business Not Located",
)
NEW_CODEBOOK = date(2018, 7, 1)
_HANDLERS_FROM = date(2015, 1, 1)

(
    CANVASS,
    LICENSE,
    CANVASS_AGAIN,
    COMPLAINT,
    LICENSE_AGAIN,
    SHORT_FORM,
    COMPLAINT_AGAIN,
    POISONING,
    POISONING_AGAIN,
) = range(9)
# The other types: weight among themselves before and after July 2018.
_OTHERS: tuple[tuple[str, float, float], ...] = (
    ("License-Task Force", 53, 0),
    ("Tag Removal", 49, 1),
    ("Consultation", 45, 2),
    ("Task Force Liquor 1475", 24, 0),
    ("Complaint-Fire", 15, 1),
    ("Short Form Fire-Complaint", 14, 1),
    ("Recent Inspection", 6, 11),
    ("Complaint-Fire Re-inspection", 4, 0),
    ("Package Liquor 1474", 4, 0),
    ("Special Events (Festivals)", 3, 3),
    ("Pre-License Consultation", 3, 0),
    ("Non-Inspection", 1, 26),
    ("Out of Business", 2, 0),
    ("Not Ready", 1, 1),
    ("No Entry", 1, 1),
    ("NO ENTRY", 0.5, 0.5),
    ("TASK FORCE LIQUOR 1470", 1, 0),
    ("OUT OF BUSINESS", 0.5, 0),
    ("SFP RECENTLY INSPECTED", 0.3, 0),
    ("SMOKING COMPLAINT", 0.3, 0),
    ("expansion", 0.3, 0),
    ("SFP/COMPLAINT", 0.3, 0),
    ("TASK FORCE NIGHT", 0.3, 0),
    ("CANVAS", 0.3, 0.3),
    ("SFP", 0.3, 0),
    ("Task Force Liquor Catering", 0.3, 0),
    ("1315 license reinspection", 0.3, 0),
    ("Task Force for liquor 1474", 0.3, 0),
    ("FIRE/COMPLAIN", 0.3, 0),
    ("Sample Collection", 0.3, 0),
    ("No entry", 0.3, 0),
    ("CANVASS SPECIAL EVENTS", 0.3, 0.3),
    ("fire complaint", 0.3, 0),
    ("Illegal Operation", 0.3, 0),
    ("LICENSE CANCELED BY OWNER", 0.3, 0),
    ("CORRECTIVE ACTION", 0.3, 0),
)
TYPES = (
    "Canvass",
    "License",
    "Canvass Re-Inspection",
    "Complaint",
    "License Re-Inspection",
    "Short Form Complaint",
    "Complaint Re-Inspection",
    "Suspected Food Poisoning",
    "Suspected Food Poisoning Re-inspection",
    *(name for name, *_ in _OTHERS),
)
_OTHER_WEIGHTS = np.array([row[1:] for row in _OTHERS], dtype=float).T
_OTHER_WEIGHTS /= _OTHER_WEIGHTS.sum(axis=1, keepdims=True)
_AGAIN = np.full(len(TYPES), -1)
_AGAIN[[CANVASS, LICENSE, COMPLAINT, SHORT_FORM, POISONING]] = (
    CANVASS_AGAIN,
    LICENSE_AGAIN,
    COMPLAINT_AGAIN,
    COMPLAINT_AGAIN,
    POISONING_AGAIN,
)
_AGAIN[[CANVASS_AGAIN, LICENSE_AGAIN, COMPLAINT_AGAIN, POISONING_AGAIN]] = (
    CANVASS_AGAIN,
    LICENSE_AGAIN,
    COMPLAINT_AGAIN,
    POISONING_AGAIN,
)
# Per type and codebook: chance of Fail, of conditions where it does not fail, of No Entry and of Not Ready.
_OLD_CHANCES = np.tile([0.10, 0.06, 0.03, 0.0], (len(TYPES), 1))
_NEW_CHANCES = np.tile([0.12, 0.10, 0.05, 0.0], (len(TYPES), 1))
_OLD_CHANCES[:9] = (
    (0.195, 0.160, 0.021, 0.0),
    (0.372, 0.033, 0.028, 0.006),
    (0.013, 0.035, 0.004, 0.0),
    (0.222, 0.190, 0.006, 0.0),
    (0.095, 0.010, 0.004, 0.002),
    (0.042, 0.055, 0.030, 0.0),
    (0.013, 0.060, 0.003, 0.0),
    (0.280, 0.280, 0.0, 0.0),
    (0.030, 0.100, 0.0, 0.0),
)
_NEW_CHANCES[:9] = (
    (0.257, 0.295, 0.035, 0.0),
    (0.340, 0.270, 0.020, 0.08),
    (0.130, 0.108, 0.010, 0.0),
    (0.393, 0.362, 0.015, 0.0),
    (0.142, 0.199, 0.005, 0.01),
    (0.146, 0.295, 0.010, 0.0),
    (0.184, 0.130, 0.003, 0.0),
    (0.380, 0.360, 0.0, 0.0),
    (0.180, 0.130, 0.0, 0.0),
)
_OTHER_TYPES = np.arange(9, len(TYPES))
_NON_INSPECTION = TYPES.index("Non-Inspection")

# Inspections a week at scale 1. 2011-2014 as counted; later years from the sample of 2024; in spring 2020
# routine visits stopped for the pandemic, and came back slowly.
_VOLUME = {
    2010: 325, 2011: 305, 2012: 305, 2013: 392, 2014: 436, 2015: 385, 2016: 385, 2017: 375, 2018: 350,
    2019: 365, 2020: 235, 2021: 265, 2022: 300, 2023: 325,
}  # fmt: skip
_LATER_VOLUME = 340.0
_MEAN_VOLUME = 318.0
# By month, of the City's published rows: volume, Fail %, conditions %, any critical %.
_SEASON = np.array([0.92, 0.95, 1.06, 1.06, 1.14, 1.06, 0.84, 1.04, 1.12, 1.10, 1.00, 0.76])
_FAIL_MONTH = np.array([17.1, 19.9, 18.7, 18.9, 18.7, 20.2, 20.9, 21.6, 22.9, 20.9, 18.6, 17.8])
_CONDITIONS_MONTH = np.array([12.0, 13.6, 13.2, 12.6, 13.5, 16.1, 16.2, 15.3, 13.3, 11.4, 11.3, 11.9])
_CRITICAL_MONTH = np.array([11.5, 13.6, 13.2, 12.8, 14.8, 17.2, 17.9, 16.5, 14.6, 11.6, 9.5, 10.6])
_COMPLAINT_MONTH = np.array([0.8, 0.82, 0.95, 1.0, 1.15, 1.15, 1.15, 1.18, 1.1, 1.0, 0.85, 0.85])
_FAIL_YEAR = {2010: 0.225, 2011: 0.222, 2012: 0.210, 2013: 0.183, 2014: 0.192}
_WEEKDAYS = np.array([20.3, 21.0, 17.6, 21.8, 20.2])  # before holidays, most of which are Mondays

# Days between two canvass inspections: quantiles by risk.
_GAP_LEVELS = np.array([0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0])
_GAPS = np.array(
    [
        [30, 165, 240, 318, 388, 475, 760],
        [45, 225, 318, 376, 480, 660, 950],
        [60, 300, 500, 740, 1000, 1300, 1800],
        [60, 300, 500, 740, 1000, 1300, 1800],
        [60, 300, 500, 740, 1000, 1300, 1800],
    ],
    dtype=float,
)
_LAG_LEVELS = np.array([0, 0.1, 0.3, 0.5, 0.7, 0.9, 1.0])
_LAGS = np.array([1, 3.6, 6, 7, 8.2, 14.5, 45])  # days from a Fail to its re-inspection
_AGAIN_AFTER_FAIL = 0.91

_ESTABLISHMENTS = 9600
_BIRTHS = 35.0  # a week
_COMPLAINTS, _SHORT_FORMS, _OTHER_LICENSES, _POISONINGS = 29.0, 14.5, 10.0, 1.7
_OTHERS_WEEKLY = (8.0, 2.2)

# Standard deviations on the logit scale of Fail, conditions and critical; tuned so that calibration holds.
_AREA_FIXED = np.array([0.34, 0.32, 0.36])
_AREA_MOVING = np.array([0.28, 0.32, 0.36])
_INSPECTOR = np.array([0.62, 0.85, 0.95])
_CRITICAL_SPREAD = float(
    np.sqrt(_AREA_FIXED[2] ** 2 + _AREA_MOVING[2] ** 2 + _INSPECTOR[2] ** 2 + places.PLACE_CRITICAL**2)
)
_DRIFT, _DRIFT_DAYS = 0.45, 600.0
_AREA_DAYS = 400.0
_KEEPS_DISTRICT = 0.84  # share of visits made by the district's own inspectors
_REASSIGNED_WEEKS = 39


@dataclass(frozen=True)
class Visits:
    """All visits, week by week and within a week by day; arrays of one length.

    Attributes:
        week: number of the week.
        day: days since the first Monday.
        establishment: position in the population.
        kind: position in ``TYPES``.
        result: position in ``RESULTS``.
        new: whether the codebook since July 2018 holds.
        inspector: number of the inspector.
        number: the inspection's id.
        words: 62-bit numbers that decide on corrections and oddities.
        findings: the violations.
    """

    week: np.ndarray
    day: np.ndarray
    establishment: np.ndarray
    kind: np.ndarray
    result: np.ndarray
    new: np.ndarray
    inspector: np.ndarray
    number: np.ndarray
    words: np.ndarray
    findings: Findings

    def __len__(self) -> int:
        return len(self.day)

    def before(self, week: int) -> "Visits":
        """Return the visits of the weeks before ``week``."""
        count = int(np.searchsorted(self.week, week))
        arrays = {name: getattr(self, name)[:count] for name in self.__dataclass_fields__ if name != "findings"}
        end = int(np.searchsorted(self.findings.inspection, count))
        of = self.findings
        return Visits(
            **arrays, findings=Findings(of.inspection[:end], of.code[:end], of.severity[:end], of.words[:end])
        )


def holidays(year: int) -> frozenset[date]:
    """Return the days on which the City makes no inspections."""

    def nth(month: int, weekday: int, n: int) -> date:
        first = date(year, month, 1)
        return first + timedelta(days=(weekday - first.weekday()) % 7 + 7 * (n - 1))

    last_may = date(year, 5, 31)
    thanksgiving = nth(11, 3, 4)
    days = {
        nth(1, 0, 3), nth(2, 0, 3), nth(3, 0, 1), last_may - timedelta(days=last_may.weekday()), nth(9, 0, 1),
        nth(10, 0, 2), thanksgiving, thanksgiving + timedelta(days=1), date(year, 12, 31),
    }  # fmt: skip
    fixed = [(1, 1), (2, 12), (7, 4), (11, 11), (12, 24), (12, 25)] + ([(6, 19)] if year >= 2022 else [])
    for month, number in fixed:
        day = date(year, month, number)
        # A holiday on a weekend is kept on the nearest working day.
        days.add(day + timedelta(days={5: -1, 6: 1}.get(day.weekday(), 0)))
    return frozenset(days)


def _volume(monday: date) -> float:
    """Inspections expected in a full week, at scale 1, season aside."""
    if date(2020, 3, 16) <= monday < date(2020, 6, 15):
        return 95.0
    return float(_VOLUME.get(monday.year, _LATER_VOLUME))


class _City:
    """The state between weeks."""

    def __init__(self, seed: int, scale: float, first_week: date) -> None:
        self.scale = scale
        self.first_week = first_week
        rng = np.random.default_rng(np.random.SeedSequence([seed, 0]))
        self.population = places.Population()
        count = max(20, round(_ESTABLISHMENTS * scale))
        newborn = places.born(rng, count, 0, places.FIRST_LICENSE, old=True)
        # Residual waiting times: in the middle of its cycle, a longer cycle is more likely to be met.
        newborn["next_canvass"] = (_gaps(rng, newborn["risk"]) * rng.random(count)).astype(np.int64)
        self.population.extend(newborn)
        self.born = 0
        areas = len(places.ZIP_NAMES)
        self.area_fixed = _related(rng, areas, places.ZIP_SHARE) * _AREA_FIXED
        self.area = _related(rng, areas, places.ZIP_SHARE)
        self.inspectors = max(24, round(38 * scale))  # fewer would make one inspector's habits the city's
        self.strict = _related(rng, self.inspectors) * _INSPECTOR
        self.of_district = rng.integers(0, self.inspectors, (places.DISTRICTS, 2))
        self.due = np.empty((0, 3), dtype=np.int64)  # day, establishment, kind of visits already arranged
        self.device_next = np.zeros(self.inspectors, dtype=np.int64)
        self.device_end = np.zeros(self.inspectors, dtype=np.int64)
        self.free_number = 44_251


def _related(rng: np.random.Generator, count: int, weight: np.ndarray | None = None) -> np.ndarray:
    """Draw traits for Fail, conditions and critical, shape (count, 3), that mostly agree: correlation 0.7.

    Their (weighted) mean is taken off, so that a city of few inspectors is not strict as a whole.
    """
    traits = 0.84 * rng.standard_normal((count, 1)) + 0.54 * rng.standard_normal((count, 3))
    return traits - np.average(traits, axis=0, weights=weight)


def _gaps(rng: np.random.Generator, risk: np.ndarray) -> np.ndarray:
    level = rng.random(len(risk))
    days = np.empty(len(risk))
    for value in range(len(_GAPS)):
        of_risk = risk == value
        days[of_risk] = np.interp(level[of_risk], _GAP_LEVELS, _GAPS[value])
    return days


def simulate_visits(
    weeks: int, seed: int, scale: float, first_week: date, begin: Callable[[int], None] = lambda week: None
) -> tuple[places.Population, Visits]:
    """Run the city for some weeks and return its establishments and visits; ``begin`` is told each week's number."""
    city = _City(seed, scale, first_week)
    parts: list[dict[str, np.ndarray]] = []
    parts_of_findings: list[Findings] = []
    offset = 0
    for week in range(weeks):
        begin(week)
        rng = np.random.default_rng(np.random.SeedSequence([seed, 1, week]))
        visits, violations = _one_week(city, rng, week)
        parts.append(visits)
        parts_of_findings.append(
            Findings(violations.inspection + offset, violations.code, violations.severity, violations.words)
        )
        offset += len(visits["day"])
    merged = {name: np.concatenate([part[name] for part in parts]) for name in parts[0]}
    every = Findings(
        *(np.concatenate([getattr(part, name) for part in parts_of_findings]) for name in Findings.__dataclass_fields__)
    )
    return city.population, Visits(**merged, findings=every)


def area_traits(seed: int, scale: float, first_week: date) -> np.ndarray:
    """Return how places of each zip code fare for good: logit of a Fail, in the order of the zip codes."""
    return _City(seed, scale, first_week).area_fixed[:, 0]


def _one_week(city: _City, rng: np.random.Generator, week: int) -> tuple[dict[str, np.ndarray], Findings]:
    monday = city.first_week + timedelta(weeks=week)
    start = 7 * week
    closed_days = holidays(monday.year) | holidays(monday.year + 1)
    working = np.array([monday + timedelta(days=d) not in closed_days for d in range(5)])
    volume = _volume(monday) / _MEAN_VOLUME * _SEASON[monday.month - 1]
    volume *= working.sum() / 5 * np.exp(0.13 * rng.standard_normal() - 0.008) * city.scale
    new_book = monday >= NEW_CODEBOOK  # a Sunday, so no week has both
    _move(city, rng, week)
    _births(city, rng, start, city.scale * (0.5 + 0.5 * volume / city.scale))

    establishment, kind = _chosen(city, rng, start, volume, monday, new_book)
    weight = _WEEKDAYS * working
    day = start + rng.choice(5, len(kind), p=weight / weight.sum())
    batches: list[dict[str, np.ndarray]] = []
    findings: list[Findings] = []
    total = 0
    while True:
        arranged_day, arranged_place, arranged_kind = _arranged(city, start, working)
        day = np.concatenate([day, arranged_day])
        establishment = np.concatenate([establishment, arranged_place])
        kind = np.concatenate([kind, arranged_kind])
        if not len(day):
            break
        batch, violations = _visit(city, rng, monday, establishment, kind, day, new_book)
        findings.append(Findings(violations.inspection + total, violations.code, violations.severity, violations.words))
        batches.append(batch)
        total += len(day)
        # A re-inspection may fall into the same week as the failure: those are visited in another round.
        day = establishment = kind = np.empty(0, dtype=np.int64)
    if not batches:
        empty = np.empty(0, dtype=np.int64)
        names = ("week", "day", "establishment", "kind", "result", "inspector", "number", "words")
        nothing = dict.fromkeys(names, empty) | {"new": np.empty(0, dtype=bool)}
        return nothing, Findings(empty, empty, empty, empty)
    merged = {name: np.concatenate([batch[name] for batch in batches]) for name in batches[0]}
    merged["week"] = np.full(total, week, dtype=np.int64)
    every = Findings(
        *(np.concatenate([getattr(part, name) for part in findings]) for name in Findings.__dataclass_fields__)
    )
    # In the order of days, so that no reader takes the rounds for something real.
    order = np.argsort(merged["day"], kind="stable")
    place = np.empty_like(order)
    place[order] = np.arange(total)
    moved = place[every.inspection]
    by_visit = np.argsort(moved, kind="stable")
    every = Findings(moved[by_visit], every.code[by_visit], every.severity[by_visit], every.words[by_visit])
    merged = {name: values[order] for name, values in merged.items()}
    merged["number"] = _numbers(city, rng, merged["inspector"])
    merged["words"] = rng.integers(0, 2**62, total)
    return merged, every


def _move(city: _City, rng: np.random.Generator, week: int) -> None:
    """Let areas drift by a week, and hand some districts to other inspectors every nine months."""
    kept = np.exp(-7 / _AREA_DAYS)
    city.area = kept * city.area + np.sqrt(1 - kept**2) * _related(rng, len(city.area), places.ZIP_SHARE)
    if week and week % _REASSIGNED_WEEKS == 0:
        changed = rng.random(city.of_district.shape) < 0.4
        others = rng.integers(0, city.inspectors, city.of_district.shape)
        city.of_district = np.where(changed, others, city.of_district)
        # Inspectors mellow and harden, and some retire for others.
        fresh = _related(rng, city.inspectors) * _INSPECTOR
        replaced = rng.random((city.inspectors, 1)) < 0.03
        strict = np.where(replaced, fresh, 0.97 * city.strict + 0.243 * fresh)
        city.strict = strict - strict.mean(axis=0)


def _births(city: _City, rng: np.random.Generator, start: int, factor: float) -> None:
    count = int(rng.poisson(_BIRTHS * factor))
    first = places.FIRST_LICENSE + city.born * places.LICENSE_STEP
    newborn = places.born(rng, count, start, first, old=False)
    city.born += count
    opened = start + rng.integers(0, 28, count)
    newborn["next_canvass"] = (opened + _gaps(rng, newborn["risk"]) * rng.uniform(0.4, 1.0, count)).astype(np.int64)
    where = city.population.extend(newborn)
    if count:
        city.due = np.concatenate([city.due, np.column_stack([opened, where, np.full(count, LICENSE)])])


def _chosen(
    city: _City, rng: np.random.Generator, start: int, volume: float, monday: date, new_book: bool
) -> tuple[np.ndarray, np.ndarray]:
    """Return establishments and kinds of the visits that inspectors plan for this week."""
    people = city.population
    alive = np.flatnonzero(people["alive"] & (people["born"] < start))
    open_now = alive[people["closes"][alive] > start]
    wanted = int(rng.poisson(183.0 * volume))
    soon = alive[people["next_canvass"][alive] <= start + 45]
    # The most overdue first; whoever is not due within six weeks is left alone.
    overdue = soon[np.argsort(people["next_canvass"][soon] + rng.normal(0, 12, len(soon)), kind="stable")]
    canvass = overdue[:wanted]
    gloom = np.exp(0.8 * (people["fail"][open_now] - places.FACILITY_LOGIT[people["facility"][open_now]]))
    season = _COMPLAINT_MONTH[monday.month - 1] / _SEASON[monday.month - 1]
    rates = (
        (COMPLAINT, _COMPLAINTS * season * (1.12 if new_book else 1.0), gloom),
        (SHORT_FORM, _SHORT_FORMS * season * (0.45 if new_book else 1.0), gloom),
        (POISONING, _POISONINGS * season * (0.15 if new_book else 1.0), gloom),
        (LICENSE, _OTHER_LICENSES * (0.7 if new_book else 1.0), None),
    )
    picked, kinds = [canvass], [np.full(len(canvass), CANVASS)]
    for kind, rate, weight in rates:
        number = min(int(rng.poisson(rate * volume)), len(open_now))
        chance = None if weight is None else weight / weight.sum()
        picked.append(rng.choice(open_now, number, p=chance) if number else open_now[:0])
        kinds.append(np.full(number, kind))
    number = min(int(rng.poisson(_OTHERS_WEEKLY[int(new_book)] * volume)), len(open_now))
    picked.append(rng.choice(open_now, number) if number else open_now[:0])
    kinds.append(rng.choice(_OTHER_TYPES, number, p=_OTHER_WEIGHTS[int(new_book)]))
    # Twice the same visit: a report entered twice, under two ids.
    establishment, kind_of = np.concatenate(picked), np.concatenate(kinds)
    twice = rng.random(len(kind_of)) < 3e-4
    return np.concatenate([establishment, establishment[twice]]), np.concatenate([kind_of, kind_of[twice]])


def _arranged(city: _City, start: int, working: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Take the arranged visits of this week off the list, moved to the next working day."""
    following = np.array([next((later for later in range(d, 5) if working[later]), 7) for d in range(7)])
    late = np.maximum(city.due[:, 0], start)
    inside = late < start + 7
    shifted = np.full(len(late), start + 7)
    shifted[inside] = start + following[late[inside] - start]
    now = shifted < start + 7
    taken = city.due[now]
    day = shifted[now]
    city.due = city.due[~now]
    return day, taken[:, 1], taken[:, 2]


def _visit(
    city: _City,
    rng: np.random.Generator,
    monday: date,
    establishment: np.ndarray,
    kind: np.ndarray,
    day: np.ndarray,
    new_book: bool,
) -> tuple[dict[str, np.ndarray], Findings]:
    people = city.population
    count = len(day)
    zips = people["zip"][establishment]
    district = places.ZIP_DISTRICT[zips]
    regular = city.of_district[district, rng.integers(0, 2, count)]
    inspector = np.where(rng.random(count) < _KEEPS_DISTRICT, regular, rng.integers(0, city.inspectors, count))

    drift = _drifted(people, rng, establishment, day)
    around = city.area_fixed[zips] + _AREA_MOVING * city.area[zips] + city.strict[inspector]
    spread = float(np.hypot(np.hypot(_AREA_FIXED[0], _AREA_MOVING[0]), np.hypot(_INSPECTOR[0], _DRIFT)))
    spread_fail = float(np.hypot(spread, places.PLACE_FAIL))
    spread_conditions = float(
        np.sqrt(_AREA_FIXED[1] ** 2 + _AREA_MOVING[1] ** 2 + _INSPECTOR[1] ** 2 + places.PLACE_CONDITIONS**2)
    )
    chances = _NEW_CHANCES[kind].copy() if new_book else _OLD_CHANCES[kind].copy()
    canvass = kind == CANVASS
    chances[canvass, 0] = _canvass_fail(monday)
    month = monday.month - 1
    fail_logit = _centred(chances[:, 0], spread_fail) + np.log(_FAIL_MONTH[month] / 19.76)
    fail_logit += people["fail"][establishment] + drift + around[:, 0] + 0.05
    conditions_logit = _centred(chances[:, 1], spread_conditions) + np.log(_CONDITIONS_MONTH[month] / 13.23)
    conditions_logit += people["conditions"][establishment] + 0.3 * drift + around[:, 1] + 0.33

    dice = rng.random((count, 3))
    result = np.where(
        dice[:, 0] < texts._sigmoid(fail_logit),
        FAIL,
        np.where(dice[:, 1] < texts._sigmoid(conditions_logit), CONDITIONS, PASS),
    )
    closed = people["closes"][establishment] <= day
    missed = dice[:, 2]
    result = np.where(missed < chances[:, 2], NO_ENTRY, result)
    result = np.where((missed > 1 - chances[:, 3]), NOT_READY, result)
    result = np.where((kind == _NON_INSPECTION) & (missed < 0.95), NO_ENTRY, result)
    result = np.where((missed > 0.5) & (missed < 0.5002), NOT_LOCATED, result)
    gone = closed & (canvass | (kind == CANVASS_AGAIN))
    result = np.where(gone & (missed < 0.96), OUT_OF_BUSINESS, result)

    findings = _findings(city, rng, monday, establishment, kind, result, around, new_book)
    _arrange(city, rng, establishment, kind, result, day, new_book)
    batch = {
        "day": day.astype(np.int64),
        "establishment": establishment,
        "kind": kind,
        "result": result,
        "new": np.full(count, new_book),
        "inspector": inspector,
    }
    return batch, findings


def _canvass_fail(monday: date) -> float:
    if monday < NEW_CODEBOOK:
        return _FAIL_YEAR.get(monday.year, 0.198)
    return float(np.interp((monday - NEW_CODEBOOK).days, [0, 500, 2000], [0.175, 0.185, 0.250]))


def _centred(chance: np.ndarray, spread: float) -> np.ndarray:
    """Logit whose mean chance is ``chance`` once a normal spread is added (probit approximation)."""
    safe = np.clip(chance, 1e-4, 0.97)
    return np.log(safe / (1 - safe)) * np.sqrt(1 + np.pi * spread**2 / 8)


def _drifted(
    people: places.Population, rng: np.random.Generator, establishment: np.ndarray, day: np.ndarray
) -> np.ndarray:
    """Return and move on the drifting part of each establishment, an Ornstein-Uhlenbeck walk sampled at
    visits.
    """
    kept = np.exp(-np.maximum(day - people["drift_day"][establishment], 0) / _DRIFT_DAYS)
    value = kept * people["drift"][establishment] + np.sqrt(1 - kept**2) * rng.standard_normal(len(day))
    people["drift"][establishment] = value
    people["drift_day"][establishment] = day
    return _DRIFT * value


def _findings(
    city: _City, rng: np.random.Generator, monday: date, establishment: np.ndarray, kind: np.ndarray,
    result: np.ndarray, around: np.ndarray, new_book: bool,
) -> Findings:  # fmt: skip
    people = city.population
    decided = result < DECIDED
    bounded = np.where(decided, result, PASS)
    critical = people["critical"][establishment] + around[:, 2]
    critical = critical + np.log(_CRITICAL_MONTH[monday.month - 1] / 13.5) * 0.6
    clutter = people["clutter"][establishment]
    # Visits other than a canvass often end without a word on violations.
    silent = np.where(kind == CANVASS, np.where(bounded == FAIL, 0.02, 0.0), np.where(kind == SHORT_FORM, 0.45, 0.16))
    empty = ~decided | (rng.random(len(result)) < np.where(new_book & (bounded != PASS), 0.04, silent))
    if new_book:
        return texts.find_new(rng, bounded, clutter, critical, empty, _CRITICAL_SPREAD)
    return texts.find_old(rng, bounded, clutter, critical, empty, _CRITICAL_SPREAD, handlers=monday >= _HANDLERS_FROM)


def _arrange(
    city: _City, rng: np.random.Generator, establishment: np.ndarray, kind: np.ndarray, result: np.ndarray,
    day: np.ndarray, new_book: bool,
) -> None:  # fmt: skip
    """Plan what follows from these visits: re-inspections, the next canvass, the end."""
    people = city.population
    count = len(day)
    chance = np.select(
        [result == FAIL, (result == CONDITIONS) & (kind == CANVASS)],
        [_AGAIN_AFTER_FAIL, 0.08 if new_book else 0.03],
    )
    chance = np.where((result == NOT_READY) | ((result == NO_ENTRY) & (kind == LICENSE)), 0.7, chance)
    again = np.where(result >= DECIDED, kind, _AGAIN[kind])
    comes = (rng.random(count) < chance) & (again >= 0)
    lag = np.maximum(1, np.rint(np.interp(rng.random(count), _LAG_LEVELS, _LAGS))).astype(np.int64)
    planned = np.column_stack([day + lag, establishment, again])[comes]
    city.due = np.concatenate([city.due, planned])

    routine = kind == CANVASS
    gap = _gaps(rng, people["risk"][establishment])
    soon = rng.uniform(14, 60, count)
    next_day = (day + np.where(result == NO_ENTRY, soon, gap)).astype(np.int64)
    people["next_canvass"][establishment[routine]] = next_day[routine]
    gone = (result == OUT_OF_BUSINESS) & (rng.random(count) < 0.98)
    people["alive"][establishment[gone]] = False


def _numbers(city: _City, rng: np.random.Generator, inspector: np.ndarray) -> np.ndarray:
    """Give out inspection ids: each inspector's device uses up a block of its own, so ids are not in date
    order.
    """
    numbers = np.empty(len(inspector), dtype=np.int64)
    for device in np.unique(inspector):
        mine = np.flatnonzero(inspector == device)
        taken = 0
        while taken < len(mine):
            if city.device_next[device] == city.device_end[device]:
                # A few devices got large blocks and use them for years.
                size = int(rng.choice([100, 250, 600, 3000], p=[0.34, 0.42, 0.23, 0.01]))
                city.device_next[device] = city.free_number
                city.device_end[device] = city.free_number + size
                city.free_number += size + int(rng.integers(0, 9 * size))
            room = min(len(mine) - taken, int(city.device_end[device] - city.device_next[device]))
            numbers[mine[taken : taken + room]] = city.device_next[device] + np.arange(room)
            city.device_next[device] += room
            taken += room
    return numbers
