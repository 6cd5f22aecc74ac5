from datetime import date, timedelta

import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.inspections.features import MATRIX_COLUMNS
from food_inspections_dagster.inspections.visits import VISIT_COLUMNS, visits
from food_inspections_dagster.modeling.evaluations import VISIT_TYPES
from food_inspections_dagster.modeling.rules import ATTRIBUTES

WEEK = date(2014, 1, 6)
ASSIGNED = {"inspection_id": pa.int64(), "inspector": pa.string()}


def _rows() -> pd.DataFrame:
    """Five visits of one device, and one of a block of its own."""
    values = {
        "week": [WEEK] * 6,
        "inspection_id": [206, 207, 208, 209, 210, 5_206],
        "establishment_id": [f"L{i}" for i in range(6)],
        "inspection_date": [WEEK + timedelta(days=i) for i in range(6)],
        "in_cohort": [True, False] * 3,
        "first_visit": [False, True, False, False, True, False],
        "reinspected": [False, False, True, False, False, True],
        "facility_type": ["Restaurant", None] * 3,
        "zip": ["60614", None, "60601"] * 2,
        "risk": [1, 2, None] * 2,
        "community_area": ["LOOP", None] * 3,
        "chain_or_single": ["chain", "single", None] * 2,
    }
    text = pa.string()
    kinds = {"week": pa.date32(), "inspection_id": pa.int64(), "inspection_date": pa.date32(), "risk": pa.int16()}
    kinds |= dict.fromkeys(("in_cohort", "first_visit", "reinspected"), pa.bool_())
    return frames.table(values, {name: kinds.get(name, text) for name in values})


def test_it_gives_what_evaluations_ask_for() -> None:
    assert set(VISIT_COLUMNS) == set(_rows().columns) <= set(MATRIX_COLUMNS)
    table = visits(_rows())
    assert {*VISIT_TYPES, *ATTRIBUTES} == set(table.columns)
    types = {name: dtype.pyarrow_dtype for name, dtype in table.dtypes.items()}
    assert {name: types[name] for name in VISIT_TYPES} == dict(VISIT_TYPES)
    rows = _rows()
    for name in list(VISIT_TYPES)[:7]:
        assert table[name].tolist() == rows[name].tolist()
    assert [None if pd.isna(code) else code for code in table["zip"]] == ["60614", None, "60601"] * 2
    assert table["side"].tolist() == ["North", "Unknown", "Central"] * 2
    assert table["community_area"].tolist() == ["LOOP", "Unknown"] * 3
    assert table["chain_or_single"].tolist() == ["chain", "single", "Unknown"] * 2
    nobody = visits(_rows().head(0))
    assert nobody.empty and nobody.dtypes.equals(table.dtypes)


def test_who_inspected_is_known_or_leaves_a_trace() -> None:
    rows = _rows()
    assert visits(rows)["inspector"].tolist() == ["block 0"] * 5 + ["block 5"]
    assigned = {"inspection_id": [208, 5_206, 208, 999, 210], "inspector": ["Ann", "Bob", "Ben", "Eve", None]}
    inspectors = visits(rows, frames.table(assigned, ASSIGNED))["inspector"].tolist()
    # The first that is given counts; where none is, the trace.
    assert inspectors == ["block 0", "block 0", "Ann", "block 0", "block 0", "Bob"]
    nobody = frames.empty(ASSIGNED)
    pd.testing.assert_frame_equal(visits(rows, nobody), visits(rows))
    together = rows.assign(inspection_date=pd.Series([WEEK] * 6).astype(rows["inspection_date"].dtype).array)
    more = together.assign(inspection_id=pd.Series(range(206, 212)).astype(rows["inspection_id"].dtype).array)
    # Six in a day are more than one inspector makes: several share the block, and nobody is named.
    assert visits(more)["inspector"].isna().all()
