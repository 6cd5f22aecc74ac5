import os
import signal
import subprocess
import sys
import threading
from datetime import UTC, date, datetime

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from pydantic import SecretStr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources import database as module
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.weeks import week_range

WEEKS = week_range(date(2011, 1, 3), date(2011, 1, 24))


def frame(weeks=WEEKS, rows_a_week=3, start=0, **extra):
    """Rows of every stored type, with nulls, in no order."""
    n = len(weeks) * rows_a_week
    table = pa.table(
        {
            "week": pa.array([w for w in weeks for _ in range(rows_a_week)], pa.date32()),
            "inspection_id": pa.array(range(start, start + n), pa.int64()),
            "name": pa.array([f'Jo\'s \\ "{i}" \t ü\n' if i % 3 else None for i in range(n)], pa.string()),
            "day": pa.array([date(2011, 1, 5) if i % 2 else None for i in range(n)], pa.date32()),
            "small": pa.array([i - 2 if i % 2 else None for i in range(n)], pa.int16()),
            "middle": pa.array(range(n), pa.int32()),
            "flag": pa.array([None if i % 4 == 0 else i % 2 == 0 for i in range(n)], pa.bool_()),
            "single": pa.array([None if i % 5 == 0 else i / 3 for i in range(n)], pa.float32()),
            "double": pa.array([float("nan") if i == 1 else i / 7 for i in range(n)], pa.float64()),
            "moment": pa.array([datetime(2011, 1, 5, i % 24, tzinfo=UTC) for i in range(n)], pa.timestamp("us", "UTC")),
            **{name: pa.array([value] * n) for name, value in extra.items()},
        }
    )
    order = np.random.default_rng(1).permutation(n)
    return table.take(pa.array(order)).to_pandas(types_mapper=pd.ArrowDtype)


def replace(database, rows, weeks=WEEKS, **changed):
    options = {
        "asset": "things",
        "run_id": "run-1",
        "code_version": "1",
        "primary_key": ["inspection_id"],
        **changed,
    }
    return database.replace_range("clean.things", rows, weeks, **options)


def in_order(rows):
    return rows.sort_values(["week", "inspection_id"]).reset_index(drop=True)


def arrow(rows):
    return pa.Table.from_pandas(rows, preserve_index=False).replace_schema_metadata(None).combine_chunks()


def test_rows_come_back_as_they_went_in_types_and_nulls_included(database):
    rows = frame()
    loads = replace(database, rows, descriptions={"name": "The name, it's text"})
    assert [(load.week, load.rows) for load in loads] == [(week, 3) for week in WEEKS]
    read = database.read_range("clean.things", WEEKS[0], WEEKS[-1])
    expected, found = arrow(in_order(rows)), arrow(read)
    assert found.schema == expected.schema
    nan = expected["double"].to_pandas().isna().to_numpy()
    assert found.drop_columns("double") == expected.drop_columns("double")
    assert found["double"].null_count == 0
    np.testing.assert_array_equal(found["double"].to_numpy(), expected["double"].to_numpy())
    assert nan.any()
    comments = database.query("SELECT col_description('clean.things'::regclass, 3) AS text")
    assert comments["text"].tolist() == ["The name, it's text"]


def test_a_range_is_replaced_and_the_rest_stands(database):
    replace(database, frame())
    replace(database, frame(WEEKS[1:3], rows_a_week=1, start=100), WEEKS[1:3], run_id="run-2")
    read = database.read_range("clean.things", WEEKS[0], WEEKS[-1], ["week", "inspection_id"])
    assert read["inspection_id"].tolist() == [0, 1, 2, 100, 101, 9, 10, 11]
    assert database.read_range("clean.things", WEEKS[1], WEEKS[1], ["inspection_id"]).columns.tolist() == [
        "inspection_id"
    ]
    audit = database.query("SELECT week, rows, run_id FROM metadata.partition_loads ORDER BY load_id")
    assert audit["rows"].tolist() == [3, 3, 3, 3, 1, 1]
    assert audit["run_id"].tolist()[3:] == ["run-1", "run-2", "run-2"]


def test_a_week_without_rows_is_emptied_and_recorded(database):
    replace(database, frame())
    loads = replace(database, frame().iloc[:0])
    assert [load.rows for load in loads] == [0] * 4
    assert len(database.read_range("clean.things", WEEKS[0], WEEKS[-1])) == 0


def test_the_hash_is_of_the_content_and_of_the_week_alone(database):
    first = replace(database, frame())
    shuffled = replace(database, frame().sample(frac=1, random_state=3))
    assert [load.content_hash for load in first] == [load.content_hash for load in shuffled]
    alone = replace(database, frame()[lambda f: f["week"] == WEEKS[2]], [WEEKS[2]])
    assert alone[0].content_hash == first[2].content_hash
    assert len({load.content_hash for load in first}) == 4
    changed = frame()
    changed.loc[changed["inspection_id"] == 4, "small"] = 77
    hashes = [load.content_hash for load in replace(database, changed)]
    differs = [a.content_hash != b for a, b in zip(first, hashes, strict=True)]
    assert differs == [False, True, False, False]
    null_to_zero = frame()
    null_to_zero["flag"] = null_to_zero["flag"].fillna(False)
    assert replace(database, null_to_zero)[0].content_hash != first[0].content_hash


