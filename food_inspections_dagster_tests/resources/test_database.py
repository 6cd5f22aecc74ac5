import os
import re
import signal
import socketserver
import struct
import subprocess
import sys
import threading
import traceback
from datetime import UTC, date, datetime
from urllib.parse import quote

import numpy as np
import pandas as pd
import psycopg
import pyarrow as pa
import pytest
from pydantic import SecretStr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources import database as module
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.weeks import week_range
from food_inspections_dagster_tests.toys import THINGS, Toys, makes, things_of

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


def test_the_hash_is_of_the_columns_hashes(database):
    first = replace(database, frame())[1]
    changed = frame()
    changed.loc[changed["inspection_id"] == 4, "small"] = 77
    second = replace(database, changed)[1]
    differ = {name for name in first.column_hashes if first.column_hashes[name] != second.column_hashes[name]}
    assert differ == {"small"}
    stored = Ledger(database).snapshot().loads["things"][WEEKS[1]]
    assert (stored.content_hash, stored.column_hashes) == (second.content_hash, second.column_hashes)


def test_the_audit_tells_what_decided_the_rows_and_ends_the_open_load(database):
    ledger = Ledger(database)
    with ledger.opened("things", WEEKS, "run-1") as opened:
        assert ledger.snapshot().loads == {}
        replace(
            database,
            frame(),
            settings_digest="settings",
            input_hashes={WEEKS[0]: "read", WEEKS[2]: "other"},
            close=opened,
        )
        assert database.query("SELECT count(*) AS n FROM metadata.open_loads")["n"].tolist() == [0]
    audit = database.query("SELECT settings_digest, input_hash FROM metadata.partition_loads ORDER BY week")
    assert audit["settings_digest"].tolist() == ["settings"] * 4
    assert audit["input_hash"].fillna("none").tolist() == ["read", "none", "other", "none"]


def test_a_load_that_is_refused_stays_open(database):
    ledger = Ledger(database)
    with (
        pytest.raises(FoodInspectionsError, match="no column inspection_id"),
        ledger.opened("things", WEEKS, "run-1") as opened,
    ):
        replace(database, frame().drop(columns="inspection_id"), close=opened)
    assert database.query("SELECT weeks FROM metadata.open_loads")["weeks"].map(list).tolist() == [WEEKS]


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


# The address of a server.

#: Passwords, and parts of them that no sentence may show.
PASSWORDS = {
    "p@ss/w0rd%25": ("ss/w0rd", "ss%2Fw0rd", "w0rd"),
    "100%": ("100",),
    "a:b#c[zz9": ("zz9", "b#c", "b%23c"),
    "tail@": ("tail",),
}


def parts_shown(error: BaseException, password: str, *more: str) -> list[str]:
    """Return the parts of a password that an error shows anywhere, in its traceback too."""
    text = "".join(traceback.format_exception(error)) + repr(error)
    return [part for part in (password, quote(password, safe=""), *more) if part in text]


@pytest.fixture
def refusing_server():
    """A server that asks for the password and refuses it; yield its port, and the passwords that it got."""
    passwords = []

    class Handler(socketserver.StreamRequestHandler):
        def handle(self):
            while True:
                length, code = struct.unpack("!II", self.rfile.read(8))
                if code not in (80877103, 80877104):  # neither TLS nor GSS
                    break
                self.wfile.write(b"N")
            self.rfile.read(length - 8)
            self.wfile.write(b"R" + struct.pack("!II", 8, 3))  # the password, please
            (length,) = struct.unpack("!xI", self.rfile.read(5))
            passwords.append(self.rfile.read(length - 4)[:-1].decode())
            fields = b'SFATAL\0VFATAL\0C28P01\0Mpassword authentication failed for user "jane"\0\0'
            self.wfile.write(b"E" + struct.pack("!I", len(fields) + 4) + fields)

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server.server_address[1], passwords
        server.shutdown()
        thread.join()


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_refused_password_arrives_whole_and_is_never_shown(refusing_server, password):
    port, passwords = refusing_server
    url = f"postgresql://jane:{quote(password, safe='')}@127.0.0.1:{port}/other"
    refused = Database(url=SecretStr(url), database="things", portal="p")
    with pytest.raises(FoodInspectionsError, match="refuses the user or the password") as refusal:
        refused.connect()
    assert passwords and set(passwords) == {password}
    assert refused.place == f"Postgres at 127.0.0.1:{port}, database things"
    assert str(refusal.value).startswith(refused.place)
    assert parts_shown(refusal.value, password, *PASSWORDS[password]) == []
    assert password not in repr(refused) + str(refused)


@pytest.mark.parametrize("password", PASSWORDS)
def test_a_port_without_a_server_shows_no_password(password):
    url = f"postgresql://jane:{quote(password, safe='')}@127.0.0.1:1/other"
    lost = Database(url=SecretStr(url), database="things", portal="p")
    for call in (lost.connect, lambda: lost.query("SELECT 1"), lambda: replace(lost, frame())):
        with pytest.raises(FoodInspectionsError, match=r"127\.0\.0\.1:1, database things cannot be reached") as refusal:
            call()
        assert parts_shown(refusal.value, password, *PASSWORDS[password]) == []


