"""Schemas: the contract of each table that crosses a border, with a description of each column.

Strict and ordered, with Arrow types, so that an empty frame carries its types too. The descriptions feed the
data dictionary and the column schema that Dagster shows.
"""

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.inspections.cleaning import REASONS
from food_inspections_dagster.inspections.codebooks import CODEBOOKS, SEVERITIES
from food_inspections_dagster.inspections.features import FEATURES, MATRIX_COLUMNS, Feature

TEXT, DATE, FLAG = pa.string(), pa.date32(), pa.bool_()
_MONDAY = pandera.Check(
    lambda weeks: (pd.Index(weeks.unique()).astype("datetime64[ns]").dayofweek == 0).all(),
    name="monday",
    error="a week must be the date of its Monday",
)
_ZIP = pandera.Check.str_matches(r"^\d{5}$")
_COUNT = pandera.Check.ge(0)


def _one_of(values: tuple[str, ...]) -> pandera.Check:
    return pandera.Check.isin(list(values))


def _column(
    type_: pa.DataType, description: str, *checks: pandera.Check, null: bool = False, unique: bool = False
) -> pandera.Column:
    return pandera.Column(
        pd.ArrowDtype(type_), checks=list(checks), nullable=null, unique=unique, description=description
    )


def _in_week(frame: pd.DataFrame) -> bool:
    """Whether every ``inspection_date`` lies in its ``week``."""
    dates, weeks = (frame[name].to_numpy("datetime64[D]") for name in ("inspection_date", "week"))
    return bool(((dates >= weeks) & (dates < weeks + np.timedelta64(7, "D"))).all())


_IN_WEEK = pandera.Check(_in_week, name="in_week", error="an inspection_date lies outside its week")


def _schema(
    name: str, description: str, key: list[str], columns: dict[str, pandera.Column], *checks: pandera.Check
) -> pandera.DataFrameSchema:
    return pandera.DataFrameSchema(
        columns,
        checks=list(checks),
        strict=True,
        ordered=True,
        unique=key,
        name=name,
        description=description,
    )


_WEEK = _column(DATE, "Monday of the week that the row belongs to (partition)", _MONDAY)
_INSPECTION = _column(pa.int64(), "The portal's number of the inspection", _COUNT)
_LABELS = {
    "failed": _column(FLAG, "Label: the result is Fail; null where the visit ended without a decision", null=True),
    "critical_violation": _column(
        FLAG,
        "Label: a critical (2010 codebook) or priority (2018) violation was cited; null where the visit "
        "ended without a decision. A passed re-inspection can list violations that were found corrected",
        null=True,
    ),
}

# Unique within a week: when the City moves an inspection to another date, its old week holds it until it is
# read again.
INSPECTIONS = _schema(
    "inspections",
    "One row per inspection, typed and normalised, of every type and result.",
    ["week", "inspection_id"],
    {
        "week": _WEEK,
        "inspection_id": _INSPECTION,
        "establishment_id": _column(
            TEXT,
            "Stable identity of the place: L<licence>, or A<hash of name and address> without a licence",
            pandera.Check.str_matches(r"^(L\d+|A[0-9a-f]{16})$"),
        ),
        "inspection_date": _column(DATE, "Day of the inspection, Chicago"),
        "dba_name": _column(TEXT, "Name under which it does business, blanks folded", null=True),
        "aka_name": _column(TEXT, "Name by which the public knows it, blanks folded", null=True),
        "license_": _column(pa.int64(), "Licence number; 0 or null where it has none", _COUNT, null=True),
        "facility_type": _column(
            TEXT,
            "Kind of facility, normalised; Unknown where the portal has none",
            _one_of(vocabulary.FACILITY_TYPES),
        ),
        "facility_type_raw": _column(TEXT, "Kind of facility as received", null=True),
        "risk": _column(
            pa.int16(),
            "The City's risk class: 1 high, 2 medium, 3 low",
            pandera.Check.isin([1, 2, 3]),
            null=True,
        ),
        "address": _column(TEXT, "Street address, blanks folded", null=True),
        "city": _column(TEXT, "City in capitals, misspellings of Chicago mended", null=True),
        "state": _column(TEXT, "State in capitals", null=True),
        "zip": _column(TEXT, "Zip code, five digits", _ZIP, null=True),
        "latitude": _column(
            pa.float64(),
            "Degrees north; null outside the city's box",
            pandera.Check.in_range(*vocabulary.LATITUDES),
            null=True,
        ),
        "longitude": _column(
            pa.float64(),
            "Degrees east; null outside the city's box",
            pandera.Check.in_range(*vocabulary.LONGITUDES),
            null=True,
        ),
        "inspection_type": _column(
            TEXT,
            "Type of the visit, normalised, without 're-inspection'",
            _one_of(vocabulary.INSPECTION_TYPES),
        ),
        "inspection_type_raw": _column(TEXT, "Type of the visit as received", null=True),
        "is_reinspection": _column(FLAG, "Whether the visit follows up an earlier one"),
        "results": _column(TEXT, "Result of the visit", _one_of(vocabulary.RESULTS)),
        "codebook": _column(TEXT, "Codebook in force: 2018 from 2018-07-01 on", _one_of(CODEBOOKS)),
        "violation_count": _column(pa.int16(), "Violations in the text", _COUNT),
        "critical_count": _column(pa.int16(), "Of these critical (2010) or priority (2018)", _COUNT),
        "serious_count": _column(pa.int16(), "Of these serious (2010) or priority foundation (2018)", _COUNT),
        "minor_count": _column(pa.int16(), "Of these minor (2010) or core (2018)", _COUNT),
        **_LABELS,
        "row_id": _column(TEXT, "The portal's :id of the row", null=True),
        "row_updated_at": _column(TEXT, "The portal's :updated_at of the row", null=True),
    },
    _IN_WEEK,
)

