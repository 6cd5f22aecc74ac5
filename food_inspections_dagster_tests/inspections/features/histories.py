"""Small histories: random records and rows of the sources, and clean tables of them."""

import json
from collections.abc import Callable
from datetime import date, timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from food_inspections_dagster.inspections.codebooks import CODEBOOKS
from food_inspections_dagster.inspections.features import Tables
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.schemas import arrow_types
from food_inspections_dagster.weeks import monday

MONDAYS = [date(2016, 6, 6) + timedelta(days=7 * 11 * k) for k in range(16)]  # across the switch of codebooks
INSPECTION_TYPES = {
    "week": pa.date32(), "inspection_id": pa.int64(), "establishment_id": pa.string(),
    "inspection_date": pa.date32(), "dba_name": pa.string(), "facility_type": pa.string(), "risk": pa.int16(),
    "address": pa.string(), "zip": pa.string(), "latitude": pa.float64(), "longitude": pa.float64(),
    "inspection_type": pa.string(), "is_reinspection": pa.bool_(), "results": pa.string(),
    "critical_count": pa.int16(), "serious_count": pa.int16(), "minor_count": pa.int16(),
    "failed": pa.bool_(), "critical_violation": pa.bool_(),
}  # fmt: skip
VIOLATION_TYPES = {
    "week": pa.date32(),
    "inspection_id": pa.int64(),
    "code": pa.int16(),
    "codebook": pa.string(),
}
RECORD = st.fixed_dictionaries(
    {
        "week": st.sampled_from(MONDAYS),
        "weekday": st.integers(0, 6),
        "establishment_id": st.sampled_from(["L1", "L2", "L3"]),
        "dba_name": st.sampled_from(["SUBWAY #1", "SUBWAY 22 INC", "DELI", None]),
        "facility_type": st.sampled_from(["Restaurant", "School", "Unknown"]),
        "risk": st.sampled_from([1, 2, None]),
        "address": st.sampled_from(["1 N STATE ST", "2 S STATE ST", None]),
        "zip": st.sampled_from(["60601", "60602", None]),
        "latitude": st.sampled_from([41.9, 41.95, None]),
        "inspection_type": st.sampled_from(["Canvass", "Complaint", "License", "Out of Business"]),
        "is_reinspection": st.booleans(),
        "results": st.sampled_from(["Pass", "Fail", "Fail", "Pass w/ Conditions", "No Entry", "Out of Business"]),
        "codes": st.lists(st.sampled_from([3, 21, 33, 38]), max_size=4),
        "inspector": st.sampled_from(["A", "B", None]),
    }
)
HISTORY = st.lists(RECORD, max_size=25)

_DAYS = st.builds(lambda week, day: week + timedelta(days=day), st.sampled_from(MONDAYS), st.integers(-3, 9))
_PLACE = {"latitude": st.sampled_from([41.9, 41.905, None]), "longitude": st.just(-87.65)}
_ROWS = {
    "business_licenses": {
        "license_number": st.sampled_from([1, 2, 9]),
        "license_start_date": _DAYS,
        "expiration_date": st.one_of(st.none(), _DAYS),
        "license_code": st.sampled_from([1006, 1584, 1470, 1475]),
        "account_number": st.sampled_from([1, 2, None]),
        "doing_business_as_name": st.sampled_from(["SUBWAY", "GOLDEN DELI", None]),
        "address": st.sampled_from(["1 N STATE ST", None]),
        "zip": st.sampled_from(["60601", None]),
        **_PLACE,
    },
    "sanitation_complaints": {"creation_date": _DAYS, **_PLACE},
    "crimes": {"date": _DAYS, **_PLACE},
    "weather": {"date": _DAYS, "temperature_max": st.sampled_from([-4.5, 60.1, 91.3])},
}
_KEYS = {"weather": lambda row: row["date"]}  # one row a day; what else repeats is the same row twice
CITY = st.fixed_dictionaries(
    {name: st.lists(st.fixed_dictionaries(of), max_size=8, unique_by=_KEYS.get(name)) for name, of in _ROWS.items()}
)
AREAS = [
    {"number": number, "name": name, "geometry": json.dumps({"type": "Polygon", "coordinates": [[
        [-87.7, south], [-87.6, south], [-87.6, south + 0.04], [-87.7, south + 0.04], [-87.7, south],
    ]]})}
    for number, name, south in ((1, "LOOP", 41.88), (2, "UPTOWN", 41.93))
]  # fmt: skip
STATIONS = [{"district": "1", "latitude": 41.85, "longitude": -87.65}, {"district": "2", "latitude": 42.0}]


