"""Small histories: random records, and clean tables of them."""

from datetime import date, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from hypothesis import strategies as st

from food_inspections_dagster.inspections.codebooks import CODEBOOKS

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
    }
)
HISTORY = st.lists(RECORD, max_size=25)


def tables(records: list[dict]) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return clean inspections and violations; code 3 is critical, 21 serious and the others minor, in either
    codebook."""
    rows, violations = [], []
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
    return frame(rows, INSPECTION_TYPES), frame(violations, VIOLATION_TYPES)


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
