"""What the simulated city publishes beside its inspections: licences, complaints, burglaries, weather, places.

Everything weekly draws from a stream of its own, ``SeedSequence([seed, kind, week])``, and what belongs to an
establishment follows from the numbers that it was born with; so a longer simulation leaves earlier rows as they are.
Volumes and seasons are those of the City's published rows. How many complaints and burglaries an area has goes, weakly,
with how its places fare; licences begin before a place is first visited; the rest says nothing about results.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_portal.city import establishments as places
from food_inspections_portal.city.visits import Visits
from food_inspections_portal.identifiers import row_ids, row_versions

# Establishments born in so many weeks after the last one may have got their licence before it.
LOOK_AHEAD = 5
TERM_DAYS = 730
LICENSES, COMPLAINTS, REQUESTS, CRIMES = "r5kz-chrr", "me59-5fac", "v6vf-nfxy", "ijzp-q8t2"
STATIONS, AREAS, WEATHER, INSPECTORS = "z8bn-74gv", "igwz-8jzy", "wthr-0001", "insp-0001"
DATASETS = (LICENSES, COMPLAINTS, REQUESTS, CRIMES, STATIONS, AREAS, WEATHER, INSPECTORS)

_COMPLAINTS_STREAM, _CRIMES_STREAM, _WEATHER_STREAM, _PLACES_STREAM = 2, 3, 4, 5
_NEW_311 = date(2018, 12, 18)  # the City's 311 took new software, and a new data set
_COMPLAINTS_A_DAY = 50.8
_COMPLAINT_MONTH = np.array([0.60, 0.65, 0.94, 1.03, 1.45, 1.36, 1.39, 1.47, 1.23, 0.80, 0.55, 0.51])
_BURGLARIES_A_DAY = {
    2010: 76.0, 2011: 78.7, 2012: 62.4, 2013: 48.8, 2014: 38.8, 2015: 36.0, 2016: 39.0, 2017: 35.5, 2018: 32.0,
    2019: 26.0, 2020: 24.0, 2021: 18.0, 2022: 20.5, 2023: 20.5,
}  # fmt: skip
_LATER_BURGLARIES = 22.0
_BURGLARY_MONTH = np.array([0.97, 0.81, 0.84, 0.90, 1.01, 1.06, 1.11, 1.16, 1.09, 1.08, 1.04, 0.93])
_OTHER_CRIMES = 0.02  # of another kind, which readers have to leave out
_NATURES = (
    ("Other", 36.3), ("Garbage in yard", 18.6), ("Garbage in alley", 15.6), ("Dumpster not being emptied", 7.8),
    ("Overflowing carts", 7.4), ("Dog feces in yard", 5.4), (None, 5.0), ("Construction Site Cleanliness/Fence", 3.1),
    ("Standing water", 0.7), ("Graffiti Commercial Vehicle", 0.1),
)  # fmt: skip
_STATUSES = (("Completed", 94.85), ("Completed - Dup", 4.72), ("Open", 0.27), ("Open - Dup", 0.16))
# By month, degrees Fahrenheit, inches an hour on wet days and miles an hour.
_TEMPERATURE = np.array([33.2, 33.3, 46.4, 56.2, 68.4, 76.8, 81.7, 79.7, 71.7, 60.8, 48.7, 38.5])
_TEMPERATURE_SD = np.array([12.5, 9.9, 16.1, 9.6, 11.8, 8.6, 7.6, 5.5, 8.8, 9.4, 9.4, 10.6])
_WET = np.array([0.39, 0.41, 0.33, 0.51, 0.53, 0.48, 0.44, 0.41, 0.43, 0.50, 0.37, 0.45])
_RAIN = np.array([76, 37, 49, 87, 87, 99, 75, 112, 52, 63, 63, 43]) * 1e-4
_WIND = np.array([12.4, 11.0, 11.4, 11.9, 10.4, 9.2, 8.3, 7.7, 8.9, 10.0, 11.5, 10.7])
_HUMIDITY = np.array([69, 69, 64, 63, 63, 64, 63, 67, 67, 68, 67, 73]) / 100
_PERSISTENCE = 0.72  # of a day's deviation from the season: with the season 0.92 from day to day
_KINDS = ((1006, "Retail Food Establishment"), (1475, "Consumption on Premises - Incidental Activity"))
_ALSO_POURS = 0.13
_OTHER_LICENSES = 9_000_000  # numbers of second licences begin here

# Columns of areas between lines of longitude, each cut by lines that lean: 77 areas that tile the box.
_COLUMNS, _ROWS = 7, 11
_BOX = ((41.6445, 42.0230), (-87.9144, -87.5250))


@dataclass(frozen=True)
class Surroundings:
    """What the other data sets are made from: the city after some weeks.

    Attributes:
        weeks: how many are published; ``population`` may hold establishments of weeks after them.
        texts: the establishments' texts, in the order of the population.
        area: how places of each zip code fare, a logit.
    """

    weeks: int
    seed: int
    scale: float
    first_week: date
    population: places.Population
    texts: places.Texts
    visits: Visits
    area: np.ndarray


def tables(city: Surroundings) -> dict[str, pa.Table]:
    """Return the rows of each data set by its id, all text, with system fields, in the order of their weeks."""
    complaints = _complaints(city)
    new = complaints.day >= (_NEW_311 - city.first_week).days
    return {
        LICENSES: _licenses(city),
        COMPLAINTS: _old_complaints(city, complaints.take(np.flatnonzero(~new))),
        REQUESTS: _new_complaints(city, complaints.take(np.flatnonzero(new))),
        CRIMES: _crimes(city),
        STATIONS: _stations(city),
        AREAS: _areas(city),
        WEATHER: _weather(city),
        INSPECTORS: _inspectors(city),
    }


# --- licences


def _licenses(city: Surroundings) -> pa.Table:
    """Licences: the first term and its renewals every two years while a place is open.

    Of places that are older than the calendar the term then in force is the first. About a tenth of the places has
    none: most schools, those without a licence number, and a few others.
    """
    people = city.population
    words = people["words"].astype(np.uint64)
    share = _share(words, 3)
    school = people["facility"] == places.SCHOOL
    holds = (people["license"] > 0) & np.where(school, share > 0.6, share > 0.04)
    old = people["born"] < 0
    begins = np.where(old, -(_share(words, 11) * TERM_DAYS).astype(np.int64) - 1, people["born"] - 1)
    begins = np.where(old, begins, begins - (_share(words, 23) * 27).astype(np.int64))
    pours = holds & (_share(words, 31) < _ALSO_POURS)
    last = np.minimum(people["closes"], 7 * city.weeks - 1)
    who, day, kind, renewed = [], [], [], []
    for licence, chosen in enumerate((np.flatnonzero(holds), np.flatnonzero(pours))):
        terms = np.maximum(0, (last[chosen] - begins[chosen]) // TERM_DAYS + 1)
        term = np.arange(terms.sum()) - np.repeat(np.cumsum(terms) - terms, terms)
        who.append(np.repeat(chosen, terms))
        day.append(np.repeat(begins[chosen], terms) + term * TERM_DAYS)
        kind.append(np.full(len(term), licence))
        renewed.append((term > 0) | old[who[-1]])
    people_of, start, kinds, again = (np.concatenate(parts) for parts in (who, day, kind, renewed))
    order = np.lexsort((people_of, kinds, start))
    people_of, start, kinds, again = people_of[order], start[order], kinds[order], again[order]
    at = pa.array(people_of)
    number = np.where(kinds == 0, people["license"][people_of], _OTHER_LICENSES + people_of)
    numbers = pa.array(number).cast(pa.string())
    days = _days(city, start)
    stamps = pc.replace_substring(pc.utf8_slice_codeunits(days, 0, 10), pattern="-", replacement="")
    code, words_of = (pa.array([str(kind[i]) for kind in _KINDS]).take(pa.array(kinds)) for i in (0, 1))
    return _rows(
        city,
        words[people_of] * np.uint64(2) + np.uint64(1) + (start + 2**20).astype(np.uint64) * np.uint64(2**31 - 1)
        + kinds.astype(np.uint64) * np.uint64(977),
        np.maximum(start, 0),
        {
            "id": pc.binary_join_element_wise(numbers, stamps, "-"),
            "license_id": numbers,
            "account_number": pa.array(people_of + 1_000).cast(pa.string()),
            "legal_name": city.texts.dba_name.take(at),
            "doing_business_as_name": city.texts.aka_name.take(at),
            "address": pc.utf8_rtrim_whitespace(city.texts.address.take(at)),
            "city": pa.array(["CHICAGO"]).take(pa.array(np.zeros(len(at), np.int64))),
            "state": pa.array(["IL"]).take(pa.array(np.zeros(len(at), np.int64))),
            "zip_code": city.texts.zip.take(at),
            "license_code": code,
            "license_description": words_of,
            "license_number": numbers,
            "application_type": pc.if_else(pa.array(again), "RENEW", "ISSUE"),
            "license_start_date": days,
            "expiration_date": _days(city, start + TERM_DAYS - 1),
            "license_status": pc.if_else(pa.array(_share(words, 41)[people_of] < 0.93), "AAI", "AAC"),
            "latitude": city.texts.latitude.take(at),
            "longitude": city.texts.longitude.take(at),
        },
    )  # fmt: skip


def _share(words: np.ndarray, shift: int) -> np.ndarray:
    """Return 20 bits of each number as a share, from 0 to below 1."""
    return ((words >> np.uint64(shift)) & np.uint64(0xFFFFF)).astype(np.float64) / 2**20


# --- complaints and crimes


@dataclass(frozen=True)
class _Events:
    """Events somewhere in the city, week by week and within a week by day; arrays of one length."""

    day: np.ndarray
    zips: np.ndarray
    latitude: np.ndarray
    longitude: np.ndarray
    dice: np.ndarray
    words: np.ndarray

    def take(self, positions: np.ndarray) -> "_Events":
        """Return some of the events."""
        return _Events(*(getattr(self, name)[positions] for name in self.__dataclass_fields__))


def _events(city: Surroundings, stream: int, a_day: Callable[[date], float], lift: float) -> _Events:
    """Draw events week by week; areas where places fare badly have more, by ``lift`` per unit of their logit."""
    chance = places.ZIP_SHARE * np.exp(lift * city.area)
    chance[places.AIRPORT] = 0.0
    chance = np.cumsum(chance / chance.sum())
    parts = []
    for week in range(city.weeks):
        rng = np.random.default_rng(np.random.SeedSequence([city.seed, stream, week]))
        monday = city.first_week + timedelta(weeks=week)
        count = int(rng.poisson(7 * a_day(monday) * city.scale))
        zips = np.searchsorted(chance, rng.random(count)).clip(max=len(chance) - 1)
        spread = rng.standard_normal((count, 2))
        day = np.sort(7 * week + rng.integers(0, 7, count))
        parts.append((day, zips, spread, rng.random(count), rng.integers(0, 2**60, count)))
    day, zips, spread, dice, words = (np.concatenate(part) for part in zip(*parts, strict=True))
    place = places.ZIP_PLACE[zips]
    # A little wider than establishments, which stand along the main streets.
    latitude = np.clip(place[:, 0] + 1.2 * place[:, 2] * spread[:, 0], *_BOX[0])
    longitude = np.clip(place[:, 1] + 1.2 * place[:, 3] * spread[:, 1], *_BOX[1])
    return _Events(day, zips, latitude, longitude, dice, words.astype(np.uint64))


def _complaints(city: Surroundings) -> _Events:
    return _events(
        city, _COMPLAINTS_STREAM, lambda monday: _COMPLAINTS_A_DAY * _COMPLAINT_MONTH[monday.month - 1], lift=0.25
    )


def _old_complaints(city: Surroundings, events: _Events) -> pa.Table:
    natures, shares = zip(*_NATURES, strict=True)
    return _rows(
        city,
        events.words,
        events.day,
        {
            "creation_date": _days(city, events.day),
            "status": _drawn(_share(events.words, 0), _STATUSES),
            "service_request_number": _requests(events),
            "type_of_service_request": _constant("Sanitation Code Violation", len(events.day)),
            "what_is_the_nature_of_this_code_violation_": pa.array(natures).take(
                pa.array(_levels(events.dice, shares))
            ),
            "street_address": _addresses(events),
            "zip_code": _zips(events),
            **_placed(events),
        },
    )


def _new_complaints(city: Surroundings, events: _Events) -> pa.Table:
    return _rows(
        city,
        events.words,
        events.day,
        {
            "sr_number": pc.binary_join_element_wise("SR", _requests(events), ""),
            "sr_type": _constant("Sanitation Code Violation", len(events.day)),
            "sr_short_code": _constant("SCB", len(events.day)),
            "status": pc.if_else(pa.array(_share(events.words, 0) < 0.997), "Completed", "Open"),
            "created_date": _days(city, events.day),
            "legacy_record": _constant("false", len(events.day)),
            "street_address": _addresses(events),
            "zip_code": _zips(events),
            **_placed(events),
        },
    )


def _crimes(city: Surroundings) -> pa.Table:
    def a_day(monday: date) -> float:
        rate = _BURGLARIES_A_DAY.get(monday.year, _LATER_BURGLARIES) * (1 + _OTHER_CRIMES)
        return rate * float(_BURGLARY_MONTH[monday.month - 1])

    events = _events(city, _CRIMES_STREAM, a_day, lift=0.35)
    other = pa.array(events.dice < _OTHER_CRIMES / (1 + _OTHER_CRIMES))
    number = pa.array(np.arange(len(events.day)) + 7_500_000).cast(pa.string())
    return _rows(
        city,
        events.words,
        events.day,
        {
            "id": number,
            "case_number": pc.binary_join_element_wise("HS", number, ""),
            "date": _days(city, events.day),
            "iucr": pc.if_else(other, "0910", "0610"),
            "primary_type": pc.if_else(other, "MOTOR VEHICLE THEFT", "BURGLARY"),
            "arrest": pc.if_else(pa.array(_share(events.words, 0) < 0.053), "true", "false"),
            **_placed(events),
        },
    )


def _requests(events: _Events) -> pa.Array:
    return pa.array(10_000_000 + np.arange(len(events.day))).cast(pa.string())


def _addresses(events: _Events) -> pa.Array:
    number = pa.array((events.words % np.uint64(9_900)).astype(np.int64) + 1).cast(pa.string())
    streets = pa.array(places.STREETS).take(pa.array((events.words >> np.uint64(20)) % np.uint64(len(places.STREETS))))
    return pc.binary_join_element_wise(number, streets, " ")


def _zips(events: _Events) -> pa.Array:
    return pa.array(places.ZIP_NAMES).take(pa.array(events.zips))


def _placed(events: _Events) -> dict[str, pa.Array]:
    area = area_of(events.latitude, events.longitude)
    return {
        "community_area": pa.array(area).cast(pa.string()),
        "latitude": pa.array(np.round(events.latitude, 6)).cast(pa.string()),
        "longitude": pa.array(np.round(events.longitude, 6)).cast(pa.string()),
    }


def _drawn(dice: np.ndarray, choices: tuple[tuple[str, float], ...]) -> pa.Array:
    names, shares = zip(*choices, strict=True)
    return pa.array(names).take(pa.array(_levels(dice, shares)))


def _levels(dice: np.ndarray, shares: tuple[float, ...]) -> np.ndarray:
    levels = np.cumsum(shares) / np.sum(shares)
    return np.searchsorted(levels, dice, side="right").clip(max=len(shares) - 1)


def _constant(value: str, count: int) -> pa.Array:
    return pa.array([value]).take(pa.array(np.zeros(count, np.int64)))


# --- places


def area_lines() -> tuple[np.ndarray, np.ndarray]:
    """Return the borders of the areas: longitudes (8,), and latitudes of the lines at each of them (8, 12)."""
    (south, north), (west, east) = _BOX
    rng = np.random.default_rng(77)  # the map is one and the same in every simulated city
    margin = 0.01
    longitudes = np.linspace(west - margin, east + margin, _COLUMNS + 1)
    longitudes[1:-1] += rng.uniform(-0.25, 0.25, _COLUMNS - 1) * (longitudes[1] - longitudes[0])
    latitudes = np.tile(np.linspace(south - margin, north + margin, _ROWS + 1), (_COLUMNS + 1, 1))
    latitudes[:, 1:-1] += rng.uniform(-0.3, 0.3, (_COLUMNS + 1, _ROWS - 1)) * (latitudes[0, 1] - latitudes[0, 0])
    return np.round(longitudes, 6), np.round(latitudes, 6)


def area_of(latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
    """Return the number of the area (1 to 77) of each point of the box."""
    lines, heights = area_lines()
    column = np.searchsorted(lines, longitude, side="right").clip(1, _COLUMNS) - 1
    along = (longitude - lines[column]) / (lines[column + 1] - lines[column])
    borders = heights[column] + along[:, None] * (heights[column + 1] - heights[column])
    row = (latitude[:, None] >= borders[:, 1:-1]).sum(axis=1)
    return column * _ROWS + row + 1


def _areas(city: Surroundings) -> pa.Table:
    lines, heights = area_lines()
    names = [f"{first} {second}" for first in places.FIRST_WORDS for second in ("PARK", "SIDE", "HEIGHTS")]
    rows = []
    for column in range(_COLUMNS):
        for row in range(_ROWS):
            west, east = float(lines[column]), float(lines[column + 1])
            ring = [
                [west, float(heights[column, row])],
                [east, float(heights[column + 1, row])],
                [east, float(heights[column + 1, row + 1])],
                [west, float(heights[column, row + 1])],
            ]
            geometry = {"type": "MultiPolygon", "coordinates": [[[*ring, ring[0]]]]}
            number = column * _ROWS + row + 1
            rows.append((str(number), names[number].upper(), json.dumps(geometry, separators=(",", ":"))))
    columns = {
        name: pa.array([row[place] for row in rows])
        for place, name in enumerate(("area_numbe", "community", "the_geom"))
    }
    return _rows(city, np.arange(1, len(rows) + 1).astype(np.uint64), np.zeros(len(rows), np.int64), columns)


def _stations(city: Surroundings) -> pa.Table:
    rng = np.random.default_rng(np.random.SeedSequence([city.seed, _PLACES_STREAM]))
    count = 23
    zips = rng.choice(np.delete(np.arange(len(places.ZIP_NAMES)), places.AIRPORT), count, replace=False)
    spread = rng.uniform(-1, 1, (count, 2))
    place = places.ZIP_PLACE[zips]
    districts = ["Headquarters", *(str(number) for number in (*range(1, 13), *range(14, 21), 22, 24, 25))]
    columns = {
        "district": pa.array(districts),
        "district_name": pa.array([name if number else "Headquarters" for number, name in enumerate(districts)]),
        "address": pa.array([f"{100 + 37 * n} {places.STREETS[n % len(places.STREETS)]}" for n in range(count)]),
        "city": _constant("Chicago", count),
        "state": _constant("IL", count),
        "zip": pa.array([places.ZIP_NAMES[z] for z in zips.tolist()]),
        "latitude": pa.array(np.round(place[:, 0] + place[:, 2] * spread[:, 0], 6)).cast(pa.string()),
        "longitude": pa.array(np.round(place[:, 1] + place[:, 3] * spread[:, 1], 6)).cast(pa.string()),
    }
    return _rows(city, np.arange(101, 101 + count).astype(np.uint64), np.zeros(count, np.int64), columns)


# --- weather and inspectors


def _weather(city: Surroundings) -> pa.Table:
    draws = [
        np.random.default_rng(np.random.SeedSequence([city.seed, _WEATHER_STREAM, week])).random((7, 5))
        for week in range(city.weeks)
    ]
    dice = np.concatenate(draws)
    # The sum of three draws is near enough to normal, and needs no other stream.
    shock = (dice[:, :3].sum(axis=1) - 1.5) * 2.0
    deviation, today = np.empty(len(shock)), 0.0
    for day, value in enumerate(shock.tolist()):
        today = _PERSISTENCE * today + np.sqrt(1 - _PERSISTENCE**2) * value
        deviation[day] = today
    days = np.datetime64(city.first_week, "D") + np.arange(len(shock))
    month = days.astype("datetime64[M]").astype(np.int64) % 12
    along = (days - days.astype("datetime64[M]")).astype(np.int64) / 30.4 - 0.5
    other = (month + np.sign(along).astype(np.int64)) % 12
    # Between the middles of two months, so that no month begins with a jump.
    season = (1 - np.abs(along)) * _TEMPERATURE[month] + np.abs(along) * _TEMPERATURE[other]
    wet = dice[:, 3] < _WET[month]
    values = {
        "precip_intensity": np.where(wet, -np.log(1 - dice[:, 4]) * _RAIN[month], 0.0).round(5),
        "temperature_max": (season + deviation * _TEMPERATURE_SD[month]).round(2),
        "wind_speed": (_WIND[month] * (0.6 + 0.8 * dice[:, 4])).round(2),
        "humidity": np.clip(_HUMIDITY[month] + 0.15 * wet - 0.06 + 0.1 * (dice[:, 0] - 0.5), 0.2, 1.0).round(2),
    }
    columns = {
        "date": _days(city, np.arange(len(shock))),
        **{name: pa.array(column).cast(pa.string()) for name, column in values.items()},
    }
    return _rows(city, np.arange(10_001, 10_001 + len(shock)).astype(np.uint64), np.arange(len(shock)), columns)


def _inspectors(city: Surroundings) -> pa.Table:
    visits = city.visits
    columns = {
        "inspection_id": pa.array(visits.number).cast(pa.string()),
        "inspector": pc.binary_join_element_wise("I", pa.array(101 + visits.inspector).cast(pa.string()), ""),
        "inspection_date": _days(city, visits.day),
    }
    return _rows(city, visits.words.astype(np.uint64), visits.day, columns)


# --- rows


def _days(city: Surroundings, day: np.ndarray) -> pa.Array:
    """Write days since the first Monday as the portal does; each day once, for writing is slow."""
    distinct, position = np.unique(day, return_inverse=True)
    texts = np.datetime_as_string(np.datetime64(city.first_week, "D") + distinct)
    return pa.array([f"{text}T00:00:00.000" for text in texts], pa.string()).take(pa.array(position))


def _rows(city: Surroundings, words: np.ndarray, day: np.ndarray, columns: dict[str, pa.Array]) -> pa.Table:
    """Return rows that were published on the morning after ``day``; ``words`` tell them apart (60 bits)."""
    words = words & np.uint64(2**60 - 1)
    published = pc.replace_substring(_days(city, day + 1), pattern="T00:00:00.000", replacement="T10:15:00.000Z")
    return pa.table(
        {
            ":id": pa.array(row_ids(words)),
            ":created_at": published,
            ":updated_at": published,
            ":version": pa.array(row_versions(words)),
            **columns,
        }
    )
