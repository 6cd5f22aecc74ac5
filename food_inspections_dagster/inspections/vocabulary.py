"""Vocabularies: the portal's free spellings onto a few documented values.

Inspectors type facility and inspection types by hand, in hundreds of spellings. Each is folded (capitals, one
blank, no space around punctuation), looked up, then tried against rules in order; the first rule that fits
decides. What fits nothing becomes ``Other`` with match ``unmatched``: it stays visible to
``unmatched_values`` and so to a check.
"""

import re
from collections.abc import Callable
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow, to_arrow, to_pandas

UNKNOWN = "Unknown"  # the portal has no value
OTHER = "Other"
MATCHES = ("exact", "rule", "unmatched")

# --- Columns of the feature matrix, as known that Monday, whatever families are on: subsets of the evaluation
KNOWN_FLAGS = ("in_cohort", "first_visit", "reinspected")

# --- Results
DECISIONS = ("Pass", "Pass w/ Conditions", "Fail")
RESULTS = (*DECISIONS, "Out of Business", "No Entry", "Not Ready", "Business Not Located")
CLOSED = ("Out of Business", "Business Not Located")

# --- Facility types
# Ordered: a combination belongs to the rule that comes first, so the place that prepares more food wins.
_FACILITY_RULES: tuple[tuple[str, str], ...] = (
    ("Children's Services Facility", r"CHILD\w*'?S? SERVICE|\b1023\b"),
    ("After School Program", r"AFTER SCHOOL|YOUTH|SUMMER FEEDING|HEAD ?START"),
    ("Adult Day Care", r"(SENIOR|ADULT|ELDER\w*) ?(DAY|FAMILY)"),
    ("Daycare", r"DAY ?CARE|\b1586\b"),
    ("Culinary School",
     r"(CULINARY|COOKING|PASTRY|CHEF|BAKING).*(SCHOOL|CLASS|TRAINING|ARTS)|KITCHEN DEMO|"
     r"RESEARCH KITCHEN"),
    ("College", r"COLLEGE|UNIVERSITY"),
    ("Mobile Food",
     r"MOBI\w* ?(FOOD|FROZEN|DES+ERT|PREPARED|COFFEE)|FOOD TRUCK|ICE CREAM TRUCK|PUSH ?CART|"
     r"\bCART\b|FROZEN DES+ERT.*VENDOR"),
    ("Shared Kitchen", r"SHARED KITCHEN|INCUBATOR|COMMIS+ARY|POP-?UP|GHOST KITCHEN"),
    ("Special Event", r"SPECIAL EVENT|FARMER'?S? MARKET|FESTIVAL|TEMPORARY"),
    ("Rooftop", r"ROOF ?TOP"),
    ("Stadium", r"STADIUM|\bARENA\b|BALL ?PARK|SPORTS VENUE"),
    ("Hospital", r"HOSPITAL|DRUG TREATMENT|MEDICAL CENTER|\bCLINIC\b"),
    ("Long Term Care", r"LONG[- ]?TERM|NURSING|REHAB|HOSPICE"),
    ("Assisted Living", r"ASSIST\w* LIV|SUPPORT\w* LIV|RETIREMENT|SENIOR (LIVING|CENTER)|RESIDENTIAL"),
    ("Shelter", r"SHELTER|HOMELESS|TRANSITIONAL"),
    ("Charity Kitchen",
     r"SOUP KITCHEN|CHARITY|CHURCH|FOOD PANTRY|NOT[- ]FOR[- ]PROFIT|NON[- ]?PROFIT|RELIGIOUS|"
     r"SALVATION"),
    ("Catering", r"CATER(?!PILLAR)"),
    ("Banquet Hall", r"BANQUET|\bHALL\b|EVENT (SPACE|VENUE|CENTER)"),
    ("Live Poultry", r"POULTRY|SLAUGHTER|LIVE CHICKEN"),
    ("Grocery/Restaurant",
     r"(GRO[CV]ERY|DELI|STORE|MARKET).*(REST[AU]|TAQUERIA|CAFE|SUSHI)|"
     r"(REST[AU]|TAQUERIA|CAFE)\w*.*(GRO[CV]ERY|STORE|MARKET)"),
    ("Gas Station", r"\bGAS\b|SERVICE STATION|FILLING STATION"),
    ("Drug Store", r"DRUG|PHARMACY|HERB|VITAMIN|HEALTH FOOD|NUTRITION(?!.*BAR)"),
    ("Bakery", r"BAKERY|DO(UGH)?NUT|TORTILLA|PASTRY"),
    ("Butcher or Fish Market", r"BUTCHER|FISH|MEAT (MARKET|PACK)|SEAFOOD|CARNICERIA"),
    ("Candy or Ice Cream Shop",
     r"CANDY|ICE CREAM|GELATO|PALETERIA|FROZEN YOGURT|CHOCOLATE|DES+ERT|POPCORN|"
     r"NUT STORE"),
    ("Tavern",
     r"TAVERN|LOUNGE|NIGHT ?CLUB|^BAR$|\bPUB\b|MUSIC VENUE|BREW|WINE TASTING|HOOKAH|COMEDY|"
     r"NORTHERLY ISLAND"),
    ("Restaurant",
     r"REST[AU]\w*|GRILL|\bDINER\b|TAQUERIA|SMOKE ?HOUSE|HOT DOG|FAST FOOD|PIZZ|SUSHI|"
     r"ROOM SERVICE|FOOD COURT|FOOD HALL|\bPREP INSIDE"),
    ("Cafeteria", r"CAFETERIA|EMPLOYEE KITCHEN"),
    ("Coffee Shop", r"COFFEE|\bTEA\b|\bCAFE\b|JUICE|SMOOTHIE|SHAKE|HERBALIFE|NUTRITION"),
    ("School", r"SCHO+L|SHCOOL|\bACADEMY\b|CHARTER"),
    ("Liquor", r"LIQUOR|WINE|SPIRITS|PACKAGE GOODS|TOBAC"),
    ("Convenience Store", r"CONV\w*NIEN\w*|MINI ?MART|DOLLAR|SNACK|NEWS ?STAND|GIFT|\bVIDEO\b|VENDING"),
    ("Grocery Store", r"GRO[CV]ER|SUPERMARKET|\bDELI(CATESSEN)?\b|PRODUCE|FRUIT"),
    ("Fitness Center", r"FITNESS|\bGYM\b|\bSPA\b|HEALTH CLUB|BOWLING|\bCLUB\b|GOLF"),
    ("Theater", r"THEAT(ER|RE)|CINEMA|MUSEUM"),
    ("Hotel", r"\bHOTEL\b|\bMOTEL\b|\bINN\b"),
    ("Kiosk", r"KIOSK|AIRPORT"),
    ("Wholesale",
     r"WHOLESALE|WAREHOUSE|DISTRIBUT\w*|COLD STORAGE|FOOD STORAGE|REPACK|MANUFACTUR\w*|"
     r"PACKAGING|PLANT\b|PROCESS"),
)  # fmt: skip

