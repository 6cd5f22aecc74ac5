"""Trailing rates over all inspections but re-inspections of the areas that it lies in, as its own address is known.

They carry most of the signal that public data has: inspectors and neighbourhoods differ more than
establishments remember. A small area is drawn towards the city's rate in the same window.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.inspections.chains import chain_name
from food_inspections_dagster.inspections.features.declarations import (
    COUNT,
    SHARE,
    YEAR_DAYS,
    About,
    Family,
    Feature,
    numeric,
)
from food_inspections_dagster.inspections.features.past import Past, ratio
from food_inspections_dagster.inspections.timelines import Ints, Questions, encode_together

# Areas whose recent rates an establishment shares, and the windows, in days, that hold enough inspections of
# each.
AREAS: dict[str, tuple[str, tuple[int, ...]]] = {
    "zip": ("in this zip code", (28, 90, 365)),
    "cell": ("within about 1 km", (90, 365)),
    "address": ("at its address", (1095,)),
    "chain": ("under the same name", (1095,)),
    "facility": ("of its kind", (365,)),
    "city": ("in the city", (28, 90, 365)),
}
CITY = "city"
_OF_THE_PLACE = ("chain", "facility")  # what it is, not where
SMOOTHING = 10  # inspections at the city's rate that are added to each area's own
_CELL_DEGREES = (0.009, 0.012)  # about 1 km north and 1 km east in Chicago


@dataclass(frozen=True)
class _Area:
    """The questions put to an area, each pair of group and day once; ``back`` leads from the establishments there."""

    name: str
    questions: Questions
    back: Ints

    @classmethod
    def of(cls, past: Past, name: str) -> "_Area":
        records = past.records
        groups, asked = _groups(past, name)
        timeline = records.timeline(np.where(records.initial & records.public, groups, -1))
        return cls(name, *Questions.distinct(timeline, asked, past.questions.days))

    def hits(self, past: Past, label: str, days: int) -> tuple[Ints, Ints]:
        """Return how many inspections of the window were hits, and how many there were."""
        flag = past.records.failed if label == "fail" else past.records.critical
        sums = past.once((self.name, label), lambda: self.questions.timeline.cumulative(flag))
        start = self.questions.since(days)
        return sums[self.questions.end] - sums[start], self.questions.end - start


def _area(past: Past, name: str) -> _Area:
    return past.once(name, lambda: _Area.of(past, name))


def _rate(past: Past, name: str, label: str, days: int) -> Any:
    area, city = _area(past, name), _area(past, CITY)
    hit, count = area.hits(past, label, days)
    if name == CITY:
        return ratio(hit, count)[area.back]
    # One question a day is put to the city, so its questions are in the order of their days.
    base = ratio(*city.hits(past, label, min(days, YEAR_DAYS)))
    base = base[np.searchsorted(city.questions.days, area.questions.days)]
    rate = (hit + SMOOTHING * base) / (count + SMOOTHING)
    return np.where(area.questions.groups >= 0, rate, np.nan)[area.back]


def _count(past: Past, name: str, days: int) -> Any:
    area = _area(past, name)
    count = area.questions.end - area.questions.since(days)
    return np.where(area.questions.groups >= 0, count, np.nan)[area.back]


def _groups(past: Past, area: str) -> tuple[Ints, Ints]:
    """Return the groups of the records in an area, and those that the questions' places are in; -1 if unknown."""
    records, table = past.records, past.records.table
    if area == CITY:
        return np.zeros(len(records), dtype=np.int64), np.zeros(len(past.questions.days), dtype=np.int64)
    if area == "cell":
        location = past.location
        of_records = _cells(records.numbers("latitude"), records.numbers("longitude"))
        return of_records, _cells(location.latitude, location.longitude)
    columns = {
        "zip": lambda: (table["zip"], past.location.zip),
        "address": lambda: (pc.utf8_upper(table["address"]), pc.utf8_upper(past.location.address)),
        "chain": lambda: [vocabulary.map_unique(of, chain_name, pa.string()) for of in (table["dba_name"], past.name)],
        "facility": lambda: (table["facility_type"], past.facility_type),
    }[area]()
    groups, asked = encode_together(*columns)
    if area == "facility":
        groups[records.where("facility_type", vocabulary.UNKNOWN)] = -1
    return groups, asked


def _cells(north: Any, east: Any) -> Ints:
    known = ~(np.isnan(north) | np.isnan(east))
    cells = np.full(len(known), -1)
    row, column = np.floor(north[known] / _CELL_DEGREES[0]), np.floor((east[known] + 180) / _CELL_DEGREES[1])
    cells[known] = (row * 100_000 + column).astype(np.int64)
    return cells


def _features() -> Iterator[Feature]:
    for area, (where, windows) in AREAS.items():
        about: About = "place" if area in _OF_THE_PLACE else "surroundings"
        for days in windows:
            yield numeric(
                f"{area}_fail_rate_{days}d",
                f"Share of inspections {where} that failed in the last {days} days, drawn towards the city's",
                f"{{value:.0%}} of inspections {where} failed in the last {days} days",
                SHARE,
                partial(_rate, name=area, label="fail", days=days),
                about=about,
            )
            yield numeric(
                f"{area}_critical_rate_{days}d",
                f"Share of inspections {where} with a critical violation in the last {days} days, "
                "drawn towards the city's",
                f"{{value:.0%}} of inspections {where} found a critical violation in the last {days} days",
                SHARE,
                partial(_rate, name=area, label="critical", days=days),
                about=about,
            )
        if area != CITY:
            yield numeric(
                f"{area}_inspections_{windows[-1]}d",
                f"Inspections {where} in the last {windows[-1]} days",
                f"{{value:inspections}} {where} in the last {windows[-1]} days",
                COUNT,
                partial(_count, name=area, days=windows[-1]),
                about=about,
            )


FAMILY = Family("area", tuple(_features()), order=80, about="surroundings")
