import io
from datetime import date
from pathlib import Path

import dagster as dg
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from food_inspections_dagster.io_managers.objects import (
    DocumentsIOManager,
    ParquetObjectsIOManager,
    WeeklyDocuments,
)

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.weeks import week_range

WEEKLY = dg.WeeklyPartitionsDefinition(start_date="2010-01-04", day_offset=1)
ASSET = {"partitions_def": WEEKLY, "backfill_policy": dg.BackfillPolicy.single_run()}
RAW = {"prefix": "raw", "folder": "inspections", "name": "rows.parquet"}
MODELS = {"prefix": "models", "name": "model.json"}
SCHEMA = dg.TableSchema(columns=[dg.TableColumn("week", "date32[day]"), dg.TableColumn("inspection_id", "string")])
FIRST, LAST = "2011-01-03", "2011-01-31"
WEEKS = week_range(date(2011, 1, 3), date(2011, 1, 31))
EMPTY = date(2011, 1, 17)


def rows_of(weeks, **extra):
    """Three rows a week, none in the week EMPTY, in no order of weeks."""
    found = [w for w in weeks if w != EMPTY for _ in range(3)][::-1]
    table = pa.table(
        {
            "week": pa.array(found, pa.date32()),
            "inspection_id": pa.array([str(i) for i in range(len(found))], pa.string()),
            "violations": pa.array([None] * len(found), pa.string()),
            **{name: pa.array([value] * len(found)) for name, value in extra.items()},
        }
    )
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def raw_asset(value=None, metadata=RAW, **extra):
    @dg.asset(**ASSET, metadata=metadata)
    def raw(context):
        return rows_of([date.fromisoformat(k) for k in context.partition_keys], **extra) if value is None else value

    return raw


def reader(loaded, upstream, mapping=None, metadata=None):
    @dg.asset(
        **ASSET,
        ins={upstream: dg.AssetIn(metadata=metadata or {}, partition_mapping=mapping)},
        io_manager_key="memory",
    )
    def reads(**inputs) -> None:
        loaded.append(inputs[upstream])

    return reads


def offset(weeks):
    return dg.TimeWindowPartitionMapping(start_offset=-weeks, end_offset=-1, allow_nonexistent_upstream_partitions=True)


@pytest.fixture
def resources_of():
    def build(manager, store):
        return {"io_manager": manager(objects=store), "memory": dg.mem_io_manager}

    return build


@pytest.fixture
def directory(tmp_path: Path) -> ObjectStore:
    return ObjectStore(url=str(tmp_path / "objects"), portal="simulated-test")


def test_a_range_is_one_object_a_week_and_comes_back_whole(run, resources_of, object_store):
    store, loaded = object_store(), []
    result = run([raw_asset(), reader(loaded, "raw")], resources_of(ParquetObjectsIOManager, store), FIRST, LAST)
    assert list(store.list_objects("raw")) == [f"raw/inspections/week={week}/rows.parquet" for week in WEEKS]
    expected = rows_of(WEEKS).sort_values("week", kind="stable").reset_index(drop=True)
    pd.testing.assert_frame_equal(loaded[0], expected)
    events = result.asset_materializations_for_node("raw")
    metadata = {name: value.value for name, value in events[0].metadata.items()}
    assert len(events) == 5
    assert (metadata["run_rows"], metadata["run_weeks"]) == (12, 5)
    sizes = store.list_objects("raw").values()
    assert (metadata["run_bytes"], metadata["smallest_object_bytes"]) == (sum(sizes), min(sizes))
    assert metadata["path"] == f"{store.url}/raw/inspections"


def test_an_empty_week_is_an_object_without_rows_in_the_same_columns(run, resources_of, directory):
    run([raw_asset()], resources_of(ParquetObjectsIOManager, directory), FIRST, LAST)
    empty = pq.read_table(io.BytesIO(directory.get(f"raw/inspections/week={EMPTY}/rows.parquet")))
    full = pq.read_table(io.BytesIO(directory.get(f"raw/inspections/week={WEEKS[0]}/rows.parquet")))
    assert (empty.num_rows, full.num_rows) == (0, 3)
    assert empty.schema == full.schema
    assert full.schema.field("violations").type == pa.string(), "a column of nulls keeps its type"