_FACILITY_ALIASES = {
    "DAYCARE (2 - 6 YEARS)": "Daycare",
    "DAYCARE (UNDER 2 YEARS)": "Daycare",
    "DAYCARE (2 YEARS)": "Daycare",
    "DAYCARE ABOVE AND UNDER 2 YEARS": "Daycare",
    "DAYCARE COMBO 1586": "Daycare",
    "GOLDEN DINER": "Golden Diner",
    "MOBILE FOOD PREPARER": "Mobile Food",
    "MOBILE FOOD DISPENSER": "Mobile Food",
    "SHARED KITCHEN USER (LONG TERM)": "Shared Kitchen",
    "SHARED KITCHEN USER (SHORT TERM)": "Shared Kitchen",
    "GROCERY & RESTAURANT": "Grocery/Restaurant",
    "GROCERY&RESTAURANT": "Grocery/Restaurant",
    "RETAIL FOOD/NOT FOR PROFIT CLUB": "Charity Kitchen",
    "STORE": "Convenience Store",
    "CHINESE HERBS": "Drug Store",
    "MEXICAN CANDY MAKER/STORE": "Candy or Ice Cream Shop",
    "GROCERY STORE/COOKING SCHOOL": "Grocery Store",
    "CAFE/STORE": "Coffee Shop",
    # Known, and none of the types: a licence class, an empty room, a place that has ceased to sell food.
    "1005": OTHER,
    "UNUSED STORAGE": OTHER,
    "NON-FOOD": OTHER,
}
FACILITY_TYPES = (*dict.fromkeys([name for name, _ in _FACILITY_RULES] + ["Golden Diner"]), OTHER, UNKNOWN)

