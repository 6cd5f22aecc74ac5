import io

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster_tests.toys import EMPTY, MODEL, RAW, REPORT, SCHEMA, THINGS, WEEKS, rows_of, things_of


@pytest.fixture
def stored(tmp_path, module_database):
    objects = ObjectStore(url=str(tmp_path / "objects"), portal="simulated-test")
    return Stored(module_database, objects)


def put(stored, entry, frame, weeks=WEEKS):
    place = catalog.stored_rows(entry)
    for week in weeks:
        sink = io.BytesIO()
        rows = frame[frame["week"] == week]
        pq.write_table(pa.Table.from_pandas(rows, preserve_index=False), sink)
        stored.objects.put(place.path(week), sink.getvalue())


def test_rows_of_weeks_come_in_the_order_asked_for(stored):
    put(stored, RAW, rows_of(WEEKS))
    rows = stored.rows(RAW, [WEEKS[3], WEEKS[0]])
    assert rows["week"].tolist() == [WEEKS[3]] * 3 + [WEEKS[0]] * 3
    assert all(isinstance(kind, pd.ArrowDtype) for kind in rows.dtypes)
    assert stored.rows(RAW, WEEKS, [":id"]).columns.tolist() == [":id"]
    assert len(stored.rows(RAW, [EMPTY])) == 0


def test_a_week_that_lacks_a_wanted_column_keeps_its_rows(stored):
    put(stored, RAW, rows_of(WEEKS[:1]), WEEKS[:1])
    put(stored, RAW, rows_of(WEEKS[1:2], aka_name="x"), WEEKS[1:2])
    assert stored.rows(RAW, WEEKS[:2], ["aka_name"])["aka_name"].isna().tolist() == [True] * 3 + [False] * 3
    with pytest.raises(FoodInspectionsError, match="raw has no column nope in 2011-01-03 to 2011-01-10"):
        stored.rows(RAW, WEEKS[:2], ["nope"])


def test_no_weeks_are_no_rows_of_the_schema(stored):
    assert stored.rows(THINGS, []).columns.tolist() == list(SCHEMA.columns)
    assert stored.rows(THINGS, [], ["name"]).dtypes.to_dict() == {"name": pd.ArrowDtype(pa.string())}
    with pytest.raises(FoodInspectionsError, match="raw was never materialized"):
        stored.rows(RAW, [])


def test_what_is_not_kept_as_parquet_is_refused(stored):
    for entry in (REPORT, MODEL):
        with pytest.raises(FoodInspectionsError, match=f"{entry.asset} is not kept as Parquet"):
            stored.rows(entry, WEEKS)


def test_weeks_sizes_and_footers_tell_what_is_there(stored):
    put(stored, THINGS, things_of(WEEKS), WEEKS[:4])
    path = THINGS.mirror.path(WEEKS[1])
    stored.objects.put(path, stored.objects.get(path)[:-10])
    assert stored.weeks(THINGS, WEEKS) == WEEKS[:4]
    assert stored.weeks(THINGS, WEEKS[3:]) == WEEKS[3:4]
    sizes = stored.sizes(THINGS, WEEKS)
    assert sizes[WEEKS[0]] == len(stored.objects.get(THINGS.mirror.path(WEEKS[0])))
    assert sizes[WEEKS[4]] == 0
    footers = stored.footers(THINGS, WEEKS)
    assert {week: file.metadata.num_rows for week, file in footers.items()} == {WEEKS[0]: 3, EMPTY: 0, WEEKS[3]: 3}
    with pytest.raises(FoodInspectionsError, match=r"week=2011-01-10/rows\.parquet is no Parquet file"):
        stored.rows(THINGS, WEEKS[:4])


def test_weeks_whose_types_differ_are_refused(stored):
    put(stored, RAW, rows_of(WEEKS[:1], number=1), WEEKS[:1])
    put(stored, RAW, rows_of(WEEKS[1:2], number="one"), WEEKS[1:2])
    with pytest.raises(FoodInspectionsError, match="weeks of raw differ in the type of a column") as refusal:
        stored.rows(RAW, WEEKS[:2])
    assert "\n" not in str(refusal.value)


def test_documents_are_those_of_the_weeks_that_have_one(stored):
    stored.objects.put(MODEL.path(WEEKS[1]), b'{"a": 1}')
    assert stored.documents(MODEL, WEEKS) == {WEEKS[1]: {"a": 1}}
    assert stored.documents(MODEL, []) == {}
    stored.objects.put(MODEL.path(WEEKS[2]), b'{"a": ')
    with pytest.raises(FoodInspectionsError, match=r"week=2011-01-17/model\.json is not JSON: materialize model for"):
        stored.documents(MODEL, WEEKS)


def test_blobs_are_read_when_they_are_asked_for(stored, monkeypatch):
    stored.objects.put(MODEL.path(WEEKS[0]), b"{}")
    for name in ("m1", "m2"):
        stored.objects.put(f"models/model/artifacts/{name}/model.bin", name.encode())
    read, get = [], ObjectStore.get
    monkeypatch.setattr(ObjectStore, "get", lambda self, path: read.append(path) or get(self, path))
    blobs = stored.blobs(MODEL)
    assert sorted(blobs) == ["artifacts/m1/model.bin", "artifacts/m2/model.bin"] and len(blobs) == 2
    assert "artifacts/m3/model.bin" not in blobs and 3 not in blobs
    assert read == []
    assert blobs["artifacts/m2/model.bin"] == b"m2"
    assert read == ["models/model/artifacts/m2/model.bin"]
    with pytest.raises(KeyError):
        blobs["artifacts/m3/model.bin"]


def test_a_query_names_tables_by_their_entries(stored):
    stored.database.execute("CREATE SCHEMA IF NOT EXISTS predictions")
    stored.database.execute("CREATE TABLE IF NOT EXISTS predictions.scores AS SELECT 1 AS n UNION SELECT 2")
    rows = stored.query("SELECT n FROM {scores} WHERE n > %(least)s", {"least": 1})
    assert rows["n"].tolist() == [2]
