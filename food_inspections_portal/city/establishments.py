"""The establishments of the simulated city: what they are, where, and what nobody sees of them.

All draws happen when an establishment is born, in the stream of that week, so a longer simulation leaves
the earlier ones as they are. Texts (names, addresses) are put together at the end from the numbers drawn
here.
"""

import csv
import tomllib
from dataclasses import dataclass, field
from importlib.resources import files

import numpy as np
import pyarrow as pa

_DATA = files("food_inspections_portal.city") / "data"


def _rows(name: str) -> list[dict[str, str]]:
    return list(csv.DictReader((_DATA / name).read_text(encoding="utf-8").splitlines()))


def _column(rows: list[dict[str, str]], name: str) -> np.ndarray:
    return np.array([float(row[name]) for row in rows])


_FACILITIES = _rows("facilities.csv")
FACILITY_NAMES = [row["facility_type"] for row in _FACILITIES]
_FACILITY_SHARE = _column(_FACILITIES, "share_percent")
_FACILITY_RISK = np.cumsum(np.column_stack([_column(_FACILITIES, f"risk_{risk}") for risk in (1, 2, 3)]) / 100, axis=1)
FACILITY_LOGIT = _column(_FACILITIES, "fail_logit")
CHILDREN = FACILITY_NAMES.index("Children's Services Facility")
_DAYCARES = np.array([name.startswith("Daycare") for name in FACILITY_NAMES])
SCHOOL = FACILITY_NAMES.index("School")
UNNAMED = FACILITY_NAMES.index("")
RISKS = ("Risk 1 (High)", "Risk 2 (Medium)", "Risk 3 (Low)", "All", None)

_ZIPS = _rows("zips.csv")
ZIP_NAMES = [row["zip"] for row in _ZIPS]
ZIP_SHARE = _column(_ZIPS, "share_percent") / _column(_ZIPS, "share_percent").sum()
ZIP_PLACE = np.column_stack([_column(_ZIPS, name) for name in ("latitude", "longitude", "latitude_sd", "longitude_sd")])
AIRPORT = ZIP_NAMES.index("60666")
_BOX = ((41.6445, 42.0230), (-87.9144, -87.5250))
DISTRICTS = 20
FIRST_LICENSE = 2_000_000
LICENSE_STEP = 23
# Districts are strips of neighbouring zips, from the south to the north.
ZIP_DISTRICT = np.empty(len(_ZIPS), dtype=np.int64)
ZIP_DISTRICT[np.argsort(ZIP_PLACE[:, 0] + 0.3 * ZIP_PLACE[:, 1], kind="stable")] = (
    np.arange(len(_ZIPS)) * DISTRICTS // len(_ZIPS)
)

REGIONS = (
    ":@computed_region_awaf_s7ux",
    ":@computed_region_6mkv_f3dw",
    ":@computed_region_vrxf_vc4k",
    ":@computed_region_bdys_3d7i",
    ":@computed_region_43wa_7qmu",
)
_REGION_COUNTS = (53, 63, 77, 801, 50)

# Brands are names that such rows bear; the establishments are invented.
_CHAINS = _rows("chains.csv")
_CHAIN_NAMES = [row["dba_name"] for row in _CHAINS]
_CHAIN_SHARE = _column(_CHAINS, "share_percent") / 100
_WORDS = tomllib.loads((_DATA / "names.toml").read_text(encoding="utf-8"))
FIRST_WORDS, _SECOND, STREETS = _WORDS["first"], _WORDS["second"], _WORDS["streets"]
_ENDINGS: dict[str, list[str]] = _WORDS["endings"]
_ODD_CITIES: tuple[tuple[str | None, float], ...] = (
    ("Chicago", 1.3e-3),
    ("chicago", 8e-4),
    ("CCHICAGO", 2.2e-4),
    ("CHicago", 1.5e-4),
    ("CHESTNUT STREET", 1.1e-4),
    ("CHCHICAGO", 1.1e-4),
    ("CHICAGO HEIGHTS", 4e-5),
    ("OOLYMPIA FIELDS", 4e-5),
    ("CHICAGOO", 4e-5),
    ("312CHICAGO", 4e-5),
    ("CHICAGO.", 4e-5),
    (None, 5.5e-4),
)

# Standard deviations on the logit scale, tuned until the calibration's table of memory holds.
PLACE_FAIL, PLACE_CONDITIONS, PLACE_CRITICAL = 0.78, 0.95, 0.70
RISK_LOGIT = np.array([0.0, -0.12, 0.30, 0.0, 0.0])


@dataclass
class Population:
    """Columns over all establishments born so far; grown week by week.

    Attributes:
        columns: arrays by name, all of one length. Visible: ``facility``, ``risk``, ``zip``, ``latitude``,
            ``longitude``, ``license``, and the seeds of texts. Hidden: the persistent ``fail``,
            ``conditions``, ``critical`` and ``clutter`` traits (logits). State: ``next_canvass`` and
            ``closes`` (days since the first Monday), ``alive``.
    """

    columns: dict[str, np.ndarray] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.columns["facility"]) if self.columns else 0

    def __getitem__(self, name: str) -> np.ndarray:
        return self.columns[name]

    def extend(self, newborn: dict[str, np.ndarray]) -> np.ndarray:
        """Append establishments and return their positions."""
        before = len(self)
        for name, values in newborn.items():
            older = self.columns.get(name)
            self.columns[name] = values if older is None else np.concatenate([older, values])
        return np.arange(before, len(self))


