"""Schemas: the contract of each table that crosses a border, with a description of each column.

Strict and ordered, with Arrow types, so that an empty frame carries its types too. The descriptions feed the
data dictionary and the column schema that Dagster shows.
"""

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa

from food_inspections_dagster.frames import days
from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.inspections.cleaning import REJECTION_REASONS
from food_inspections_dagster.inspections.codebooks import CODEBOOKS, SEVERITIES
from food_inspections_dagster.inspections.features import FEATURES, MATRIX_COLUMNS, Feature
from food_inspections_dagster.schemas import MONDAY, column, one_of, schema

TEXT, DATE, FLAG = pa.string(), pa.date32(), pa.bool_()
_ZIP = pandera.Check.str_matches(r"^\d{5}$")
_COUNT = pandera.Check.ge(0)


def _in_week(frame: pd.DataFrame) -> bool:
    # By frames.days: pandas' own conversion makes a Python date of each value, 1.2 of 1.3 CPU s at 300,000 rows.
    late = (days(frame["inspection_date"]) - days(frame["week"])).astype(np.int64)
    return bool(((late >= 0) & (late < 7)).all())


_IN_WEEK = pandera.Check(_in_week, name="in_week", error="an inspection_date lies outside its week")

_WEEK = column(DATE, "Monday of the week that the row belongs to (partition)", MONDAY)
_INSPECTION = column(pa.int64(), "The portal's number of the inspection", _COUNT)
_LABELS = {
    "failed": column(FLAG, "Label: the result is Fail; null where the visit ended without a decision", null=True),
    "critical_violation": column(
        FLAG,
        "Label: a critical (2010 codebook) or priority (2018) violation was cited; null where the visit "
        "ended without a decision. A passed re-inspection can list violations that were found corrected",
        null=True,
    ),
}

# Unique within a week: when the City moves an inspection to another date, its old week holds it until it is
# read again.
INSPECTIONS = schema(
    "inspections",
    "One row per inspection, typed and normalised, of every type and result.",
    ["week", "inspection_id"],
    {
        "week": _WEEK,
        "inspection_id": _INSPECTION,
        "establishment_id": column(
            TEXT,
            "Stable identity of the place: L<licence>, or A<hash of name and address> without a licence",
            pandera.Check.str_matches(r"^(L\d+|A[0-9a-f]{16})$"),
        ),
        "inspection_date": column(DATE, "Day of the inspection, Chicago"),
        "dba_name": column(TEXT, "Name under which it does business, blanks folded", null=True),
        "aka_name": column(TEXT, "Name by which the public knows it, blanks folded", null=True),
        "license_": column(pa.int64(), "Licence number; 0 or null where it has none", _COUNT, null=True),
        "facility_type": column(
            TEXT,
            "Kind of facility, normalised; Unknown where the portal has none",
            one_of(vocabulary.FACILITY_TYPES),
        ),
        "facility_type_raw": column(TEXT, "Kind of facility as received", null=True),
        "risk": column(
            pa.int16(),
            "The City's risk class: 1 high, 2 medium, 3 low",
            pandera.Check.isin([1, 2, 3]),
            null=True,
        ),
        "address": column(TEXT, "Street address, blanks folded", null=True),
        "city": column(TEXT, "City in capitals, misspellings of Chicago mended", null=True),
        "state": column(TEXT, "State in capitals", null=True),
        "zip": column(TEXT, "Zip code, five digits", _ZIP, null=True),
        "latitude": column(
            pa.float64(),
            "Degrees north; null outside the city's box",
            pandera.Check.in_range(*vocabulary.LATITUDES),
            null=True,
        ),
        "longitude": column(
            pa.float64(),
            "Degrees east; null outside the city's box",
            pandera.Check.in_range(*vocabulary.LONGITUDES),
            null=True,
        ),
        "inspection_type": column(
            TEXT,
            "Type of the visit, normalised, without 're-inspection'",
            one_of(vocabulary.INSPECTION_TYPES),
        ),
        "inspection_type_raw": column(TEXT, "Type of the visit as received", null=True),
        "is_reinspection": column(FLAG, "Whether the visit follows up an earlier one"),
        "results": column(TEXT, "Result of the visit", one_of(vocabulary.RESULTS)),
        "codebook": column(TEXT, "Codebook in force: 2018 from 2018-07-01 on", one_of(CODEBOOKS)),
        "violation_count": column(pa.int16(), "Violations in the text", _COUNT),
        "critical_count": column(pa.int16(), "Of these critical (2010) or priority (2018)", _COUNT),
        "serious_count": column(pa.int16(), "Of these serious (2010) or priority foundation (2018)", _COUNT),
        "minor_count": column(pa.int16(), "Of these minor (2010) or core (2018)", _COUNT),
        **_LABELS,
        "row_id": column(TEXT, "The portal's :id of the row", null=True),
        "row_updated_at": column(TEXT, "The portal's :updated_at of the row", null=True),
    },
    _IN_WEEK,
)