@pytest.mark.parametrize("password", ["abc%zzdef", "abc/99def", "abc@99def", "abc#99def", "abc:xx/99def", "abc 99def"])
def test_an_address_that_cannot_be_read_shows_no_part_of_it(password):
    unreadable = Database(url=SecretStr(f"postgresql://jane:{password}@127.0.0.1:1/other"), database="a", portal="p")
    for call in (unreadable.connect, lambda: unreadable.query("SELECT 1"), lambda: unreadable.place):
        with pytest.raises(FoodInspectionsError, match="percent-encode") as refusal:
            call()
        parts = [part for part in re.split("[^a-z0-9]", password) if len(part) > 2]
        assert parts_shown(refusal.value, password, *parts) == []


def test_a_user_and_a_password_with_reserved_characters_reach_the_server(postgres):
    """Postgres on a socket takes any password; the user must be the one that is named."""
    user, password = "ja/ne@x%", "p@ss/w0rd%25"
    with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
        connection.execute('CREATE ROLE "ja/ne@x%" LOGIN SUPERUSER')
    socket = psycopg.conninfo.conninfo_to_dict(postgres.url("postgres"))["host"]
    url = f"postgresql://{quote(user, safe='')}:{quote(password, safe='')}@/ignored?host={quote(str(socket), safe='')}"
    named = Database(url=SecretStr(url), database="named & ünique/1", portal="simulated-test")
    assert named.query("SELECT current_user AS name, current_database() AS place").to_dict("records") == [
        {"name": user, "place": "named & ünique/1"}
    ]
    assert len(replace(named, frame())) == 4


# A database of an earlier version.

EARLIER = """
CREATE SCHEMA metadata;
CREATE TABLE metadata.portal (name text NOT NULL, one boolean PRIMARY KEY DEFAULT true CHECK (one));
CREATE TABLE metadata.partition_loads (
    load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset text NOT NULL,
    week date NOT NULL,
    rows bigint NOT NULL,
    content_hash text NOT NULL,
    run_id text NOT NULL,
    code_version text,
    loaded_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX ON metadata.partition_loads (asset, week);
INSERT INTO metadata.portal (name) VALUES ('simulated-test');
INSERT INTO metadata.partition_loads (asset, week, rows, content_hash, run_id, code_version)
    SELECT 'things', week::date, 3, 'old', 'old-run', 'v1'
    FROM generate_series('2011-01-03'::date, '2011-01-24', '7 days') AS week;
CREATE SCHEMA clean;
CREATE TABLE clean.things (
    week date, thing_id bigint, share double precision, name text, PRIMARY KEY (week, thing_id)
);
INSERT INTO clean.things SELECT week, 1, 0.5, 'old' FROM metadata.partition_loads;
"""


@pytest.fixture
def earlier(postgres: EmbeddedPostgres, new_database):
    """Open a database as commit 28f6736 made it."""
    database = new_database()
    postgres.ensure_database(database.database)
    with psycopg.connect(postgres.url(database.database)) as connection:
        connection.execute(EARLIER)
    return database


def test_a_database_of_the_first_version_gains_what_is_new_and_keeps_its_rows(earlier, new_database):
    for database in (earlier, new_database(earlier.database)):
        loads = database.query("SELECT * FROM metadata.partition_loads ORDER BY load_id")
        assert loads["week"].tolist() == WEEKS
        assert loads["content_hash"].tolist() == ["old"] * 4
        assert loads[["column_hashes", "settings_digest", "input_hash"]].isna().all(axis=None)
        assert database.has_table("metadata.open_loads") and database.has_table("metadata.check_results")
        assert len(database.read_range("clean.things", WEEKS[0], WEEKS[-1])) == 4
        indexes = database.query("SELECT indexname AS name FROM pg_indexes WHERE tablename = 'partition_loads'")
        assert sorted(indexes["name"]) == ["partition_loads_newest", "partition_loads_pkey", "partition_loads_run"]
    assert database.query("SELECT name FROM metadata.portal")["name"].tolist() == ["simulated-test"]


def test_weeks_of_the_first_version_are_made_again_and_then_current(earlier, tmp_path):
    toys = Toys(earlier, ObjectStore(url=str(tmp_path / "objects"), portal="simulated-test"))
    things = makes(THINGS, of=things_of)
    currency = toys.currency(things)
    assert [str(currency.reason("things", week)) for week in WEEKS] == ["code"] * 4
    assert currency.loads("things")[WEEKS[0]].column_hashes == {}
    toys.run([things], WEEKS)
    assert [toys.currency(things).reason("things", week) for week in WEEKS] == [None] * 4
    assert "old" not in set(earlier.read_range("clean.things", WEEKS[0], WEEKS[-1])["name"])


def test_the_first_version_s_data_of_another_portal_is_refused(earlier, new_database):
    with pytest.raises(FoodInspectionsError, match="holds the data of the portal simulated-test, not of another"):
        new_database(earlier.database, portal="another").connect()
