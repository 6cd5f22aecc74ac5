import io
from datetime import date

import dagster as dg
import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.frames import content_digest
from food_inspections_dagster.orchestration.partitions import HISTORY_BEFORE, Window
from food_inspections_dagster.orchestration.stages import Output, stage
from food_inspections_dagster.resources import database as database_module
from food_inspections_dagster.schemas import arrow_types
from food_inspections_dagster.weeks import FIRST_WEEK
from food_inspections_dagster_tests.toys import (
    EMPTY,
    MATRIX,
    RAW,
    REPORT,
    SCHEMA,
    THINGS,
    WEEKS,
    makes,
    reads,
    rows_of,
    things_of,
)


def parquet(toys, entry, week):
    return pq.read_table(io.BytesIO(toys.objects.get(entry.path(week))))


@pytest.mark.parametrize(("entry", "of"), [(RAW, rows_of), (THINGS, things_of)])
@pytest.mark.parametrize("columns", [None, ("week",)])
def test_an_input_by_reference_is_its_stored_weeks_with_the_hashes_of_the_columns_that_are_read(
    toys, entry, of, columns
):
    loaded = []
    toys.run([makes(entry, of=of)], WEEKS[:3])
    toys.run([makes(entry, of=of), reads(loaded, entry, HISTORY_BEFORE, columns, by_reference=True)], WEEKS[3:4])
    (reference,) = loaded
    loads = toys.ledger.snapshot().loads[entry.asset]
    assert reference.entry == entry and list(reference.hashes) == WEEKS[:3]
    for week, content in reference.hashes.items():
        digests = {name: loads[week].column_hashes[name] for name in reference.columns}
        assert content == content_digest(digests)
        assert (content == loads[week].content_hash) == (columns is None)


def in_order(frame, *names):
    return frame.sort_values(list(names), kind="stable").reset_index(drop=True)


# Rows.


def test_a_range_is_one_object_a_week_and_comes_back_whole(toys_anywhere):
    toys, loaded = toys_anywhere, []
    result = toys.run([makes(RAW, of=rows_of), reads(loaded, RAW)])
    sizes = toys.objects.list_objects("raw")
    assert list(sizes) == [f"raw/received/week={week}/rows.parquet" for week in WEEKS]
    pd.testing.assert_frame_equal(loaded[0], in_order(rows_of(WEEKS), "week", ":id"))
    events = result.asset_materializations_for_node("make_raw")
    metadata = {event.partition: {n: v.value for n, v in event.metadata.items()} for event in events}
    assert {week: of["dagster/row_count"] for week, of in metadata.items()} == {
        str(week): 0 if week == EMPTY else 3 for week in WEEKS
    }
    loads = toys.ledger.snapshot().loads["raw"]
    assert {week: of["content_hash"] for week, of in metadata.items()} == {
        str(week): load.content_hash for week, load in loads.items()
    }
    first = metadata[str(WEEKS[0])]
    assert (first["run_rows"], first["run_weeks"], first["path"]) == (12, 5, "raw/received")
    assert (first["run_bytes"], first["smallest_object_bytes"]) == (sum(sizes.values()), min(sizes.values()))


def test_an_empty_week_is_an_object_without_rows_in_the_same_columns(toys):
    toys.run([makes(RAW, of=rows_of)])
    empty, full = parquet(toys, RAW, EMPTY), parquet(toys, RAW, WEEKS[0])
    assert (empty.num_rows, full.num_rows) == (0, 3)
    assert empty.schema == full.schema
    assert full.schema.field("violations").type == pa.string(), "a column of nulls keeps its type"


def test_the_same_rows_are_the_same_bytes_whatever_the_range(toys):
    made = makes(RAW, of=rows_of)
    toys.run([made])
    before = toys.objects.get_many(toys.objects.list_objects("raw"))
    for week in WEEKS:
        toys.run([made], [week])
    toys.run([makes(RAW, of=lambda weeks: rows_of(weeks).sample(frac=1, random_state=5))])
    assert toys.objects.get_many(toys.objects.list_objects("raw")) == before
    assert toys.audit().groupby("week")["content_hash"].nunique().tolist() == [1] * 5