def test_wide_integers_are_not_written_into_narrow_or_floating_columns(database):
    replace(database, frame())
    rows = frame()
    rows["double"] = rows["inspection_id"]
    with pytest.raises(FoodInspectionsError, match=r"column double of clean\.things.*double precision.*bigint"):
        replace(database, rows)
    assert len(database.read_range("clean.things", WEEKS[0], WEEKS[-1])) == 12


def test_a_new_column_is_added_and_an_old_one_may_be_missing(database):
    replace(database, frame())
    replace(database, frame(WEEKS[:1], rank=pa.scalar(5, pa.int32())), WEEKS[:1])
    read = database.read_range("clean.things", WEEKS[0], WEEKS[-1], ["rank"])
    assert read["rank"].dropna().tolist() == [5] * 3
    assert read["rank"].isna().sum() == 9
    replace(database, frame(WEEKS[:1]), WEEKS[:1])
    assert database.read_range("clean.things", WEEKS[0], WEEKS[0], ["rank"])["rank"].isna().all()


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (
            lambda f: f.assign(inspection_id=f["inspection_id"].where(f["inspection_id"] != 5, 4)),
            "same key.*=\\(4\\)",
        ),
        (lambda f: f.drop(columns="week"), "no column week"),
        (lambda f: f.drop(columns="inspection_id"), "no column inspection_id"),
        (lambda f: f.assign(week=f["week"].where(f["week"] != WEEKS[1])), "date \\(date32\\) in every row"),
        (lambda f: pd.concat([f, frame([date(2011, 3, 7)], 1, 500)]), "2011-03-07, which is not among"),
        (lambda f: f.assign(odd=pd.arrays.ArrowExtensionArray(pa.array([[1]] * len(f)))), "column odd.*list"),
        (lambda f: f.assign(name="nul\0byte"), "clean.things.*0x00"),
    ],
)
def test_rows_that_cannot_be_stored_change_nothing(database, spoil, words):
    replace(database, frame())
    before = database.read_range("clean.things", WEEKS[0], WEEKS[-1])
    with pytest.raises(FoodInspectionsError, match=words) as refusal:
        replace(database, spoil(frame()))
    assert "\n" not in str(refusal.value)
    pd.testing.assert_frame_equal(database.read_range("clean.things", WEEKS[0], WEEKS[-1]), before)
    assert database.query("SELECT count(*) AS n FROM metadata.partition_loads")["n"].tolist() == [4]


def test_a_missing_table_is_none_and_a_missing_column_is_named(database):
    assert database.read_range("clean.things", WEEKS[0], WEEKS[-1]) is None
    assert not database.has_table("clean.things")
    replace(database, frame())
    assert database.has_table("clean.things")
    with pytest.raises(FoodInspectionsError, match=r"clean\.things has no column nope"):
        database.read_range("clean.things", WEEKS[0], WEEKS[-1], ["nope"])


def test_names_are_quoted(database):
    weird = 'a "quoted"; DROP TABLE x; --'
    rows = frame().rename(columns={"name": weird})
    replace(database, rows)
    assert weird in database.read_range("clean.things", WEEKS[0], WEEKS[-1]).columns


def test_query_quotes_its_values_and_returns_arrow_types(database):
    text = 'it\'s 100% \\ "x"; --'
    read = database.query(
        "SELECT %(text)s AS text, sum(n) AS total, 1.5::numeric AS part, '{\"a\": 1}'::jsonb AS document"
        " FROM generate_series(1, 3) AS n WHERE n = ANY(%(some)s)",
        {"text": text, "some": [1, 2]},
    )
    assert read["text"].tolist() == [text]
    assert read["total"].tolist() == [3.0]
    assert read["part"].tolist() == [1.5]
    assert read["document"].tolist() == ['{"a": 1}']
    assert all(isinstance(kind, pd.ArrowDtype) for kind in read.dtypes)
    with pytest.raises(FoodInspectionsError, match='column "nope" does not exist'):
        database.query("SELECT nope")


def test_execute_commits_and_counts(database):
    replace(database, frame())
    assert database.execute("DELETE FROM clean.things WHERE inspection_id < %s", [5]) == 5
    assert len(database.read_range("clean.things", WEEKS[0], WEEKS[-1])) == 7


def test_two_writers_of_the_same_weeks_come_one_after_the_other(database, new_database):
    replace(database, frame())
    errors = []

    def write(run):
        try:
            replace(new_database(database.database), frame(rows_a_week=50, start=1000 * run), run_id=f"w{run}")
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(run,)) for run in range(1, 5)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    rows = database.read_range("clean.things", WEEKS[0], WEEKS[-1])
    last = database.query("SELECT run_id FROM metadata.partition_loads ORDER BY load_id DESC LIMIT 1")["run_id"][0]
    assert len(rows) == 200
    assert rows["inspection_id"].min() == 1000 * int(last[1:])


