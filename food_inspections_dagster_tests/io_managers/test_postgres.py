from datetime import date

import dagster as dg
import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from food_inspections_dagster.io_managers.postgres import PostgresIOManager

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.weeks import week_range

WEEKLY = dg.WeeklyPartitionsDefinition(start_date="2010-01-04", day_offset=1)
ASSET = {"partitions_def": WEEKLY, "backfill_policy": dg.BackfillPolicy.single_run()}
SCHEMA = dg.TableSchema(
    columns=[
        dg.TableColumn("week", "date32[day]", description="Monday"),
        dg.TableColumn("inspection_id", "int64", description="The portal's number"),
        dg.TableColumn("share", "float"),
        dg.TableColumn("moment", "timestamp[us, tz=UTC]"),
    ]
)
HOME = {"schema": "clean", "primary_key": ["inspection_id"]}


def rows_of(keys, per_week=2):
    weeks = [date.fromisoformat(key) for key in keys for _ in range(per_week)]
    ids = [w.toordinal() * 10 + i % per_week for i, w in enumerate(weeks)]
    table = pa.table(
        {
            "week": pa.array(weeks, pa.date32()),
            "inspection_id": pa.array(ids, pa.int64()),
            "share": pa.array(np.linspace(0, 1, len(ids)), pa.float32()),
        }
    )
    return table.to_pandas(types_mapper=pd.ArrowDtype)


@dg.asset(**ASSET, metadata={**HOME, "dagster/column_schema": SCHEMA}, code_version="v7")
def things(context) -> pd.DataFrame:
    return rows_of(context.partition_keys)


def reader(loaded, mapping=None, columns=None, name="reads"):
    metadata = {} if columns is None else {"columns": columns}

    @dg.asset(
        **ASSET,
        name=name,
        ins={"things": dg.AssetIn(metadata=metadata, partition_mapping=mapping)},
        io_manager_key="memory",
    )
    def reads(things: pd.DataFrame) -> None:
        loaded.append(things)

    return reads


@pytest.fixture
def resources(database):
    return {"io_manager": PostgresIOManager(database=database), "memory": dg.mem_io_manager}


def test_a_range_goes_in_and_out_in_one_run(run, resources, database):
    loaded = []
    result = run([things, reader(loaded)], resources, "2011-01-03", "2011-02-07")
    assert [sorted(set(frame["week"])) for frame in loaded] == [week_range(date(2011, 1, 3), date(2011, 2, 7))]
    pd.testing.assert_frame_equal(loaded[0], rows_of([str(w) for w in week_range(date(2011, 1, 3), date(2011, 2, 7))]))
    events = result.asset_materializations_for_node("things")
    assert len(events) == 6
    metadata = {name: value.value for name, value in events[0].metadata.items()}
    assert (metadata["run_rows"], metadata["run_weeks"], metadata["table"]) == (12, 6, "clean.things")
    assert metadata["run_bytes"] > 0
    assert metadata["run_seconds"] > 0
    audit = database.query(
        "SELECT DISTINCT asset, run_id, code_version, count(*) OVER () AS n FROM metadata.partition_loads"
    )
    assert audit.to_dict("records") == [{"asset": "things", "run_id": result.run_id, "code_version": "v7", "n": 6}]
    comment = database.query("SELECT col_description('clean.things'::regclass, 2) AS text")
    assert comment["text"].tolist() == ["The portal's number"]


def test_one_week_alone_replaces_only_itself(run, resources, database):
    run([things], resources, "2011-01-03", "2011-01-17")

    @dg.asset(**ASSET, name="things", metadata=HOME)
    def fewer(context) -> pd.DataFrame:
        return rows_of(context.partition_keys, per_week=1)

    assert dg.materialize([fewer], resources=resources, partition_key="2011-01-10").success
    stored = database.read_range("clean.things", date(2011, 1, 3), date(2011, 1, 17))
    assert stored["week"].value_counts().to_dict() == {
        date(2011, 1, 3): 2,
        date(2011, 1, 10): 1,
        date(2011, 1, 17): 2,
    }