def test_a_load_of_one_week_leaves_the_others_alone(toys):
    toys.run([makes(RAW, of=rows_of)])
    before = toys.objects.get_many(toys.objects.list_objects("raw"))
    toys.run([makes(RAW, of=lambda weeks: rows_of(weeks, 1))], WEEKS[1:2])
    after = toys.objects.get_many(toys.objects.list_objects("raw"))
    assert [path for path in before if before[path] != after[path]] == [RAW.path(WEEKS[1])]
    assert parquet(toys, RAW, WEEKS[1]).num_rows == 1


def test_columns_that_differ_between_weeks_are_united(toys):
    loaded, raw = [], makes(RAW, of=rows_of)
    toys.run([raw], WEEKS[:1])
    toys.run([makes(RAW, of=lambda weeks: rows_of(weeks, aka_name="x"))], WEEKS[1:2])
    toys.run([raw, reads(loaded, RAW)], WEEKS[:2], only=["reads"])
    assert loaded[0]["aka_name"].isna().tolist() == [True] * 3 + [False] * 3
    toys.run([raw, reads(loaded, RAW, columns=("aka_name", "week"))], WEEKS[:2], only=["reads"])
    assert loaded[1].columns.tolist() == ["aka_name", "week"]
    with pytest.raises(FoodInspectionsError, match="raw has no column nope in 2011-01-03 to 2011-01-10"):
        toys.run([raw, reads(loaded, RAW, columns=("nope",))], WEEKS[:2], only=["reads"])


def test_weeks_whose_types_differ_are_refused(toys):
    raw = makes(RAW, of=lambda weeks: rows_of(weeks, number=1))
    toys.run([raw], WEEKS[:1])
    toys.run([makes(RAW, of=lambda weeks: rows_of(weeks, number="one"))], WEEKS[1:2])
    with pytest.raises(FoodInspectionsError, match="weeks of raw differ in the type of a column"):
        toys.run([raw, reads([], RAW)], WEEKS[:2], only=["reads"])


def test_an_input_is_the_stored_weeks_of_its_window(toys):
    loaded, raw = [], makes(RAW, of=rows_of)
    toys.run([raw], WEEKS[:4])
    toys.run([raw, reads(loaded, RAW, Window(-3, -1))], WEEKS[2:4], only=["reads"])
    assert sorted(set(loaded[0]["week"])) == [WEEKS[0], WEEKS[1]], "WEEKS[2] is empty"
    toys.run([raw, reads(loaded, RAW, Window(-1))], WEEKS[4:], only=["reads"])
    assert sorted(set(loaded[1]["week"])) == [WEEKS[3]], "WEEKS[4] was never made"


def test_an_object_that_is_gone_or_cut_is_named(toys):
    raw = makes(RAW, of=rows_of)
    toys.run([raw])
    toys.objects.put(RAW.path(WEEKS[1]), toys.objects.get(RAW.path(WEEKS[1]))[:-20])
    with pytest.raises(FoodInspectionsError, match=r"week=2011-01-10/rows\.parquet is no Parquet file: materialize"):
        toys.run([raw, reads([], RAW)], only=["reads"])
    toys.objects.delete([RAW.path(WEEKS[0])])
    with pytest.raises(FoodInspectionsError, match=r"week=2011-01-03/rows\.parquet does not exist: materialize"):
        toys.run([raw, reads([], RAW)], only=["reads"])


def test_an_input_before_the_first_week_is_empty_with_the_declared_columns(toys):
    for entry in (MATRIX, THINGS, REPORT):
        loaded, made = [], makes(entry, of=things_of)
        toys.run([made, reads(loaded, entry, HISTORY_BEFORE)], [FIRST_WEEK], only=["reads"])
        toys.run([made], [FIRST_WEEK])
        toys.run([made, reads(loaded, entry, HISTORY_BEFORE, ("share", "week"))], [FIRST_WEEK], only=["reads"])
        types = {name: pd.ArrowDtype(kind) for name, kind in arrow_types(SCHEMA).items()}
        assert [len(frame) for frame in loaded] == [0, 0]
        assert loaded[0].dtypes.to_dict() == types
        assert loaded[1].dtypes.to_dict() == {name: types[name] for name in ("share", "week")}