# --- Inspection types
_INSPECTION_RULES: tuple[tuple[str, str], ...] = (
    ("Recent Inspection", r"RECENT"),
    ("Suspected Food Poisoning", r"FOOD POISON|\bSFP\b|SICK"),
    ("Fire Complaint", r"\bFIRE\b"),
    ("Short Form Complaint", r"SHORT ?FORM"),
    ("Complaint", r"COMPLAIN"),
    ("Consultation", r"CONSULT"),
    ("Task Force", r"TASK|LIQUOR|\b14(70|74|75|81)\b"),
    ("Special Event", r"SPECIAL EVENT|FESTIVAL|TASTE OF CHICAGO"),
    ("Out of Business", r"OUT OF BUSI|\bOOB\b|\bO\.B\b"),
    ("No Entry", r"\bNO[- ]?ENTRY"),
    ("Not Ready", r"NOT[- ]?READY"),
    ("Non-Inspection", r"NON[- ]?INSPECTION"),
    ("Tag Removal", r"TAG REMOVAL"),
    ("Canvass", r"CANVAS|^REINSPECTION$"),
    ("Administrative",
     r"CANCEL|SUSPENDED|CORRECTIVE ACTION|SAMPLE COLL|ILLEGAL OPER|EXPANSION|ADDENDUM|"
     r"ADMINISTRATIVE|CHANGED COURT"),
    ("License", r"LICEN[SC]E|DAY ?CARE|KITCHEN|\bOWNER\b"),
)  # fmt: skip
INSPECTION_TYPES = (*[name for name, _ in _INSPECTION_RULES], OTHER, UNKNOWN)
COMPLAINTS = ("Complaint", "Short Form Complaint", "Suspected Food Poisoning", "Fire Complaint")
_REINSPECTION = re.compile(r"\bRE-? ?INSPE")

# --- Places
LATITUDES = (41.60, 42.05)  # the city's box, degrees north; real rows lie in 41.645..42.021
LONGITUDES = (-87.95, -87.50)  # degrees east; real rows lie in -87.914..-87.525
_CHICAGO = re.compile(r"(C|CH)?(C?H?I?CAGO|CHCICAGO|CHICGAO|CHICAG|CHIAGO|CHICAO)+[OI]?(IL|ILLINOIS)?")
_CITY_ALIASES = {"OOLYMPIA FIELDS": "OLYMPIA FIELDS", "CHESTNUT STREET": None, "INACTIVE": None, "": None}


def fold(text: str) -> str:
    """Return ``text`` in capitals, with single blanks, none beside ``/`` and ``&``."""
    return re.sub(r" ?([/&]) ?", r"\1", " ".join(text.upper().split()))


def _matcher(
    vocabulary: tuple[str, ...], aliases: dict[str, Any], rules: tuple[tuple[str, str], ...]
) -> Callable[[str], tuple[str, str]]:
    exact = {fold(name): name for name in vocabulary} | aliases
    compiled = [(name, re.compile(pattern)) for name, pattern in rules]

    def match(text: str) -> tuple[str, str]:
        folded = fold(text)
        if folded in exact:
            return exact[folded], "exact"
        for name, pattern in compiled:
            if pattern.search(folded):
                return name, "rule"
        return OTHER, "unmatched"

    return match


_match_facility = _matcher(FACILITY_TYPES, _FACILITY_ALIASES, _FACILITY_RULES)
_match_inspection = _matcher(INSPECTION_TYPES, {}, _INSPECTION_RULES)


def map_unique(values: Any, function: Callable[[str], Any], type_: pa.DataType) -> pa.Array:
    """Apply ``function`` once to each distinct text; null stays null. Hundreds of calls instead of
    300,000."""
    encoded = arrow(values, pa.string()).dictionary_encode()
    mapped = pa.array([function(text) for text in encoded.dictionary.to_pylist()], type_)
    return mapped.take(encoded.indices)


def normalise_facility_types(values: Any) -> pa.Table:
    """Return ``facility_type`` (of ``FACILITY_TYPES``) and ``match`` (of ``MATCHES``), one row per value.

    A null or blank value is ``Unknown``, an exact match.
    """
    return _normalise(values, "facility_type", _match_facility)


def normalise_inspection_types(values: Any) -> pa.Table:
    """Return ``inspection_type`` (of ``INSPECTION_TYPES``), ``match`` and ``is_reinspection``, one row per
    value."""
    table = _normalise(values, "inspection_type", _match_inspection)
    again = map_unique(values, lambda text: bool(_REINSPECTION.search(fold(text))), pa.bool_())
    return table.append_column("is_reinspection", pc.fill_null(again, False))