def only(city: dict[str, list[dict]], kept: Callable[[date], bool]) -> dict[str, list[dict]]:
    """Return the rows of each source whose date is to be kept."""
    return {name: [row for row in rows if kept(row[SOURCES[name].date])] for name, rows in city.items()}


def tables(records: list[dict], city: dict[str, list[dict]] | None = None) -> Tables:
    """Return clean tables; code 3 is critical, 21 serious and the others minor, in either codebook."""
    rows, violations, assigned = [], [], []
    for i, record in enumerate(records):
        codes = record["codes"]
        decided = record["results"] in ("Pass", "Fail", "Pass w/ Conditions")
        day = record["week"] + timedelta(days=record["weekday"])
        number = record.get("inspection_id", i)
        rows.append(
            record
            | {"inspection_id": number, "inspection_date": day, "critical_count": codes.count(3)}
            | {"serious_count": codes.count(21), "minor_count": codes.count(33) + codes.count(38)}
            | {"longitude": None if record["latitude"] is None else -87.65}
            | {"failed": record["results"] == "Fail" if decided else None}
            | {"critical_violation": 3 in codes if decided else None}
        )
        book = CODEBOOKS[day >= date(2018, 7, 1)]
        violations += [{"week": record["week"], "inspection_id": number, "code": c, "codebook": book} for c in codes]
        if record.get("inspector"):
            assigned.append({"inspection_id": number, "inspector": record["inspector"], "inspection_date": day})
    given = {"police_stations": STATIONS, "community_areas": AREAS, "inspector_assignments": assigned, **(city or {})}
    return Tables(
        frame(rows, INSPECTION_TYPES),
        frame(violations, VIOLATION_TYPES),
        **{name: source(name, of) for name, of in given.items()},
    )


def source(name: str, rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Return the clean table of a source; what a row leaves out is null, and its key is its content."""
    declared = SOURCES[name]

    def whole(row: dict[str, Any]) -> dict[str, Any]:
        day = row[declared.date] if declared.date else date(2010, 1, 4)
        return {"week": monday(day), "term_id": repr(sorted(row.items(), key=str)), **row}

    types = arrow_types(declared.schema)
    return frame([dict.fromkeys(types) | whole(row) for row in rows], types)


def frame(rows: list[dict], types: dict[str, pa.DataType]) -> pd.DataFrame:
    columns = {name: pa.array([row[name] for row in rows], type_) for name, type_ in types.items()}
    return pa.table(columns).to_pandas(types_mapper=pd.ArrowDtype)


def spine(pairs: list[tuple[str, date]]) -> pd.DataFrame:
    rows = [{"establishment_id": e, "as_of_date": d} for e, d in pairs]
    return frame(rows, {"establishment_id": pa.string(), "as_of_date": pa.date32()})


EVERYONE = [(e, monday) for monday in [*MONDAYS, date(2020, 1, 6)] for e in ("L1", "L2", "L3", "L9")]


def content(table: pd.DataFrame) -> bytes:
    """Return the bytes of a table as it would be stored."""
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pandas(table, preserve_index=False).combine_chunks(), sink)
    return sink.getvalue().to_pybytes()


FAILED_CANVASS = {
    "establishment_id": "L1", "dba_name": "DELI", "facility_type": "Restaurant", "risk": 1, "address": "A",
    "zip": "60601", "latitude": 41.9, "inspection_type": "Canvass", "is_reinspection": False,
    "results": "Fail", "codes": [3], "week": date(2016, 6, 6), "weekday": 0,
}  # fmt: skip
TERM = {
    "license_number": 1, "license_start_date": date(2014, 8, 22), "expiration_date": date(2016, 8, 31),
    "license_code": 1006, "account_number": 5, "doing_business_as_name": "GOLDEN DELI", "address": "1 N STATE ST",
    "zip": "60601", "latitude": 41.9, "longitude": -87.65,
}  # fmt: skip