def test_rows_without_a_schema_that_were_never_made_are_refused(toys):
    with pytest.raises(FoodInspectionsError, match="raw was never materialized: materialize it first"):
        toys.run([makes(RAW, of=rows_of), reads([], RAW)], only=["reads"])


# What cannot be stored, in either store.

REFUSED = {
    "type": (lambda weeks: [1], "returned list, and a pandas DataFrame is stored"),
    "no week": (lambda weeks: rows_of(weeks).drop(columns="week"), "returned rows without a column week"),
    "foreign week": (lambda weeks: rows_of([date(2011, 2, 14)]), "hold the week 2011-02-14, which is not among"),
    "null week": (
        lambda weeks: rows_of(weeks).assign(week=pd.Series([None] * 12, dtype=pd.ArrowDtype(pa.date32()))),
        r"date \(date32\) in every row",
    ),
    "no order": (lambda weeks: rows_of(weeks).drop(columns=":id"), "have no column :id"),
    "odd type": (
        lambda weeks: rows_of(weeks).assign(odd=pd.arrays.ArrowExtensionArray(pa.array([[1]] * 12))),
        "column odd for raw has the type list",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_rows_that_cannot_be_stored_store_nothing(toys, case):
    of, words = REFUSED[case]
    with pytest.raises(FoodInspectionsError, match=words):
        toys.run([makes(RAW, of=of)])
    assert toys.objects.list_objects("raw") == {}
    assert toys.made("raw") == []


@pytest.mark.parametrize(
    ("of", "words"),
    [
        (lambda weeks: things_of([date(2011, 2, 14)]), "hold the week 2011-02-14, which is not among"),
        (lambda weeks: things_of(weeks).assign(extra=1), "schema of things failed.*Nothing was stored"),
        (lambda weeks: pd.concat([things_of(weeks)] * 2, ignore_index=True), "schema of things failed"),
    ],
)
def test_a_table_that_cannot_be_stored_stores_nothing(toys, of, words):
    with pytest.raises((FoodInspectionsError, dg.Failure), match=words):
        toys.run([makes(THINGS, of=of)])
    assert not toys.database.has_table("clean.things")
    assert toys.objects.list_objects("processed") == {}


# Tables.


def test_a_table_and_its_mirror_hold_the_same_rows(toys_anywhere):
    toys, loaded = toys_anywhere, []
    result = toys.run([makes(THINGS, of=things_of), reads(loaded, THINGS)])
    table = toys.database.read_range("clean.things", WEEKS[0], WEEKS[-1])
    pd.testing.assert_frame_equal(table, in_order(things_of(WEEKS), "week", "thing_id"))
    pd.testing.assert_frame_equal(toys.stored.rows(THINGS, WEEKS), table)
    pd.testing.assert_frame_equal(loaded[0], table)
    assert list(toys.objects.list_objects("processed/things")) == [THINGS.mirror.path(week) for week in WEEKS]
    assert parquet(toys, THINGS.mirror, EMPTY).num_rows == 0
    metadata = result.asset_materializations_for_node("make_things")[0].metadata
    assert (metadata["table"].value, metadata["run_rows"].value, metadata["run_weeks"].value) == ("clean.things", 12, 5)


def test_a_table_says_what_it_holds(toys):
    things = makes(THINGS, of=things_of)
    result = toys.run([things])
    comments = toys.database.query(
        "SELECT attname AS name, col_description(attrelid, attnum) AS text FROM pg_attribute"
        " WHERE attrelid = 'clean.things'::regclass AND attnum > 0 ORDER BY attnum"
    )
    assert dict(zip(comments["name"], comments["text"], strict=True)) == {
        name: column.description for name, column in SCHEMA.columns.items()
    }
    key = toys.database.query(
        "SELECT a.attname AS name FROM pg_index i JOIN pg_attribute a ON a.attrelid = i.indrelid"
        " AND a.attnum = ANY(i.indkey::int2[]) WHERE i.indrelid = 'clean.things'::regclass AND i.indisprimary"
    )
    assert sorted(key["name"]) == ["thing_id", "week"]
    audit = toys.audit()
    assert audit["asset"].unique().tolist() == ["things"]
    assert audit["run_id"].unique().tolist() == [result.run_id]
    assert audit["code_version"].unique().tolist() == [things.code_version]
    assert audit["settings_digest"].unique().tolist() == [things.outputs["things"].settings_digest]


def test_a_second_load_replaces_its_weeks_in_both(toys):
    toys.run([makes(THINGS, of=things_of)])
    toys.run([makes(THINGS, of=lambda weeks: things_of(weeks, 1, 0.25))], WEEKS[1:2])
    table = toys.database.read_range("clean.things", WEEKS[0], WEEKS[-1])
    assert table["week"].value_counts().to_dict() == {WEEKS[0]: 3, WEEKS[1]: 1, WEEKS[3]: 3, WEEKS[4]: 3}
    pd.testing.assert_frame_equal(toys.stored.rows(THINGS, WEEKS), table)
    assert toys.made("things") == WEEKS
    loads = toys.ledger.snapshot().loads["things"]
    assert [loads[week].rows for week in WEEKS] == [3, 1, 0, 3, 3]


@pytest.mark.parametrize("entry", [THINGS, REPORT, MATRIX], ids=str)
def test_an_input_may_be_wider_than_the_run_and_only_some_columns(toys, entry):
    loaded, made = [], makes(entry, of=things_of)
    toys.run([made])
    toys.run([made, reads(loaded, entry, Window(-3, -1), ("share", "week"))], WEEKS[4:], only=["reads"])
    assert loaded[0].columns.tolist() == ["share", "week"]
    assert loaded[0]["week"].value_counts().to_dict() == {WEEKS[1]: 3, WEEKS[3]: 3}


def test_a_table_without_a_mirror_is_in_postgres_alone(toys):
    toys.run([makes(REPORT, of=things_of)])
    assert toys.objects.list_objects("") == {}
    assert len(toys.database.read_range("monitoring.report", WEEKS[0], WEEKS[-1])) == 12


def test_a_stage_of_two_tables_stores_each_in_its_own(toys):
    @stage(Output(THINGS, "Things"), Output(REPORT, "A report"), group="toys")
    def both(weeks):
        return things_of(weeks), things_of(weeks, 1)

    result = toys.run([both], WEEKS[:2])
    assert len(toys.database.read_range("clean.things", WEEKS[0], WEEKS[1])) == 6
    assert len(toys.database.read_range("monitoring.report", WEEKS[0], WEEKS[1])) == 2
    rows = {e.asset_key.to_user_string(): e.metadata["run_rows"].value for e in both_events(result)}
    assert rows == {"things": 6, "report": 2}


def both_events(result):
    return result.asset_materializations_for_node("both")


def test_rows_that_postgres_refuses_leave_the_weeks_open_until_they_are_made_again(toys, monkeypatch):
    """The mirror is written first: it may be ahead of the table then, so neither counts."""
    toys.run([makes(THINGS, of=things_of)])
    ingest = database_module._ingest

    def broken(connection, schema, name, rows):
        ingest(connection, schema, name, rows)
        if schema == "clean":
            raise psycopg.OperationalError("server closed the connection unexpectedly")

    changed = makes(THINGS, of=lambda weeks: things_of(weeks, share=0.75))
    with monkeypatch.context() as patch:
        patch.setattr(database_module, "_ingest", broken)
        with pytest.raises(FoodInspectionsError, match="server closed the connection"):
            toys.run([changed], WEEKS[:2])
    table = toys.database.read_range("clean.things", WEEKS[0], WEEKS[-1])
    assert 0.75 not in set(table["share"])
    assert toys.open_weeks() == [("things", WEEKS[:2])]
    assert toys.made("things") == WEEKS[2:]
    toys.run([changed], WEEKS[:2])
    assert toys.open_weeks() == []
    assert toys.made("things") == WEEKS
    table = toys.database.read_range("clean.things", WEEKS[0], WEEKS[-1])
    pd.testing.assert_frame_equal(toys.stored.rows(THINGS, WEEKS), table)
    assert np.isclose(table["share"].sum(), 4 * 0.75 + 4 * 0.5)
