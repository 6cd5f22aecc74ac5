from datetime import date

import numpy as np
import pandas as pd
import pandera.pandas as pandera
import pyarrow as pa
import pytest

from food_inspections_dagster import schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.schemas import MONDAY, broken_weeks, column, one_of, schema, typed, validated

FIRST, SECOND = date(2011, 1, 3), date(2011, 1, 10)
COLUMNS = {
    "week": column(pa.date32(), "Monday", MONDAY),
    "thing_id": column(pa.int64(), "Number"),
    "kind": column(pa.string(), "Kind", one_of(["a", "b"])),
    "share": column(pa.float64(), "Share", pandera.Check.in_range(0, 1), null=True),
}
SCHEMA = schema("things", "One row per thing", ["week", "thing_id"], COLUMNS)


def rows(**changed):
    values = {
        "week": [FIRST, FIRST, SECOND],
        "thing_id": [1, 2, 1],
        "kind": ["a", "b", "a"],
        "share": [0.5, None, np.nan],
        **changed,
    }
    return typed(values, SCHEMA)


def test_columns_come_in_the_order_and_types_of_the_schema():
    frame = rows()
    assert schemas.arrow_types(SCHEMA) == {
        "week": pa.date32(),
        "thing_id": pa.int64(),
        "kind": pa.string(),
        "share": pa.float64(),
    }
    assert {name: kind.pyarrow_dtype for name, kind in frame.dtypes.items()} == schemas.arrow_types(SCHEMA)
    assert frame["share"].isna().tolist() == [False, True, True]
    assert typed(frame[["share", "kind", "thing_id", "week"]], SCHEMA).columns.tolist() == list(COLUMNS)
    empty = schemas.empty(SCHEMA)
    assert len(empty) == 0 and empty.dtypes.equals(frame.dtypes)
    assert validated(SCHEMA, empty) is empty and validated(SCHEMA, frame) is frame


@pytest.mark.parametrize(
    ("frame", "weeks"),
    [
        (rows(kind=["a", "b", "c"]), [SECOND]),
        (rows(share=[2.0, 0.5, 0.5]), [FIRST]),
        (rows(thing_id=[None, 2, 1]), [FIRST]),
        (rows(thing_id=[1, 1, 1]), [FIRST]),
        (rows(week=[FIRST, FIRST, date(2011, 1, 11)]), []),
        (rows().drop(columns="kind"), []),
        (rows().assign(more=1), []),
        (rows()[["thing_id", "week", "kind", "share"]], []),
        (rows().astype({"share": "float32[pyarrow]"}), []),
        (rows().iloc[[2, 0]].assign(kind=pd.Series(["c", "a"], [2, 0], dtype="string[pyarrow]")), []),
    ],
    ids=["value", "bounds", "null", "key", "no Monday", "missing", "more", "order", "type", "type of an odd index"],
)
def test_what_breaks_a_schema_is_named_with_the_weeks_of_its_rows(frame, weeks):
    """No week where no row is at fault: the whole frame is."""
    failing, words = broken_weeks(SCHEMA, frame)
    assert list(failing) == weeks
    assert words and "\n" not in words and len(words) <= 300
    assert set(failing.values()) <= {words}
    with pytest.raises(FoodInspectionsError, match="The table things breaks its schema, so nothing was stored") as told:
        validated(SCHEMA, frame)
    assert words in str(told.value) and "\n" not in str(told.value)


def test_rows_that_keep_their_schema_break_no_week():
    assert broken_weeks(SCHEMA, rows()) == ({}, "")
    assert broken_weeks(SCHEMA, schemas.empty(SCHEMA).drop(columns="kind"))[0] == {}
    assert "kind" in broken_weeks(SCHEMA, schemas.empty(SCHEMA).drop(columns="kind"))[1]


def test_parts_are_stacked_in_the_form_of_their_table():
    frame = rows()
    both = schemas.stacked([frame[frame.columns[::-1]], frame], SCHEMA)
    assert both.equals(typed(pd.concat([frame, frame], ignore_index=True), SCHEMA))
    assert schemas.stacked([], SCHEMA).equals(schemas.empty(SCHEMA))


def test_a_fingerprint_changes_with_what_is_demanded_and_not_with_the_words():
    def changed(key=("week", "thing_id"), more=(), **columns):
        return schemas.fingerprint(schema("things", "Other words", key, {**COLUMNS, **columns}, *more))

    same = schemas.fingerprint(SCHEMA)
    assert changed() == changed(share=column(pa.float64(), "Other", pandera.Check.in_range(0, 1), null=True)) == same
    different = [
        same,
        changed(key=("week",)),
        changed(share=column(pa.float32(), "Share", pandera.Check.in_range(0, 1), null=True)),
        changed(share=column(pa.float64(), "Share", pandera.Check.in_range(0, 2), null=True)),
        changed(share=column(pa.float64(), "Share", pandera.Check.in_range(0, 1))),
        changed(share=column(pa.float64(), "Share", null=True)),
        changed(kind=column(pa.string(), "Kind", one_of(["a"]))),
        changed(kind=column(pa.string(), "Kind", one_of(["a", "b"]), unique=True)),
        changed(more=(pandera.Check(lambda frame: True, name="whole"),)),
        changed(other=column(pa.int16(), "More")),
    ]
    assert len({repr(one) for one in different}) == len(different)