def test_the_same_rows_are_the_same_bytes(run, resources_of, directory):
    resources = resources_of(ParquetObjectsIOManager, directory)
    run([raw_asset()], resources, FIRST, LAST)
    before = {path: directory.get(path) for path in directory.list_objects("raw")}
    run([raw_asset()], resources, FIRST, LAST)
    one = dg.materialize([raw_asset()], resources=resources, partition_key="2011-01-10")
    assert one.success
    after = {path: directory.get(path) for path in directory.list_objects("raw")}
    changed = [path for path in before if before[path] != after[path]]
    # Row numbers start anew in a run of one week, so this week's ids differ; all others are untouched.
    assert changed == ["raw/inspections/week=2011-01-10/rows.parquet"]


def test_columns_that_differ_between_weeks_are_united(run, resources_of, directory):
    resources, loaded = resources_of(ParquetObjectsIOManager, directory), []
    run([raw_asset()], resources, FIRST, FIRST)
    run([raw_asset(aka_name="x")], resources, "2011-01-10", "2011-01-10")
    reads = reader(loaded, "raw")
    run([raw_asset(), reads], resources, FIRST, "2011-01-10", selection=[reads])
    assert loaded[0]["aka_name"].isna().tolist() == [True] * 3 + [False] * 3
    reads = reader(loaded, "raw", metadata={"columns": ["aka_name", "week"]})
    run([raw_asset(), reads], resources, FIRST, "2011-01-10", selection=[reads])
    assert loaded[1].columns.tolist() == ["aka_name", "week"]
    reads = reader(loaded, "raw", metadata={"columns": ["nope"]})
    with pytest.raises(FoodInspectionsError, match="raw has no column nope"):
        run([raw_asset(), reads], resources, FIRST, "2011-01-10", selection=[reads])


def test_weeks_whose_types_differ_are_refused(run, resources_of, directory):
    resources = resources_of(ParquetObjectsIOManager, directory)
    run([raw_asset(number=1)], resources, FIRST, FIRST)
    run([raw_asset(number="one")], resources, "2011-01-10", "2011-01-10")
    reads = reader([], "raw")
    with pytest.raises(FoodInspectionsError, match="weeks of raw differ in the type of a column"):
        run([raw_asset(), reads], resources, FIRST, "2011-01-10", selection=[reads])


def test_a_week_that_was_never_stored_is_named(run, resources_of, directory):
    resources = resources_of(ParquetObjectsIOManager, directory)
    run([raw_asset()], resources, FIRST, "2011-01-10")
    reads = reader([], "raw")
    with pytest.raises(FoodInspectionsError, match=r"week=2011-01-17/rows\.parquet does not exist: materialize"):
        run([raw_asset(), reads], resources, FIRST, "2011-01-17", selection=[reads])


def test_a_stored_object_that_is_broken_is_named(run, resources_of, directory):
    resources = resources_of(ParquetObjectsIOManager, directory)
    run([raw_asset()], resources, FIRST, FIRST)
    directory.put("raw/inspections/week=2011-01-03/rows.parquet", b"cut off")
    reads = reader([], "raw")
    with pytest.raises(FoodInspectionsError, match=r"week=2011-01-03/rows\.parquet is no Parquet file"):
        run([raw_asset(), reads], resources, FIRST, FIRST, selection=[reads])


def test_an_input_before_the_first_week_is_empty_with_the_declared_columns(run, resources_of, directory):
    loaded = []
    declared = raw_asset(metadata={**RAW, "dagster/column_schema": SCHEMA})
    reads = reader(loaded, "raw", offset(1))
    resources = resources_of(ParquetObjectsIOManager, directory)
    run([declared, reads], resources, "2010-01-04", "2010-01-04", selection=[reads])
    assert len(loaded[0]) == 0
    assert loaded[0].dtypes.to_dict() == {
        "week": pd.ArrowDtype(pa.date32()),
        "inspection_id": pd.ArrowDtype(pa.string()),
    }


@pytest.mark.parametrize(
    ("metadata", "value", "words"),
    [
        (RAW, [1], "raw returned list, and a pandas DataFrame is stored"),
        (RAW, rows_of([date(2011, 2, 14)]), "raw hold the week 2011-02-14, which is not among"),
        ({"name": "rows.parquet"}, rows_of(WEEKS), "raw does not say where it lives: add 'prefix'"),
        ({"prefix": "raw"}, rows_of(WEEKS), "add 'name'"),
    ],
    ids=["type", "foreign week", "no prefix", "no name"],
)
def test_frames_that_cannot_be_stored_store_nothing(run, resources_of, directory, metadata, value, words):
    with pytest.raises(FoodInspectionsError, match=words):
        run([raw_asset(value, metadata)], resources_of(ParquetObjectsIOManager, directory), FIRST, LAST)
    assert directory.list_objects("") == {}