def test_an_input_may_be_wider_than_the_run_and_only_some_columns(run, resources):
    loaded = []
    mapping = dg.TimeWindowPartitionMapping(start_offset=-3, end_offset=-1, allow_nonexistent_upstream_partitions=True)
    run([things], resources, "2011-01-03", "2011-02-07")
    later = reader(loaded, mapping, ["inspection_id", "week"])
    run([things, later], resources, "2011-01-31", "2011-02-07", selection=[later])
    assert sorted(set(loaded[0]["week"])) == week_range(date(2011, 1, 10), date(2011, 1, 31))
    assert loaded[0].columns.tolist() == ["inspection_id", "week"]


def test_an_input_before_the_first_week_is_empty_with_its_columns(run, resources):
    loaded = []
    mapping = dg.TimeWindowPartitionMapping(start_offset=-1, end_offset=-1, allow_nonexistent_upstream_partitions=True)
    earlier = reader(loaded, mapping)
    for _ in range(2):  # without a table, then with one
        run([things, earlier], resources, "2010-01-04", "2010-01-04", selection=[earlier])
        run([things], resources, "2010-01-04", "2010-01-04")
    assert [len(frame) for frame in loaded] == [0, 0]
    assert loaded[0].columns.tolist() == ["week", "inspection_id", "share", "moment"]
    assert loaded[0].dtypes["share"] == pd.ArrowDtype(pa.float32())
    assert loaded[1].dtypes["inspection_id"] == pd.ArrowDtype(pa.int64())


def test_a_table_that_is_neither_stored_nor_declared_is_refused(run, resources):
    @dg.asset(**ASSET, name="things", metadata=HOME)
    def undeclared() -> pd.DataFrame: ...

    later = reader([])
    with pytest.raises(FoodInspectionsError, match="things was never materialized"):
        run([undeclared, later], resources, "2011-01-03", "2011-01-10", selection=[later])


@pytest.mark.parametrize(
    ("metadata", "value", "words"),
    [
        (HOME, 3, "things returned int, and a pandas DataFrame is stored"),
        (HOME, rows_of(["2011-01-03"]).drop(columns="week"), "things returned rows without a column week"),
        (HOME, rows_of(["2011-02-14"]), "clean.things hold the week 2011-02-14.*not among"),
        (
            {"schema": "clean"},
            rows_of(["2011-01-03"]),
            "things does not say where it lives: add 'primary_key'",
        ),
        ({"primary_key": ["inspection_id"]}, rows_of(["2011-01-03"]), "add 'schema'"),
    ],
    ids=["type", "no week", "foreign week", "no key", "no schema"],
)
def test_an_output_that_cannot_be_stored_fails_the_run_and_stores_nothing(
    run, resources, database, metadata, value, words
):
    @dg.asset(**ASSET, name="things", metadata=metadata)
    def odd():
        return value

    with pytest.raises(FoodInspectionsError, match=words):
        run([odd], resources, "2011-01-03", "2011-01-10")
    assert not database.has_table("clean.things")


def test_an_asset_without_weeks_is_refused(resources):
    @dg.asset(metadata=HOME)
    def timeless() -> pd.DataFrame:
        return rows_of(["2011-01-03"])

    with pytest.raises(FoodInspectionsError, match="timeless has no weekly partitions"):
        dg.materialize([timeless], resources=resources)


def test_a_multi_asset_stores_each_output_in_its_own_table(run, resources, database):
    @dg.multi_asset(
        **ASSET,
        outs={
            "first": dg.AssetOut(metadata=HOME),
            "second": dg.AssetOut(metadata={**HOME, "table": "other"}),
        },
    )
    def both(context):
        frame = rows_of(context.partition_keys)
        return frame, frame.iloc[:2]

    assert run([both], resources, "2011-01-03", "2011-01-10").success
    assert len(database.read_range("clean.first", date(2011, 1, 3), date(2011, 1, 10))) == 4
    assert len(database.read_range("clean.other", date(2011, 1, 3), date(2011, 1, 10))) == 2
