"""What was going on around it: complaints, burglaries, the weather, the police. Off unless somebody asks for it.

The City's model uses these; in experiments on its rows of 2011-2014 none of them added to the history of places and the
kernel means (docs/decisions.md).
"""

from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.inspections.features.declarations import COUNT, Family, numeric
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.grids import Around, cells, kilometres
from food_inspections_dagster.inspections.timelines import Ints, Timeline, by_day, day_numbers

WITHIN_KM = 1.0
WINDOW_DAYS = 90
WEATHER_DAYS = 3
CELL_KM = 0.25
KILOMETRES = (0.0, 100.0)
FAHRENHEIT = (-60.0, 130.0)

_REACH = round(WITHIN_KM / CELL_KM)
_AROUND = Around(lambda sides: sides <= _REACH, _REACH)


def _near(past: Past, source: str, date: str) -> npt.NDArray[np.float64]:
    """Return how many rows of a source lay within ``WITHIN_KM`` in the window before each day, NaN before its first."""
    table = past.tables.source(source)
    if not len(table):
        return np.full(len(past.questions.days), np.nan)
    places = [pc.cast(table[name], pa.float64()).to_numpy() for name in ("latitude", "longitude")]
    here, days = cells(places[0], places[1], CELL_KM), day_numbers(table[date])
    asked, location = past.questions.days, past.location
    there = cells(location.latitude, location.longitude, CELL_KM)
    where, at = np.unique(there, return_inverse=True)
    occupied, group = np.unique(here, return_inverse=True)
    timeline = Timeline.of(np.where(here >= 0, group, -1), days, by_day(days, np.arange(len(days))))
    weights = _AROUND.weights(occupied, where).T.tocsr()
    counts = np.zeros(len(asked), dtype=np.int64)
    for place, questions in enumerate(_groups(at, len(where))):
        if where[place] < 0:
            continue
        around = weights.indices[weights.indptr[place] : weights.indptr[place + 1]].astype(np.int64)
        groups, until = np.repeat(around, len(questions)), np.tile(asked[questions], len(around))
        inside = timeline.before(groups, until) - timeline.before(groups, until - WINDOW_DAYS)
        counts[questions] = inside.reshape(len(around), len(questions)).sum(axis=0)
    return np.where((there >= 0) & (asked > days.min()), counts, np.nan)


def _groups(numbers: Ints, size: int) -> list[Ints]:
    """Return the positions of each number from 0 to ``size`` - 1."""
    order = np.argsort(numbers, kind="stable")
    return np.split(order, np.cumsum(np.bincount(numbers, minlength=size))[:-1])


def _temperature(past: Past) -> Any:
    """Return the mean of the highest temperatures of the days before each day that are known."""
    table = past.tables.source("weather")
    if not len(table):
        return np.full(len(past.questions.days), np.nan)
    days, warmest = day_numbers(table["date"]), table["temperature_max"].to_numpy()
    order = np.argsort(days, kind="stable")
    days, warmest = days[order], warmest[order]
    total, known = np.zeros(len(past.questions.days)), np.zeros(len(past.questions.days))
    for back in range(1, WEATHER_DAYS + 1):
        wanted = past.questions.days - back
        at = np.minimum(np.searchsorted(days, wanted), len(days) - 1)
        there = (days[at] == wanted) & ~np.isnan(warmest[at])
        total, known = total + np.where(there, warmest[at], 0), known + there
    return np.divide(total, known, out=np.full(len(total), np.nan), where=known > 0)


def _to_police(past: Past) -> Any:
    """Return the kilometres to the nearest police station."""
    table = past.tables.source("police_stations")
    stations = np.column_stack(kilometres(*(table[name].to_numpy() for name in ("latitude", "longitude"))))
    north, east = kilometres(past.location.latitude, past.location.longitude)
    nearest = np.full(len(north), np.inf)
    for station in stations[~np.isnan(stations).any(axis=1)]:
        nearest = np.fmin(nearest, np.hypot(north - station[0], east - station[1]))
    return np.where(np.isnan(north) | np.isinf(nearest), np.nan, nearest)


FAMILY = Family(
    "conditions",
    (
        numeric(
            "sanitation_complaints_near_90d",
            "Sanitation complaints within about 1 km in the last 90 days",
            "{value:sanitation complaints} within about 1 km in the last 90 days",
            COUNT,
            lambda past: _near(past, "sanitation_complaints", "creation_date"),
        ),
        numeric(
            "burglaries_near_90d",
            "Burglaries within about 1 km in the last 90 days",
            "{value:burglaries} within about 1 km in the last 90 days",
            COUNT,
            lambda past: _near(past, "crimes", "date"),
        ),
        numeric(
            "temperature_3d",
            "Highest temperature, mean over the three days before the as-of date, degrees Fahrenheit",
            "it was {value:.0f} degrees Fahrenheit lately",
            FAHRENHEIT,
            _temperature,
            about="season",
        ),
        numeric(
            "police_station_km",
            "Kilometres to the nearest police station",
            "the nearest police station is {value:.1f} km away",
            KILOMETRES,
            _to_police,
        ),
    ),
    order=120,
    sources=("sanitation_complaints", "crimes", "weather", "police_stations"),
    about="surroundings",
)