# Documents.


def model_asset(value=None, blobs=None):
    @dg.asset(**ASSET, metadata=MODELS)
    def knn_model(context):
        if value is not None:
            return value
        weeks = [date.fromisoformat(k) for k in context.partition_keys]
        documents = {w: {"week": w, "b": [1, 2.5, None], "a": "ü", "model_id": "m1"} for w in weeks}
        return WeeklyDocuments(documents, blobs or {"artifacts/m1/model.bin": b"weights"})

    return knn_model


def test_documents_and_their_files_go_in_and_out(run, resources_of, object_store):
    store, loaded = object_store(), []
    resources = resources_of(DocumentsIOManager, store)
    result = run([model_asset(), reader(loaded, "knn_model")], resources, FIRST, LAST)
    paths = [f"models/knn_model/week={week}/model.json" for week in WEEKS]
    assert list(store.list_objects("models")) == ["models/knn_model/artifacts/m1/model.bin", *paths]
    assert store.get(paths[0]).startswith(b'{\n  "a"'), "keys are sorted"
    value = loaded[0]
    assert list(value.documents) == WEEKS
    assert value.documents[WEEKS[1]] == {
        "week": "2011-01-10",
        "b": [1, 2.5, None],
        "a": "ü",
        "model_id": "m1",
    }
    assert value.blobs["artifacts/m1/model.bin"] == b"weights"
    assert list(value.blobs) == ["artifacts/m1/model.bin"]
    assert "artifacts/m2/model.bin" not in value.blobs
    assert value.blobs.get("artifacts/m2/model.bin") is None
    metadata = result.asset_materializations_for_node("knn_model")[0].metadata
    assert (metadata["run_documents"].value, metadata["run_new_files"].value) == (5, 1)


def test_a_file_that_is_stored_is_not_written_again(run, resources_of, directory, monkeypatch):
    resources = resources_of(DocumentsIOManager, directory)
    run([model_asset()], resources, FIRST, FIRST)
    written = []
    put = ObjectStore.put
    monkeypatch.setattr(
        ObjectStore, "put", lambda self, path, content: written.append(path) or put(self, path, content)
    )
    blobs = {"artifacts/m1/model.bin": b"weights", "artifacts/m2/model.bin": b"others"}
    run([model_asset(blobs=blobs)], resources, FIRST, "2011-01-10")
    assert written[0] == "models/knn_model/artifacts/m2/model.bin", "files come before the documents that name them"
    assert "models/knn_model/artifacts/m1/model.bin" not in written
    assert len(written) == 3


def test_the_documents_of_a_wide_range_are_those_that_are_stored(run, resources_of, directory):
    loaded = []
    resources = resources_of(DocumentsIOManager, directory)
    run([model_asset()], resources, "2011-01-10", "2011-01-17")
    reads = reader(loaded, "knn_model", offset(4))
    run([model_asset(), reads], resources, "2011-01-24", "2011-01-24", selection=[reads])
    assert list(loaded[0].documents) == [date(2011, 1, 10), date(2011, 1, 17)]
    run([model_asset(), reads], resources, "2010-01-04", "2010-01-04", selection=[reads])
    assert dict(loaded[1].documents) == {}


@pytest.mark.parametrize(
    ("value", "words"),
    [
        ({"a": 1}, "knn_model returned dict, and WeeklyDocuments are stored"),
        (WeeklyDocuments({w: {} for w in WEEKS[:-1]}), "no document for 2011-01-31"),
        (WeeklyDocuments({w: {} for w in [*WEEKS, date(2011, 2, 7)]}), "not in this run, 2011-02-07"),
        (
            WeeklyDocuments({w: {"x": object()} for w in WEEKS}),
            "document of knn_model for 2011-01-03 is no JSON",
        ),
        (WeeklyDocuments({w: {} for w in WEEKS}, {"../elsewhere": b""}), "names a file '../elsewhere'"),
        (WeeklyDocuments({w: {} for w in WEEKS}, {"week=2011-01-03/x": b""}), "names a file 'week="),
    ],
    ids=["type", "missing week", "foreign week", "no JSON", "path above", "path of a week"],
)
def test_documents_that_cannot_be_stored_store_nothing(run, resources_of, directory, value, words):
    with pytest.raises(FoodInspectionsError, match=words):
        run([model_asset(value)], resources_of(DocumentsIOManager, directory), FIRST, LAST)
    assert directory.list_objects("") == {}
