"""Features: what was known about an establishment before a day, for training and for scoring alike.

``compute_features`` answers for any (establishment, as-of date); every value comes from records dated
strictly before that date, because records are sorted by date and only sums up to a position before it are
ever read. An example: as of Monday 2014-06-02, ``failures_1y`` counts the failed inspections dated 2013-06-02
to 2014-06-01.

A re-inspection's text lists the violations that were found *corrected*, so violations are counted over the
other visits only; how re-inspections ended is counted on its own. The choices of codes and windows are
explained beside them.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import as_array, to_arrow, to_pandas
from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.inspections.codebooks import CODEBOOK_2010, CODEBOOK_2018, CODEBOOKS, codebook
from food_inspections_dagster.inspections.cohorts import WINDOW_DAYS, in_cohort
from food_inspections_dagster.inspections.establishments import normalise_words
from food_inspections_dagster.inspections.labels import LABELS
from food_inspections_dagster.inspections.timelines import Ints, Questions, Timeline, encode_together, to_days

Mask = npt.NDArray[np.bool_]

YEAR_DAYS = 365
WINDOWS: dict[str, int | None] = {"1y": YEAR_DAYS, "2y": 2 * YEAR_DAYS, "3y": 3 * YEAR_DAYS, "ever": None}
_SAID = {"1y": "in the last year", "2y": "in the last 2 years", "3y": "in the last 3 years", "ever": "ever"}

# Codes that canvass inspections cite often enough to show a habit: for 2010 at least 10 % of those of
# 2011-2014, or 2 % where critical or serious; for 2018 at least 10 % of the texts of 2019-2020 (a small
# sample, so the two codes of food temperature are taken in by judgement). Rarer codes are in the counts by
# severity.
CODES = {
    CODEBOOK_2010: (2, 3, 8, 16, 18, 19, 21, 24, 29, 30, 32, 33, 34, 35, 36, 38, 40, 41),
    CODEBOOK_2018: (3, 5, 10, 21, 22, 23, 38, 47, 49, 51, 53, 55, 56, 57, 58),
}
CODE_WINDOW = "3y"  # canvasses come about once a year

# Areas whose recent rates an establishment shares, and the windows, in days, that hold enough inspections of
# each.
AREAS: dict[str, tuple[str, tuple[int, ...]]] = {
    "zip": ("in its zip code", (28, 90, 365)),
    "cell": ("within about 1 km", (90, 365)),
    "address": ("at its address", (1095,)),
    "chain": ("under the same name", (1095,)),
    "facility": ("of its kind", (365,)),
    "city": ("in the city", (28, 90, 365)),
}
SMOOTHING = 10  # inspections at the city's rate that are added to each area's own
_CELL_DEGREES = (0.009, 0.012)  # about 1 km north and 1 km east in Chicago


_BOUNDS = {
    "month": (1.0, 12.0),
    "known_risk": (1.0, 3.0),
    "is_first_visit": (0.0, 1.0),
    "is_first_canvass": (0.0, 1.0),
}


@dataclass(frozen=True)
class Feature:
    """A column of the feature matrix.

    ``kind`` is ``numeric`` (float32) or ``categorical`` (string); both are null where nothing is known.
    ``codebook`` names the codebook whose codes it counts: such a column is constant before that codebook, and
    fades after it.
    """

    name: str
    kind: Literal["numeric", "categorical"]
    family: str
    description: str
    phrase: str
    codebook: str | None = None

    @property
    def bounds(self) -> tuple[float, float]:
        """Return the least and the greatest value that a number can take."""
        if "_rate_" in self.name:
            return 0.0, 1.0
        if self.name.startswith("day_of_year"):
            return -1.0, 1.0
        return _BOUNDS.get(self.name, (0.0, 1e6))

    def say(self, value: Any) -> str:
        """Return the reason shown to people, such as ``failed 2 times in the last 3 years``."""
        if value is None or value is pd.NA or value != value:
            return f"{self.description[0].lower()}{self.description[1:]}: unknown"
        return self.phrase.format(value=value if self.kind == "categorical" else _Said(value))


class _Said(float):
    """A number in a phrase: ``{value:times}`` is *once* or *2 times*, ``{value:days}`` is *1 day* or *2
    days*, ``{value:yes|no}`` is one of both; any other format is that of a float."""

    def __format__(self, spec: str) -> str:
        if "|" in spec:
            yes, no = spec.split("|")
            return yes if self else no
        if spec == "times" and self == 1:
            return "once"
        if spec.endswith("s"):
            return f"{float(self):.0f} {spec.removesuffix('s') if self == 1 else spec}"
        return super().__format__(spec)


def _registry() -> tuple[Feature, ...]:
    features: list[Feature] = []

    def add(family: str, name: str, description: str, phrase: str, *, kind: Any = "numeric", book: Any = None) -> None:
        features.append(Feature(name, kind, family, description, phrase, book))

    for w, said in _SAID.items():
        add(
            "results",
            f"inspections_{w}",
            f"Inspections with a decision {said}",
            f"{{value:inspections}} {said}",
        )
        add("results", f"failures_{w}", f"Failed inspections {said}", f"failed {{value:times}} {said}")
        if w in ("3y", "ever"):
            add(
                "results",
                f"conditional_passes_{w}",
                f"Passes with conditions {said}",
                f"passed only with conditions {{value:times}} {said}",
            )
        add(
            "results",
            f"fail_rate_{w}",
            f"Share of inspections with a decision that failed {said}",
            f"failed {{value:.0%}} of its inspections {said}",
        )
        for severity, words in (
            ("critical", "critical (2018 codebook: priority)"),
            ("serious", "serious (priority foundation)"),
            ("minor", "minor (core)"),
        ):
            add(
                "severity",
                f"{severity}_{w}",
                f"Violations found, {words}, {said}",
                f"{{value:{severity} violations}} {said}",
            )
        add(
            "severity",
            f"critical_rate_{w}",
            f"Share of inspections, re-inspections aside, with a critical violation {said}",
            f"a critical violation in {{value:.0%}} of its inspections {said}",
        )
    for w in ("1y", "3y", "ever"):
        said = _SAID[w]
        add(
            "visits",
            f"complaints_{w}",
            f"Inspections after a complaint {said}",
            f"{{value:inspections}} after complaints {said}",
        )
        add("visits", f"reinspections_{w}", f"Re-inspections {said}", f"{{value:re-inspections}} {said}")
        add(
            "visits",
            f"license_visits_{w}",
            f"Inspections for a licence {said}",
            f"{{value:inspections}} for a licence {said}",
        )
    add(
        "visits",
        "failed_complaints_3y",
        "Failed inspections after a complaint in the last 3 years",
        "failed {value:inspections} after complaints in the last 3 years",
    )
    add(
        "visits",
        "failed_reinspections_3y",
        "Failed re-inspections in the last 3 years",
        "failed {value:re-inspections} in the last 3 years",
    )
    add(
        "visits",
        "unreached_3y",
        "Visits that found no entry or a place not ready in the last 3 years",
        "{value:visits} without entry in the last 3 years",
    )
    add(
        "visits",
        "closures_ever",
        "Visits that found it closed or gone, ever",
        "found closed {value:times} before",
    )
    for book, codes in CODES.items():
        for code in codes:
            entry = codebook(book)[code]
            add(
                "codes",
                f"code_{book}_{code}_{CODE_WINDOW}",
                f"Inspections with violation {code} of the {book} codebook {_SAID[CODE_WINDOW]}: "
                f"{entry.title.strip('* ').lower()}",
                f"{{value:inspections}} {_SAID[CODE_WINDOW]} found {entry.summary}",
                book=book,
            )
    for name, words in (
        ("inspection", "its last visit"),
        ("canvass", "its last routine inspection"),
        ("failure", "its last failed inspection"),
        ("critical", "its last critical violation"),
        ("complaint", "its last inspection after a complaint"),
    ):
        add("recency", f"days_since_last_{name}", f"Days since {words}", f"{words} was {{value:days}} ago")
    add(
        "recency",
        "days_between_last_two",
        "Days between its last two inspections with a decision",
        "{value:days} lay between its last two inspections",
    )
    for name, words in (
        ("last", "last inspection with a decision"),
        ("previous", "inspection before the last"),
    ):
        add(
            "last",
            f"{name}_result",
            f"Result of its {words}",
            f"its {words} ended with: {{value}}",
            kind="categorical",
        )
        for severity in ("critical", "serious", "minor"):
            add(
                "last",
                f"{name}_{severity}_count",
                f"Violations listed, {severity}, at its {words}",
                f"{{value:{severity} violations}} at its {words}",
            )
    add(
        "last",
        "last_inspection_type",
        "Type of its last visit",
        "its last visit was: {value}",
        kind="categorical",
    )
    add(
        "profile",
        "known_facility_type",
        "Kind of facility, as last known",
        "it is a: {value}",
        kind="categorical",
    )
    add(
        "profile",
        "known_risk",
        "The City's risk class, as last known (1 high, 3 low)",
        "the City's risk class is {value:.0f}",
    )
    add(
        "profile",
        "is_first_visit",
        "Whether no record precedes (1 or 0)",
        "{value:it has no record yet|it has been visited before}",
    )
    add(
        "profile",
        "is_first_canvass",
        "Whether no routine inspection precedes (1 or 0)",
        "{value:it has had no routine inspection yet|it has had a routine inspection before}",
    )
    add("profile", "age_days", "Days since its first record", "known for {value:days}")
    add("season", "day_of_year_sin", "Sine of the day of the year of the as-of date", "time of the year")
    add("season", "day_of_year_cos", "Cosine of the day of the year of the as-of date", "time of the year")
    add("season", "month", "Month of the as-of date (1-12)", "the month is {value:.0f}")
    for area, (where, windows) in AREAS.items():
        for days in windows:
            add(
                "area",
                f"{area}_fail_rate_{days}d",
                f"Share of inspections {where} that failed in the last {days} days, drawn towards the city's",
                f"{{value:.0%}} of inspections {where} failed in the last {days} days",
            )
            add(
                "area",
                f"{area}_critical_rate_{days}d",
                f"Share of inspections {where} with a critical violation in the last {days} days, "
                "drawn towards the city's",
                f"{{value:.0%}} of inspections {where} found a critical violation in the last {days} days",
            )
        if area != "city":
            add(
                "area",
                f"{area}_inspections_{windows[-1]}d",
                f"Inspections {where} in the last {windows[-1]} days",
                f"{{value:inspections}} {where} in the last {windows[-1]} days",
            )
    return tuple(features)


FEATURES: tuple[Feature, ...] = _registry()
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)

SPINE_COLUMNS = ("establishment_id", "as_of_date")
INSPECTION_COLUMNS = (
    "week", "inspection_id", "establishment_id", "inspection_date", "dba_name", "facility_type", "risk",
    "address", "zip", "latitude", "longitude", "inspection_type", "is_reinspection", "results",
    "critical_count", "serious_count", "minor_count",
)  # fmt: skip
VIOLATION_COLUMNS = ("week", "inspection_id", "code", "codebook")


MATRIX_COLUMNS = (
    "week", "inspection_id", "establishment_id", "as_of_date", "inspection_date", "inspection_type",
    "is_reinspection", "facility_type", "risk", "zip", "in_cohort", *LABELS, *FEATURE_NAMES,
)  # fmt: skip


def compute_features(spine: pd.DataFrame, inspections: pd.DataFrame, violations: pd.DataFrame) -> pd.DataFrame:
    """Compute the features of each row of ``spine`` from the records dated strictly before its as-of date.

    Args:
        spine: ``establishment_id`` and ``as_of_date``, in any order, repeats allowed.
        inspections: ``clean.inspections`` with the whole history before the as-of dates; what is dated later
            is not used.
        violations: ``clean.violations`` of these inspections.

    Returns:
        One row per row of ``spine``, in its order, with the columns ``FEATURE_NAMES``: float32 for numbers,
        string for categories, null where nothing is known.

    Raises:
        FoodInspectionsError: if a needed column is missing.
    """
    asked = to_arrow(spine, SPINE_COLUMNS, "spine rows")
    history = _History.of(inspections, violations)
    groups, entities = encode_together(history.table["establishment_id"], asked["establishment_id"])
    days = to_days(asked["as_of_date"])
    # Sorted questions walk through the timeline in order: three times as fast as at random.
    order = np.lexsort((days, entities))
    own = Questions(Timeline.of(groups, history.days, history.ids), entities[order], days[order])

    values: dict[str, Any] = {}
    values |= _counts(history, own)
    values |= _codes(history, own)
    values |= _recency(history, own)
    values |= _profile(history, own)
    values |= _season(own.days)
    values |= _areas(history, own)

    back = np.empty(len(order), dtype=np.int64)
    back[order] = np.arange(len(order))
    return to_pandas(pa.table({f.name: _column(f, values.pop(f.name), back) for f in FEATURES}))


def feature_matrix(
    weeks: Iterable[date], inspections: pd.DataFrame, violations: pd.DataFrame, window_days: int = WINDOW_DAYS
) -> pd.DataFrame:
    """Build ``features.feature_matrix``: the inspections of ``weeks``, with features as of the Monday of
    their week.

    ``inspections`` and ``violations`` hold these weeks and the whole history before them. The attributes of
    the inspection itself stand beside the features for filters and audits; they are no inputs of a model.
    Rows are in the order of week and inspection_id.
    """
    chosen = pa.array(sorted(set(weeks)), pa.date32())
    own = [name for name in MATRIX_COLUMNS if name not in (*FEATURE_NAMES, "as_of_date", "in_cohort")]
    rows = to_arrow(inspections, own, "inspections")
    rows = rows.filter(pc.is_in(rows["week"], value_set=chosen))
    rows = rows.sort_by([("week", "ascending"), ("inspection_id", "ascending")])
    spine = to_pandas(pa.table({"establishment_id": rows["establishment_id"], "as_of_date": rows["week"]}))
    features = to_arrow(compute_features(spine, inspections, violations), FEATURE_NAMES, "features")
    columns = {
        **{name: rows[name] for name in own},
        "as_of_date": rows["week"],
        "in_cohort": in_cohort(spine, inspections, window_days),
        **{name: features[name] for name in FEATURE_NAMES},
    }
    return to_pandas(pa.table({name: columns[name] for name in MATRIX_COLUMNS}))


def _column(feature: Feature, values: Any, back: Ints) -> pa.Array:
    if feature.kind == "categorical":
        return values.take(pa.array(back))
    numbers = values.astype(np.float32)[back]
    unknown = np.isnan(numbers)
    numbers[unknown] = 0  # what lies under a null shall not depend on how it was computed
    return pa.array(numbers, mask=unknown)


@dataclass(frozen=True)
class _History:
    """The records as arrays, with the flags that the features count; ``codes`` holds one mask per counted
    code."""

    table: pa.Table
    days: Ints
    ids: Ints
    decided: Mask
    failed: Mask
    conditional: Mask
    reinspection: Mask
    initial: Mask
    canvass: Mask
    complaint: Mask
    critical: Mask
    codes: dict[tuple[str, int], Mask]

    @classmethod
    def of(cls, inspections: pd.DataFrame, violations: pd.DataFrame) -> "_History":
        table = to_arrow(inspections, INSPECTION_COLUMNS, "inspections").combine_chunks()

        def flag(column: str, *values: str) -> Mask:
            return pc.is_in(table[column], value_set=pa.array(values, pa.string())).to_numpy()

        decided = flag("results", *vocabulary.DECISIONS)
        reinspection = pc.fill_null(table["is_reinspection"], False).to_numpy()
        initial = decided & ~reinspection
        return cls(
            table=table,
            days=to_days(table["inspection_date"]),
            ids=table["inspection_id"].to_numpy(),
            decided=decided,
            failed=flag("results", "Fail"),
            conditional=flag("results", "Pass w/ Conditions"),
            reinspection=reinspection & decided,
            initial=initial,
            canvass=initial & flag("inspection_type", "Canvass"),
            complaint=initial & flag("inspection_type", *vocabulary.COMPLAINTS),
            critical=initial & pc.greater(table["critical_count"], 0).to_numpy(),
            codes=_code_masks(table, violations, initial),
        )

    def count(self, severity: str) -> Ints:
        return self.table[f"{severity}_count"].to_numpy().astype(np.int64)


def _code_masks(table: pa.Table, violations: pd.DataFrame, initial: Mask) -> dict[tuple[str, int], Mask]:
    """Return, for each counted code, which inspections cite it at least once."""
    found = to_arrow(violations, VIOLATION_COLUMNS, "violations")
    wanted = [(book, code) for book, codes in CODES.items() for code in codes]
    column = np.full((len(CODEBOOKS), 128), -1, dtype=np.int64)
    for i, (book, code) in enumerate(wanted):
        column[CODEBOOKS.index(book), code] = i
    book = pc.index_in(found["codebook"], pa.array(CODEBOOKS, pa.string())).to_numpy()
    at = column[book, found["code"].to_numpy()]
    keys = _row_keys(table)
    order = np.argsort(keys, kind="stable")
    sought = _row_keys(found)
    place = np.minimum(np.searchsorted(keys, sought, sorter=order), max(len(keys) - 1, 0))
    hit = (at >= 0) & (keys[order[place]] == sought) if len(keys) else np.zeros(len(at), dtype=bool)
    cited = np.zeros((len(wanted), len(keys)), dtype=bool)
    cited[at[hit], order[place[hit]]] = True
    return {key: cited[i] & initial for i, key in enumerate(wanted)}


def _row_keys(table: pa.Table) -> Ints:
    """Return week and inspection_id (at most 12 digits) in one number: an id may stand in two weeks after an
    edit."""
    return (to_days(table["week"]) << 40) | table["inspection_id"].to_numpy()


def _counts(history: _History, own: Questions) -> dict[str, Any]:
    h = history
    starts = {w: own.since(days) for w, days in WINDOWS.items()}
    values: dict[str, Any] = {}

    def total(what: npt.NDArray[Any], name: str, *windows: str) -> None:
        sums = own.timeline.cumulative(what)
        for w in windows:
            values[f"{name}_{w}"] = sums[own.end] - sums[starts[w]]

    total(h.decided, "inspections", *WINDOWS)
    total(h.failed, "failures", *WINDOWS)
    total(h.conditional, "conditional_passes", "3y", "ever")
    total(h.critical, "with_critical", *WINDOWS)
    total(h.initial, "initial", *WINDOWS)
    for severity in ("critical", "serious", "minor"):
        total(h.count(severity) * h.initial, severity, *WINDOWS)
    for w in WINDOWS:
        values[f"fail_rate_{w}"] = _ratio(values[f"failures_{w}"], values[f"inspections_{w}"])
        values[f"critical_rate_{w}"] = _ratio(values.pop(f"with_critical_{w}"), values.pop(f"initial_{w}"))
    licence = h.initial & _is(h, "inspection_type", "License")
    for name, what in (
        ("complaints", h.complaint),
        ("reinspections", h.reinspection),
        ("license_visits", licence),
    ):
        total(what, name, "1y", "3y", "ever")
    total(h.complaint & h.failed, "failed_complaints", "3y")
    total(h.reinspection & h.failed, "failed_reinspections", "3y")
    total(_is(h, "results", "No Entry", "Not Ready"), "unreached", "3y")
    total(_is(h, "results", *vocabulary.CLOSED), "closures", "ever")
    return values


def _is(history: _History, column: str, *values: str) -> Mask:
    return pc.is_in(history.table[column], value_set=pa.array(values, pa.string())).to_numpy()


def _ratio(part: Ints, whole: Ints) -> npt.NDArray[np.float64]:
    return np.divide(part, whole, out=np.full(len(part), np.nan), where=whole > 0)


def _codes(history: _History, own: Questions) -> dict[str, Any]:
    start = own.since(WINDOWS[CODE_WINDOW])
    values = {}
    for (book, code), cited in history.codes.items():
        sums = own.timeline.cumulative(cited)
        values[f"code_{book}_{code}_{CODE_WINDOW}"] = sums[own.end] - sums[start]
    return values


def _recency(history: _History, own: Questions) -> dict[str, Any]:
    h = history
    every = np.ones(len(h.days), dtype=bool)
    kinds = {"inspection": every, "canvass": h.canvass, "failure": h.failed, "critical": h.critical,
             "complaint": h.complaint}  # fmt: skip
    values: dict[str, Any] = {
        f"days_since_last_{name}": own.days - _pick(h.days, own.last(mask)) for name, mask in kinds.items()
    }
    last = own.last(h.decided)
    previous = _one_before(history, own)
    values["days_between_last_two"] = _pick(h.days, last) - _pick(h.days, previous)
    for name, at in (("last", last), ("previous", previous)):
        values[f"{name}_result"] = _take(h.table["results"], at)
        for severity in ("critical", "serious", "minor"):
            values[f"{name}_{severity}_count"] = _pick(h.count(severity), at)
    values["last_inspection_type"] = _take(h.table["inspection_type"], own.last(every))
    return values


def _one_before(history: _History, own: Questions) -> Ints:
    """Return table positions of the decision before the last one, else -1."""
    timeline = own.timeline
    decided = np.flatnonzero(history.decided[timeline.order])  # positions in the timeline
    nth = np.searchsorted(decided, own.end) - 2
    at = np.where(nth >= 0, decided[np.maximum(nth, 0)] if len(decided) else -1, -1)
    found = at >= own.begin
    positions = np.full(len(at), -1)
    positions[found] = timeline.order[at[found]]
    return positions


def _profile(history: _History, own: Questions) -> dict[str, Any]:
    table = history.table
    first = np.full(len(own.days), -1)
    seen = own.end > own.begin
    first[seen] = own.timeline.order[own.begin[seen]]
    facility = pc.is_in(table["facility_type"], value_set=pa.array([vocabulary.UNKNOWN])).to_numpy()
    risk = pc.cast(table["risk"], pa.float64()).to_numpy()
    return {
        "known_facility_type": _take(table["facility_type"], own.last(~facility)),
        "known_risk": _pick(risk, own.last(~np.isnan(risk))),
        "is_first_visit": ~seen,
        "is_first_canvass": own.last(history.canvass) < 0,
        "age_days": own.days - _pick(history.days, first),
    }


def _season(days: Ints) -> dict[str, Any]:
    dates = days.astype("datetime64[D]")
    day_of_year = (dates - dates.astype("datetime64[Y]")).astype(np.int64)
    angle = 2 * np.pi * day_of_year / 365.25
    month = dates.astype("datetime64[M]").astype(np.int64) % 12 + 1
    return {"day_of_year_sin": np.sin(angle), "day_of_year_cos": np.cos(angle), "month": month}


def _areas(history: _History, own: Questions) -> dict[str, Any]:
    """Trailing rates over all inspections but re-inspections of an area; it is the establishment's last known
    one.

    They carry most of the signal that public data has: inspectors and neighbourhoods differ more than
    establishments remember. A small area is drawn towards the city's rate in the same window.
    """
    values: dict[str, Any] = {}
    places = _places(history.table)
    for area in sorted(AREAS, key=lambda name: name != "city"):  # the others lean on the city's rates
        place = places[area]
        group = _pick(place, own.last(place >= 0), -1).astype(np.int64)
        if area == "city":
            group[:] = 0  # known even before the first visit
        timeline = Timeline.of(np.where(history.initial, place, -1), history.days, history.ids)
        asked = Questions(timeline, group, own.days)
        for label, hits in (("fail", history.failed), ("critical", history.critical)):
            sums = timeline.cumulative(hits)
            for days in AREAS[area][1]:
                start = asked.since(days)
                hit, n = sums[asked.end] - sums[start], asked.end - start
                if area == "city":
                    rate = _ratio(hit, n)
                else:
                    base = values[f"city_{label}_rate_{min(days, YEAR_DAYS)}d"]
                    rate = np.where(group >= 0, (hit + SMOOTHING * base) / (n + SMOOTHING), np.nan)
                    values[f"{area}_inspections_{days}d"] = np.where(group >= 0, n, np.nan)
                values[f"{area}_{label}_rate_{days}d"] = rate
    return values


def _places(table: pa.Table) -> dict[str, Ints]:
    """Return the group of each record in each area, -1 where it is unknown."""
    north, east = (pc.cast(table[name], pa.float64()).to_numpy() for name in ("latitude", "longitude"))
    known = ~(np.isnan(north) | np.isnan(east))
    cell = np.full(len(known), -1)
    cell[known] = (
        np.floor(north[known] / _CELL_DEGREES[0]) * 100_000 + np.floor((east[known] + 180) / _CELL_DEGREES[1])
    ).astype(np.int64)
    (zips,), (addresses,) = encode_together(table["zip"]), encode_together(pc.utf8_upper(table["address"]))
    (chains,) = encode_together(vocabulary.map_unique(table["dba_name"], _chain, pa.string()))
    (facilities,) = encode_together(table["facility_type"])
    unknown = pc.equal(table["facility_type"], vocabulary.UNKNOWN).to_numpy()
    return {
        "zip": zips, "cell": cell, "address": addresses, "chain": chains,
        "facility": np.where(unknown, -1, facilities), "city": np.zeros(len(known), dtype=np.int64),
    }  # fmt: skip


_NO_NAME = re.compile(r"\b(\d+|INC|LLC|LTD|CORP|CORPORATION|CO|COMPANY|THE)\b")


def _chain(name: str) -> str | None:
    """Return the name that the shops of a chain share: ``SUBWAY #1234 INC`` is ``SUBWAY``."""
    words = normalise_words(name)
    return " ".join(_NO_NAME.sub(" ", words).split()) or words or None


def _pick(values: npt.NDArray[Any], at: Ints, missing: float = np.nan) -> Any:
    if not len(values):
        return np.full(len(at), missing)
    return np.where(at >= 0, values[at], missing)


def _take(column: pa.ChunkedArray, at: Ints) -> pa.Array:
    return pc.cast(as_array(column), pa.string()).take(pa.array(at, mask=at < 0))
