"""Places that somebody describes, and their past, as clean rows, by the cleaning that the portal's rows go through.

What cannot be cleaned is refused and named; what is not known, or was lost in cleaning, is named too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.inspections.codebooks import CODEBOOK_2018, codebook, codebook_of
from food_inspections_dagster.inspections.features.tables import PLACE_TYPES, Described
from food_inspections_dagster.inspections.received import NEEDED_FIELDS
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.weeks import monday

#: What a comment says of the severity, as the City's inspectors write it since 2018.
SEVERITY_WORDS = {
    "priority": "PRIORITY VIOLATION.",
    "priority_foundation": "PRIORITY FOUNDATION VIOLATION.",
    "core": "",
}
# Numbers that the City does not use: licences have at most eight digits, inspections seven.
_FIRST_LICENCE, _FIRST_INSPECTION = 10**17, 900_000_000_000
_RETAIL_FOOD = 1006


@dataclass(frozen=True)
class Refusal:
    """What of a description cannot be used: where it stands in it, and why."""

    place: tuple[str, ...]
    why: str


@dataclass(frozen=True)
class Description:
    """Places that were described, cleaned.

    Attributes:
        described: those that nothing was refused of.
        ids: of every place, its establishment_id in ``described``; None where something was refused.
        refusals: of every place.
        unknowns: of every place, what is not known of it, in words.
    """

    described: Described
    ids: tuple[str | None, ...]
    refusals: tuple[tuple[Refusal, ...], ...]
    unknowns: tuple[tuple[str, ...], ...]


def describe(places: Sequence[Mapping[str, Any]], as_of: date) -> Description:
    """Clean descriptions.

    Args:
        places: each with some of dba_name, facility_type, address, zip (texts), risk (1 to 3), latitude, longitude
            (degrees), license_start_date and ``inspections``: the past visits, each with inspection_date,
            inspection_type, results, ``violations`` (the City's text, empty where there were none) and
            ``violation_codes`` (each with code and severity). Whatever is None is unknown.
        as_of: what is dated on or after this day is refused.
    """
    visits = [(number, at, visit) for number, place in enumerate(places) for at, visit in _visits(place)]
    raw = [_raw(place, number, number, as_of - timedelta(days=1)) for number, place in enumerate(places)]
    raw += [
        _raw(places[number], number, len(places) + position, visit["inspection_date"], visit)
        for position, (number, _, visit) in enumerate(visits)
    ]
    cleaned = clean(_table(raw))
    refusals: list[list[Refusal]] = [_dated(place, as_of) for place in places]
    for inspection_id, detail in zip(cleaned.rejected["inspection_id"], cleaned.rejected["detail"], strict=True):
        number, at, _ = visits[int(inspection_id) - _FIRST_INSPECTION - len(places)]
        refusals[number].append(Refusal(("inspections", str(at)), f"{detail[0].upper()}{detail[1:]}."))
    ids = tuple(None if of else f"L{_FIRST_LICENCE + number}" for number, of in enumerate(refusals))
    usable = cleaned.inspections[cleaned.inspections["establishment_id"].isin([name for name in ids if name])]
    of_places = usable["inspection_id"] < _FIRST_INSPECTION + len(places)
    known = usable[of_places][list(PLACE_TYPES)].reset_index(drop=True)
    known["facility_type"] = known["facility_type"].replace(vocabulary.UNKNOWN, None)
    history = usable[~of_places].reset_index(drop=True)
    violations = cleaned.violations[cleaned.violations["inspection_id"].isin(history["inspection_id"])]
    licences = _licences(places, ids)
    named = {row["establishment_id"]: row for row in frames.to_arrow(known, PLACE_TYPES, "places").to_pylist()}
    unknowns = tuple(
        () if name is None else tuple(_unknowns(place, named[name])) for place, name in zip(places, ids, strict=True)
    )
    described = Described(known, history, violations.reset_index(drop=True), licences)
    return Description(described, ids, tuple(map(tuple, refusals)), unknowns)


def missing(place: Mapping[str, Any], visits: int) -> list[str]:
    """Return in words what is not known of a place, by the clean columns ``PLACE_TYPES`` and its past visits."""
    words = {"dba_name": "its name", "risk": "its risk class", "zip": "its zip code", "latitude": "its location"}
    unknown = [phrase for name, phrase in words.items() if place[name] is None]
    if place["facility_type"] in (None, vocabulary.UNKNOWN):
        unknown.append("its kind of facility")
    return unknown + ["any past visit"] * (not visits)


def _visits(place: Mapping[str, Any]) -> list[tuple[int, Mapping[str, Any]]]:
    return list(enumerate(place.get("inspections") or ()))


def _dated(place: Mapping[str, Any], as_of: date) -> list[Refusal]:
    """Return what is dated on or after the day."""
    days: list[tuple[tuple[str, ...], date | None]] = [
        (("inspections", str(at), "inspection_date"), visit["inspection_date"]) for at, visit in _visits(place)
    ]
    days.append((("license_start_date",), place.get("license_start_date")))
    return [
        Refusal(where, f"{day} is not before {as_of}, up to which data are used: leave it out.")
        for where, day in days
        if day is not None and day >= as_of
    ]


def _raw(
    place: Mapping[str, Any], number: int, row: int, day: date, visit: Mapping[str, Any] | None = None
) -> dict[str, Any]:
    """Return a row as the portal sends it; without a visit, of one that stands for the place itself."""
    risk, coordinates = place.get("risk"), {name: place.get(name) for name in ("latitude", "longitude")}
    values = {
        "week": monday(day),
        ":id": f"row-{row}",
        "inspection_id": str(_FIRST_INSPECTION + row),
        "license_": str(_FIRST_LICENCE + number),
        "inspection_date": day.isoformat(),
        "risk": None if risk is None else f"Risk {risk}",
        "results": "Pass",
        **{name: place.get(name) for name in ("dba_name", "facility_type", "address", "zip")},
        **{
            name: None if degrees is None else np.format_float_positional(degrees, trim="0")
            for name, degrees in coordinates.items()
        },
    }
    if visit is not None:
        values |= {name: visit.get(name) for name in ("inspection_type", "results")}
        values["violations"] = _text(visit, day)
    return values


def _text(visit: Mapping[str, Any], day: date) -> str | None:
    """Return violations in the City's one text: what was given as text, and the codes."""
    parts = [visit.get("violations") or ""]
    for cited in visit.get("violation_codes") or ():
        entry = codebook(codebook_of(day)).get(cited["code"])
        title = entry.title if entry else "NOT IN THE CODEBOOK"
        parts.append(f"{cited['code']}. {title} - Comments: {SEVERITY_WORDS[cited.get('severity') or 'core']}")
    return " | ".join(part for part in parts if part.strip()) or None


def _table(rows: Sequence[Mapping[str, Any]]) -> pd.DataFrame:
    types = {"week": pa.date32(), **dict.fromkeys((*NEEDED_FIELDS, ":id", ":updated_at"), pa.string())}
    return frames.table({name: [row.get(name) for row in rows] for name in types}, types)


def _licences(places: Sequence[Mapping[str, Any]], ids: Sequence[str | None]) -> pd.DataFrame:
    """Return a term without an end for each place that is known to have a licence: it is for food."""
    types = schemas.arrow_types(SOURCES["business_licenses"].schema)
    starts = [
        (number, place["license_start_date"])
        for number, (place, name) in enumerate(zip(places, ids, strict=True))
        if name is not None and place.get("license_start_date") is not None
    ]
    nothing = {name: [None] * len(starts) for name in types}
    terms = {
        "week": [monday(day) for _, day in starts],
        "term_id": [f"described {number}" for number, _ in starts],
        "license_number": [_FIRST_LICENCE + number for number, _ in starts],
        "license_start_date": [day for _, day in starts],
        "license_code": [_RETAIL_FOOD] * len(starts),
    }
    return frames.table(nothing | terms, types)


def _unknowns(place: Mapping[str, Any], known: Mapping[str, Any]) -> list[str]:
    visits = _visits(place)
    words = missing(known, len(visits))
    if place.get("zip") is not None and known["zip"] is None:
        words.append("its zip code has no five digits")
    if place.get("latitude") is not None and known["latitude"] is None:
        words.append("its location lies outside the city")
    if _unmatched(vocabulary.normalise_facility_types([place.get("facility_type")])):
        words.append("its kind of facility is in no vocabulary, and counts as Other")
    if not visits and place.get("license_start_date") is None:
        words.append("when its licence began")
    for at, visit in visits:
        where = f"inspections.{at}"
        kind = visit.get("inspection_type")
        if kind is None or _unmatched(vocabulary.normalise_inspection_types([kind])):
            words.append(f"{where}: its type" + (" is in no vocabulary, and counts as Other" if kind else ""))
        codes = visit.get("violation_codes")
        if visit.get("violations") is None and codes is None:
            words.append(f"{where}: its violations, which count as none")
        if codes and codebook_of(visit["inspection_date"]) == CODEBOOK_2018:
            silent = [str(cited["code"]) for cited in codes if cited.get("severity") is None]
            if silent:
                words.append(f"{where}: the severity of {', '.join(silent)}, which count as core")
    return words


def _unmatched(normalised: pa.Table) -> bool:
    return normalised["match"][0].as_py() == "unmatched"