VIOLATIONS = schema(
    "violations",
    "One row per violation in an inspection's text.",
    ["week", "inspection_id", "ordinal"],
    {
        "week": _WEEK,
        "inspection_id": _INSPECTION,
        "ordinal": column(pa.int16(), "Position in the text, from 1", pandera.Check.ge(1)),
        "code": column(pa.int16(), "Number in its codebook", pandera.Check.in_range(1, 70)),
        "codebook": column(TEXT, "Codebook in force: 2010 or 2018", one_of(CODEBOOKS)),
        "title": column(TEXT, "The codebook's title: the rule that was to be kept"),
        "severity": column(
            TEXT,
            "By code in the 2010 codebook (none for 45 and 70), by the inspector's comment in that of 2018",
            one_of(SEVERITIES),
        ),
        "comment": column(TEXT, "The inspector's comment; null where empty", null=True),
    },
)

REJECTED_INSPECTIONS = schema(
    "rejected_inspections",
    "One row per received row that could not be cleaned, with the reason.",
    [],
    {
        "week": _WEEK,
        "row_id": column(TEXT, "The portal's :id of the row", null=True),
        "row_updated_at": column(TEXT, "The portal's :updated_at of the row", null=True),
        "inspection_id": column(TEXT, "The inspection's number as received", null=True),
        "reason": column(TEXT, "Why it was rejected, a short slug", one_of(REJECTION_REASONS)),
        "detail": column(TEXT, "The value at fault, in words"),
        "row": column(TEXT, "The row as received, as JSON"),
    },
)


def _feature(feature: Feature) -> pandera.Column:
    if feature.bounds is None:
        return column(TEXT, feature.description, null=True)
    return column(pa.float32(), feature.description, pandera.Check.in_range(*feature.bounds), null=True)


FEATURE_COLUMNS = {feature.name: _feature(feature) for feature in FEATURES}

_MATRIX = {
    "week": _WEEK,
    "inspection_id": _INSPECTION,
    "establishment_id": INSPECTIONS.columns["establishment_id"],
    "as_of_date": column(DATE, "Day before which everything in the features was known: the week's Monday"),
    "inspection_date": INSPECTIONS.columns["inspection_date"],
    "inspection_type": INSPECTIONS.columns["inspection_type"],
    "is_reinspection": INSPECTIONS.columns["is_reinspection"],
    "facility_type": column(
        TEXT,
        "Kind of facility at this inspection: for filters and audits, no input of a model",
        one_of(vocabulary.FACILITY_TYPES),
    ),
    "risk": column(
        pa.int16(),
        "Risk class at this inspection: for filters and audits, no input of a model",
        pandera.Check.isin([1, 2, 3]),
        null=True,
    ),
    "zip": column(TEXT, "Zip code at this inspection: for filters and audits, no input of a model", _ZIP, null=True),
    "community_area": column(TEXT, "Community area of the place as known that Monday: for audits", null=True),
    "chain_or_single": column(
        TEXT,
        "chain where its name stands at several addresses, else single, as known that Monday: for audits",
        null=True,
    ),
    "in_cohort": column(FLAG, "Whether the establishment was active as of the date"),
    "first_visit": column(FLAG, "Whether no record of the place was known that Monday: for evaluations"),
    "reinspected": column(
        FLAG, "Whether it had a re-inspection with a decision in the year before that Monday: for evaluations"
    ),
    **_LABELS,
    # Beside the labels: what targets know more than they do.
    "serious_count": INSPECTIONS.columns["serious_count"],
    **FEATURE_COLUMNS,
}

FEATURE_MATRIX = schema(
    "feature_matrix",
    "One row per inspection: the features of its establishment as of the Monday of its week, and the labels.",
    ["week", "inspection_id"],
    {name: _MATRIX[name] for name in MATRIX_COLUMNS},
    _IN_WEEK,
)

ESTABLISHMENTS = schema(
    "establishments",
    "Every establishment known at the end of a week, closed ones too, as last known then.",
    ["week", "establishment_id"],
    {
        "week": column(DATE, "Monday of the week that has ended (partition)", MONDAY),
        "establishment_id": INSPECTIONS.columns["establishment_id"],
        **{name: INSPECTIONS.columns[name] for name in ("dba_name", "address", "zip", "facility_type", "risk")},
        "community_area": column(TEXT, "Community area; null where it is unknown", null=True),
        "side": column(TEXT, "Side of the city, by zip code; Unknown outside of all"),
        "chain_or_single": column(TEXT, "chain where its name stands at several addresses, else single", null=True),
        **{name: INSPECTIONS.columns[name] for name in ("latitude", "longitude", "license_")},
        "first_inspection_date": column(DATE, "Its oldest record; null before its first visit", null=True),
        "last_inspection_date": column(DATE, "Its newest record; null before its first visit", null=True),
        "last_result": column(TEXT, "How that ended; null before its first visit", null=True),
        "visits": column(pa.int64(), "Its records so far", _COUNT),
        "is_listed": column(FLAG, "Whether it was active then, and so stands on the lists"),
    },
)

SCHEMAS = {table.name: table for table in (INSPECTIONS, VIOLATIONS, REJECTED_INSPECTIONS, FEATURE_MATRIX)}