def _normalise(values: Any, name: str, match: Callable[[str], tuple[str, str]]) -> pa.Table:
    encoded = arrow(values, pa.string()).dictionary_encode()
    pairs = [match(text) if text.strip() else (UNKNOWN, "exact") for text in encoded.dictionary.to_pylist()]
    columns = {
        name: (pa.array([value for value, _ in pairs], pa.string()), UNKNOWN),
        "match": (pa.array([how for _, how in pairs], pa.string()), "exact"),
    }
    return pa.table({k: pc.fill_null(v.take(encoded.indices), null) for k, (v, null) in columns.items()})


def normalise_results(values: Any) -> pa.Array:
    """Return the results in the spelling of ``RESULTS``; null where the value is none of them."""
    known = {fold(result): result for result in RESULTS}
    return map_unique(values, lambda text: known.get(fold(text)), pa.string())


def normalise_risks(values: Any) -> pa.Array:
    """Return 1, 2, 3 (int16) for ``Risk 1 (High)`` and so on; null for ``All`` and for anything else."""

    def risk(text: str) -> int | None:
        match = re.match(r"RISK ([123])\b", fold(text))
        return int(match[1]) if match else None

    return map_unique(values, risk, pa.int16())


def normalise_cities(values: Any) -> pa.Array:
    """Return city names in capitals, the misspellings of Chicago mended; null where it is no city."""

    def city(text: str) -> str | None:
        folded = " ".join(re.sub(r"[^A-Z ]", "", fold(text)).split())
        if _CHICAGO.fullmatch(folded.replace(" ", "")):
            return "CHICAGO"
        return _CITY_ALIASES.get(folded, folded)

    return map_unique(values, city, pa.string())


def normalise_zips(values: Any) -> pa.Array:
    """Return the five digits of a zip or zip+4 code; null for anything else."""

    def zip_code(text: str) -> str | None:
        match = re.fullmatch(r"\s*(\d{5})(-?\d{4}|\.0)?\s*", text, re.ASCII)
        return match[1] if match else None

    return map_unique(values, zip_code, pa.string())


def normalise_coordinates(latitudes: Any, longitudes: Any) -> tuple[pa.Array, pa.Array]:
    """Return both coordinates as degrees (float64); both null unless the point lies in the city's box."""
    lat, long = (_degrees(values) for values in (latitudes, longitudes))
    inside = (lat >= LATITUDES[0]) & (lat <= LATITUDES[1]) & (long >= LONGITUDES[0]) & (long <= LONGITUDES[1])
    return pa.array(lat, mask=~inside), pa.array(long, mask=~inside)


def _degrees(values: Any) -> npt.NDArray[np.float64]:
    """Read numbers written plainly, such as ``-87.64499875300952``; NaN for anything else."""
    text = arrow(values, pa.string())
    plain = pc.match_substring_regex(text, r"^\s*[+-]?\d{1,3}(\.\d{1,30})?\s*$")
    text = pc.utf8_trim_whitespace(pc.if_else(plain, text, pa.scalar(None, text.type)))
    return pc.cast(text, pa.float64()).to_numpy(zero_copy_only=False)


def unmatched_facility_types(values: Any) -> pd.DataFrame:
    """Return the spellings that no rule knows, with their ``rows``, most frequent first."""
    return _unmatched(arrow(values, pa.string()), normalise_facility_types(values)["match"])


def unmatched_inspection_types(values: Any) -> pd.DataFrame:
    """Return the spellings that no rule knows, with their ``rows``, most frequent first."""
    return _unmatched(arrow(values, pa.string()), normalise_inspection_types(values)["match"])


def _unmatched(values: pa.Array, match: pa.ChunkedArray) -> pd.DataFrame:
    table = pa.table({"value": values.filter(pc.equal(match.combine_chunks(), "unmatched"))})
    counts = table.group_by("value").aggregate([([], "count_all")]).rename_columns(["value", "rows"])
    return to_pandas(counts.sort_by([("rows", "descending"), ("value", "ascending")]))


def unmatched_values(inspections: pd.DataFrame) -> pd.DataFrame:
    """Return every spelling of ``clean.inspections`` that no rule knows: ``column``, ``value``, ``rows``."""
    table = to_arrow(inspections, ["facility_type_raw", "inspection_type_raw"], "inspections")
    frames = [
        unmatched_facility_types(table["facility_type_raw"]),
        unmatched_inspection_types(table["inspection_type_raw"]),
    ]
    for frame, column in zip(frames, ("facility_type", "inspection_type"), strict=True):
        frame.insert(0, "column", pd.Series([column] * len(frame), dtype=pd.ArrowDtype(pa.string())))
    return pd.concat(frames, ignore_index=True)