VIOLATIONS = _schema(
    "violations",
    "One row per violation in an inspection's text.",
    ["week", "inspection_id", "ordinal"],
    {
        "week": _WEEK,
        "inspection_id": _INSPECTION,
        "ordinal": _column(pa.int16(), "Position in the text, from 1", pandera.Check.ge(1)),
        "code": _column(pa.int16(), "Number in its codebook", pandera.Check.in_range(1, 70)),
        "codebook": _column(TEXT, "Codebook in force: 2010 or 2018", _one_of(CODEBOOKS)),
        "title": _column(TEXT, "The codebook's title: the rule that was to be kept"),
        "severity": _column(
            TEXT,
            "By code in the 2010 codebook (none for 45 and 70), by the inspector's comment in that of 2018",
            _one_of(SEVERITIES),
        ),
        "comment": _column(TEXT, "The inspector's comment; null where empty", null=True),
    },
)

REJECTED_INSPECTIONS = _schema(
    "rejected_inspections",
    "One row per received row that could not be cleaned, with the reason.",
    [],
    {
        "week": _WEEK,
        "row_id": _column(TEXT, "The portal's :id of the row", null=True),
        "inspection_id": _column(TEXT, "The inspection's number as received", null=True),
        "reason": _column(TEXT, "Why it was rejected, a short slug", _one_of(REASONS)),
        "detail": _column(TEXT, "The value at fault, in words"),
        "row": _column(TEXT, "The row as received, as JSON"),
    },
)


def _feature(feature: Feature) -> pandera.Column:
    if feature.kind == "categorical":
        return _column(TEXT, feature.description, null=True)
    return _column(pa.float32(), feature.description, pandera.Check.in_range(*feature.bounds), null=True)


FEATURE_COLUMNS = {feature.name: _feature(feature) for feature in FEATURES}

_MATRIX = {
    "week": _WEEK,
    "inspection_id": _INSPECTION,
    "establishment_id": INSPECTIONS.columns["establishment_id"],
    "as_of_date": _column(DATE, "Day before which everything in the features was known: the week's Monday"),
    "inspection_date": INSPECTIONS.columns["inspection_date"],
    "inspection_type": INSPECTIONS.columns["inspection_type"],
    "is_reinspection": INSPECTIONS.columns["is_reinspection"],
    "facility_type": _column(
        TEXT,
        "Kind of facility at this inspection: for filters and audits, no input of a model",
        _one_of(vocabulary.FACILITY_TYPES),
    ),
    "risk": _column(
        pa.int16(),
        "Risk class at this inspection: for filters and audits, no input of a model",
        pandera.Check.isin([1, 2, 3]),
        null=True,
    ),
    "zip": _column(TEXT, "Zip code at this inspection: for filters and audits, no input of a model", _ZIP, null=True),
    "in_cohort": _column(FLAG, "Whether the establishment was active as of the date"),
    **_LABELS,
    **FEATURE_COLUMNS,
}

FEATURE_MATRIX = _schema(
    "feature_matrix",
    "One row per inspection: the features of its establishment as of the Monday of its week, and the labels.",
    ["week", "inspection_id"],
    {name: _MATRIX[name] for name in MATRIX_COLUMNS},
    _IN_WEEK,
)

SCHEMAS = {schema.name: schema for schema in (INSPECTIONS, VIOLATIONS, REJECTED_INSPECTIONS, FEATURE_MATRIX)}