def test_first_writers_of_different_tables_do_not_collide(database, new_database):
    errors = []

    def write(name):
        try:
            new_database(database.database).replace_range(
                f"monitoring.{name}",
                frame(),
                WEEKS,
                asset=name,
                run_id="r",
                code_version=None,
                primary_key=["inspection_id"],
            )
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=write, args=(f"t{i}",)) for i in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []


_ENDLESS_WRITE = """
import sys
import pandas as pd, pyarrow as pa
from datetime import date
from pydantic import SecretStr
from food_inspections_dagster.resources import database as module

ingest = module._ingest
def slow(connection, schema, name, rows):
    ingest(connection, schema, name, rows)
    if schema == "clean":
        print("written", flush=True)
        sys.stdin.readline()
module._ingest = slow
db = module.Database(
    url=SecretStr("embedded"), database=sys.argv[1], embedded_directory=sys.argv[2], portal="simulated-test"
)
week = date(2011, 1, 3)
weeks = pa.array([week] * 20000, pa.date32())
rows = pa.table({"week": weeks, "inspection_id": pa.array(range(1000, 21000))})
db.replace_range(
    "clean.things", rows.to_pandas(types_mapper=pd.ArrowDtype), [week],
    asset="things", run_id="killed", code_version=None, primary_key=["inspection_id"],
)
"""


def test_a_writer_that_is_killed_leaves_the_old_rows(database):
    replace(database, frame())
    command = [sys.executable, "-c", _ENDLESS_WRITE, database.database, database.embedded_directory]
    with subprocess.Popen(  # noqa: S603
        command, stdout=subprocess.PIPE, stdin=subprocess.PIPE, text=True
    ) as writer:
        assert writer.stdout.readline() == "written\n", "the old rows are deleted and the new ones sent, uncommitted"
        assert len(database.read_range("clean.things", WEEKS[0], WEEKS[-1])) == 12, "readers see the old rows meanwhile"
        os.kill(writer.pid, signal.SIGKILL)
    # The next writer waits for the lock until the server has noticed, then writes one week only.
    last = frame()[lambda f: f["week"] == WEEKS[3]]
    assert [load.rows for load in replace(database, last, WEEKS[3:])] == [3]
    rows = database.read_range("clean.things", WEEKS[0], WEEKS[-1])
    assert rows["inspection_id"].tolist() == list(range(12))
    assert "killed" not in set(database.query("SELECT run_id FROM metadata.partition_loads")["run_id"])


def test_data_of_another_portal_is_refused(database, new_database):
    replace(database, frame())
    other = new_database(database.database, portal="data-cityofchicago-org")
    with pytest.raises(FoodInspectionsError, match=r"holds the data of the portal simulated-test, not of data-city"):
        other.read_range("clean.things", WEEKS[0], WEEKS[-1])
    with pytest.raises(FoodInspectionsError, match="simulated-test"):
        replace(other, frame())
    assert database.query("SELECT name FROM metadata.portal")["name"].tolist() == ["simulated-test"]


def test_a_server_by_url_is_used_and_its_database_created(postgres, new_database):
    url = postgres.url("postgres")
    by_url = Database(url=SecretStr(url), database="by_url_created", portal="simulated-test")
    assert len(replace(by_url, frame())) == 4
    with psycopg.connect(postgres.url("by_url_created")) as connection:
        assert connection.execute("SELECT count(*) FROM clean.things").fetchone() == (12,)
    assert not by_url.stop(), "a server by URL is not ours to stop"


def test_a_server_that_cannot_be_reached_is_one_sentence_without_the_password():
    lost = Database(url=SecretStr("postgresql://me:hunter2secret@127.0.0.1:1/things"), database="things", portal="p")
    for call in (lambda: lost.query("SELECT 1"), lambda: replace(lost, frame()), lost.connect):
        with pytest.raises(FoodInspectionsError, match=r"127\.0\.0\.1:1, database things cannot be reached") as refusal:
            call()
        assert "hunter2secret" not in str(refusal.value) + repr(refusal.value) + repr(lost) + lost.place
        assert "\n" not in str(refusal.value)


def test_a_full_disk_is_one_sentence_and_changes_nothing(database, monkeypatch):
    replace(database, frame())

    def full(connection, schema, name, rows):
        if schema == "metadata":
            # What the server says when it cannot extend a file, raised by the server itself.
            with connection.cursor() as cursor:
                cursor.execute(
                    "DO $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device'"
                    " USING ERRCODE = '53100'; END $$"
                )
        ingest(connection, schema, name, rows)

    ingest = module._ingest
    monkeypatch.setattr(module, "_ingest", full)
    with pytest.raises(FoodInspectionsError, match="The disk is full, so nothing was written"):
        replace(database, frame(start=100))
    rows = database.read_range("clean.things", WEEKS[0], WEEKS[-1])
    assert rows["inspection_id"].tolist() == list(range(12))