def born(rng: np.random.Generator, count: int, day: int, first_license: int, old: bool) -> dict[str, np.ndarray]:
    """Draw new establishments.

    Args:
        rng: the week's stream.
        count: how many.
        day: Monday of the week, in days since the first Monday.
        first_license: licence number of the first one.
        old: true for those that were there before the first week: older licences, no licence inspection.
    """
    facility = rng.choice(len(_FACILITY_SHARE), count, p=_FACILITY_SHARE / _FACILITY_SHARE.sum())
    if day > 2300:  # the licence for children's services replaced the daycares' in 2016
        facility = np.where(_DAYCARES[facility] & (rng.random(count) < 0.9), CHILDREN, facility)
        facility = np.where(rng.random(count) < 0.012, CHILDREN, facility)
    risk = (rng.random((count, 1)) > _FACILITY_RISK[facility]).sum(axis=1).clip(0, 2)
    odd_risk = rng.random(count)
    risk = np.where(odd_risk < 3e-4, 3, np.where(odd_risk < 4e-4, 4, risk))
    zips = rng.choice(len(ZIP_SHARE), count, p=ZIP_SHARE)
    place = ZIP_PLACE[zips]
    spread = rng.standard_normal((count, 2))
    latitude = np.clip(place[:, 0] + place[:, 2] * spread[:, 0], *_BOX[0])
    longitude = np.clip(place[:, 1] + place[:, 3] * spread[:, 1], *_BOX[1])
    unplaced = rng.random(count) < 0.004
    latitude[unplaced] = np.nan
    number = first_license + LICENSE_STEP * np.arange(count)
    if old:
        number = _old_licenses(rng.random(count))
    odd_license = rng.random(count)
    number = np.where(odd_license < 2.5e-3, 0, np.where(odd_license < 3e-3, -1, number))
    chain = np.searchsorted(np.cumsum(_CHAIN_SHARE), rng.random(count))
    traits = rng.standard_normal((count, 4))
    gloom = traits[:, 0]
    # Restaurants of a chain differ less than others.
    spread_of = np.where(chain < len(_CHAINS), 0.7, 1.0)
    return {
        "facility": facility,
        "risk": risk,
        "zip": zips,
        "latitude": latitude,
        "longitude": longitude,
        "license": number,
        "chain": chain,
        "words": rng.integers(0, 2**62, count),
        "fail": PLACE_FAIL * gloom * spread_of + FACILITY_LOGIT[facility] + RISK_LOGIT[risk],
        "conditions": PLACE_CONDITIONS * (0.75 * gloom + 0.66 * traits[:, 1]) * spread_of,
        "critical": PLACE_CRITICAL * (0.75 * gloom + 0.66 * traits[:, 2]),
        "clutter": 0.30 * traits[:, 3] + 0.12 * gloom,
        "drift": rng.standard_normal(count),
        "drift_day": np.full(count, day, dtype=np.int64),
        "closes": day + _lifetimes(rng, facility, gloom, old),
        "alive": np.ones(count, dtype=bool),
        "next_canvass": np.full(count, day, dtype=np.int64),
        "born": np.full(count, -1 if old else day, dtype=np.int64),
    }


def _old_licenses(dice: np.ndarray) -> np.ndarray:
    """Licences of before 2010: four, five and seven digits, all distinct and below the first new one."""
    number = np.empty(len(dice), dtype=np.int64)
    kinds = ((dice < 0.05, 100, 3), (dice < 0.33, 10_100, 25), (dice >= 0.33, 1_000_000, 900_000))
    for chosen, first, step in kinds:
        members = chosen & ((dice >= 0.05) | (first == 100))
        rank = np.arange(np.count_nonzero(members))
        number[members] = first + rank * (max(1, step // max(1, len(rank))) if first == 1_000_000 else step)
    return number


def _lifetimes(rng: np.random.Generator, facility: np.ndarray, gloom: np.ndarray, old: bool) -> np.ndarray:
    """Days until closure: shorter where things go badly, and hardly ever for schools and hospitals."""
    yearly = 0.205 * np.exp(0.35 * gloom)
    steady = (facility == SCHOOL) | (facility == FACILITY_NAMES.index("Hospital"))
    yearly = np.where(steady, 0.03, yearly)
    days = rng.exponential(365.0 / yearly)
    return (days + (0 if old else 60)).astype(np.int64)


@dataclass(frozen=True)
class Texts:
    """The portal's texts of every establishment, as Arrow string arrays in the population's order."""

    dba_name: pa.Array
    aka_name: pa.Array
    license_: pa.Array
    facility_type: pa.Array
    risk: pa.Array
    address: pa.Array
    city: pa.Array
    state: pa.Array
    zip: pa.Array
    latitude: pa.Array
    longitude: pa.Array
    regions: tuple[pa.Array, ...]


def texts(population: Population) -> Texts:
    """Put the texts of all establishments together; the same numbers always give the same texts."""
    words = population["words"].astype(np.uint64)
    chain, facility, zips = population["chain"], population["facility"], population["zip"]
    names, others, streets, cities = [], [], [], []
    odd = np.cumsum([share for _, share in _ODD_CITIES])
    for position in range(len(population)):
        bits = int(words[position])
        name, other = _names(bits, int(chain[position]), FACILITY_NAMES[facility[position]])
        names.append(name)
        others.append(other)
        streets.append(_address(bits >> 7, zips[position] == AIRPORT))
        which = int(np.searchsorted(odd, (bits % 1_000_003) / 1_000_003))
        cities.append(_ODD_CITIES[which][0] if which < len(_ODD_CITIES) else "CHICAGO")
    share = (words % np.uint64(999_983)).astype(np.float64) / 999_983
    number = population["license"]
    latitude, longitude = population["latitude"], population["longitude"]
    placed = ~np.isnan(latitude)
    return Texts(
        dba_name=pa.array(names),
        aka_name=pa.array(others),
        license_=pa.array([None if n < 0 else str(n) for n in number.tolist()]),
        facility_type=pa.array([FACILITY_NAMES[f] or None for f in facility.tolist()]),
        risk=pa.array([RISKS[r] for r in population["risk"].tolist()]),
        address=pa.array(streets),
        city=pa.array(cities, pa.string()),
        state=pa.array(np.full(len(population), "IL", dtype=object), mask=share < 2.5e-4),
        zip=pa.array(
            np.where(share > 1 - 4e-5, "66019", np.array(ZIP_NAMES)[zips]).astype(object),
            mask=(share > 0.5) & (share < 0.5003),
        ),
        latitude=pa.array([repr(v) if ok else None for v, ok in zip(latitude.tolist(), placed, strict=True)]),
        longitude=pa.array([repr(v) if ok else None for v, ok in zip(longitude.tolist(), placed, strict=True)]),
        regions=tuple(_region(latitude, longitude, placed, count) for count in _REGION_COUNTS),
    )


def _region(latitude: np.ndarray, longitude: np.ndarray, placed: np.ndarray, count: int) -> pa.Array:
    """Number the cells of a grid with about ``count`` cells, as the portal numbers wards and areas."""
    side = int(np.ceil(np.sqrt(count)))
    row = ((np.nan_to_num(latitude, nan=41.8) - 41.64) / 0.39 * side).astype(np.int64)
    column = ((np.nan_to_num(longitude, nan=-87.7) + 87.92) / 0.40 * side).astype(np.int64)
    return pa.array(((row * side + column) % count + 1).astype(str).astype(object), pa.string(), mask=~placed)


def _names(bits: int, chain: int, facility: str) -> tuple[str, str | None]:
    """Return dba_name and aka_name: equal in three of four, now and then with double blanks, rarely null."""
    dice = (bits >> 40) % 1000
    if chain < len(_CHAINS):
        name = _CHAIN_NAMES[chain]
        plain = name
        if dice % 10 < 2:
            name = f"{name} #{1000 + bits % 48_000}"
    else:
        first, second = FIRST_WORDS[bits % len(FIRST_WORDS)], _SECOND[(bits >> 8) % len(_SECOND)]
        endings = _ENDINGS[_ending_group(facility)]
        plain = f"{first} {second}"
        name = f"{plain} {endings[(bits >> 16) % len(endings)]}"
        if dice % 50 == 7:
            name = name.title()
    if dice % 40 == 3:
        name = name.replace(" ", "  ", 1)
    draw = (bits >> 24) % 1000
    if draw < 11:
        return name, None
    return name, name if draw < 755 else plain


def _ending_group(facility: str) -> str:
    lowered = facility.lower()
    if "school" in lowered or "college" in lowered:
        return "School"
    if "daycare" in lowered or "children" in lowered:
        return "Care"
    if "grocery" in lowered or "convenience" in lowered or "gas" in lowered or "liquor" in lowered:
        return "Grocery Store"
    if "baker" in lowered:
        return "Bakery"
    return "Restaurant" if lowered in ("restaurant", "", "golden diner") else "Other"


def _address(bits: int, airport: bool) -> str:
    if airport:
        return "11601 W TOUHY AVE "
    street = STREETS[bits % len(STREETS)]
    number = 1 + (bits >> 8) % 9900
    dice = (bits >> 24) % 1000
    text = f"{number} {street} "
    if dice < 25:
        text = f"{number}-{number + 4} {street} "
    elif dice < 110:
        head, _, tail = street.partition(" ")
        middle, _, suffix = tail.rpartition(" ")
        text = f"{number} {head} {(middle or suffix).title()} {suffix if middle else ''}".rstrip() + " "
    elif dice < 118:
        text = f"{number}  {street} "
    elif dice < 125:
        text = f"{number} {street} BLDG "
    return text if dice != 999 else text.rstrip()
