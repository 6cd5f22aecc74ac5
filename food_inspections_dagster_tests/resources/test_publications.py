"""Publishing: all or nothing, the history as it is, a pointer that goes forward by itself and back by hand."""

import threading

import pyarrow as pa
import pytest

from food_inspections_dagster import schemas
from food_inspections_dagster.catalog import Publication, Table
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.frames import storable, to_pandas, week_bounds
from food_inspections_dagster.resources.database import audit_rows, week_loads
from food_inspections_dagster.resources.ledger import CheckResult, Ledger
from food_inspections_dagster.resources.publications import READER, Publications
from food_inspections_dagster.schemas import column, schema
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK

ONE, TWO, THREE = (FIRST_WEEK + n * WEEK for n in range(3))
TEXT, DATE = pa.string(), pa.date32()
COLUMNS = {"week": column(DATE, "Monday"), "name": column(TEXT, "Name"), "value": column(pa.int64(), "Number")}
LISTED = Table("priorities", "api", schema("priorities", "Lists.", ["week", "name"], COLUMNS), ("week", "name"))
HISTORY = Table("visits", "clean", schema("visits", "History.", ["week", "name"], COLUMNS), ("week", "name"))
ENTRY = Publication("published", "api", (LISTED,), (HISTORY,), (("priorities", ("name",)), ("visits", ("name",))))


def rows_of(table, *rows):
    week, name, value = zip(*rows, strict=True) if rows else ((), (), ())
    return schemas.typed({"week": list(week), "name": list(name), "value": list(value)}, table.schema)


def load_history(database, weeks, *rows):
    database.replace_range(
        str(HISTORY),
        rows_of(HISTORY, *rows),
        weeks,
        asset="visits",
        run_id="r",
        code_version="c",
        primary_key=["week", "name"],
    )


def publish(database, week, *names, value=1, fails=False):
    rows = storable("published", rows_of(LISTED, *((week, name, value) for name in names)), LISTED.key)
    loads = week_loads(rows, week_bounds("published", rows, [week]))
    audit = audit_rows("published", loads, "run-1", "code-1", "settings", {})
    with Ledger(database).opened("published", [week], "run-1") as opened:
        if fails:  # the last statement of the transaction
            audit = audit.append_column("no such column", pa.array([1]))
        return Publications(database).store(ENTRY, {"priorities": rows}, loads, audit, opened)


def asked(database, statement):
    return to_pandas(pa.Table.from_pandas(database.query(statement))).to_numpy().tolist()


def listed(database, week):
    rows = database.query("select name from api.priorities where week = %s order by name", [week])
    return rows.to_numpy().tolist()


@pytest.fixture
def published(database):
    """Two weeks published one after the other."""
    load_history(database, [ONE, TWO], (ONE, "a", 1), (TWO, "a", 2))
    publish(database, ONE, "a", "b")
    publish(database, TWO, "a")
    return database


def test_before_the_first_there_is_nothing(database):
    publications = Publications(database)
    assert publications.published() is None and publications.weeks() == []
    assert publications.places([ONE]) == {}
    with pytest.raises(FoodInspectionsError, match=f"The week {ONE} was not published.*none so far"):
        publications.select(ONE, "me", "because")
    with pytest.raises(FoodInspectionsError, match="nothing to roll back to"):
        publications.rollback("me", "because")


def test_readers_see_the_newest_week_with_the_history_and_the_record_of_it(published):
    seen = Publications(published).published()
    assert (seen.week, seen.publication_id) == (TWO, 2)
    assert Publications(published).weeks() == [ONE, TWO]
    assert Publications(published).places([ONE, TWO, THREE]) == {ONE: (2, 2), TWO: (1, 1)}
    assert asked(published, "select name from api.priorities order by week, name") == [["a"], ["b"], ["a"]]
    assert asked(published, "select value from api.visits order by week") == [[1], [2]]
    record = asked(published, "select week, rows, run_id, code_version from api.publications order by publication_id")
    assert record == [[ONE, 2, "run-1", "code-1"], [TWO, 1, "run-1", "code-1"]]
    moves = asked(published, "select kind, moved_by, from_week, to_week from api.pointer_moves order by move_id")
    assert [move[0] for move in moves] == ["publish", "publish"] and moves[1][1:] == ["the pipeline", ONE, TWO]
    loads = Ledger(published).snapshot(["published"]).loads["published"]
    assert {week: load.rows for week, load in loads.items()} == {ONE: 2, TWO: 1}


def test_what_fails_at_its_last_statement_changes_nothing(published):
    load_history(published, [ONE], (ONE, "a", 9))
    with pytest.raises(FoodInspectionsError):
        publish(published, TWO, "x", "y", fails=True)
    assert listed(published, TWO) == [["a"]]
    assert asked(published, "select value from api.visits order by week") == [[1], [2]]
    assert Publications(published).published().publication_id == 2


def test_only_weeks_that_changed_are_copied_and_none_of_the_future(published):
    load_history(published, [ONE, THREE], (ONE, "a", 7), (THREE, "a", 3))
    before = asked(published, "select week, xmin::text from api.visits order by week")
    publish(published, TWO, "a")
    after = asked(published, "select week, xmin::text from api.visits order by week")
    assert asked(published, "select week, value from api.visits order by week") == [[ONE, 7], [TWO, 2]]
    assert before[0] != after[0] and before[1] == after[1], "the second week was not written again"


def test_a_copy_of_another_version_is_made_anew(published):
    published.execute("alter table api.visits add column older text")
    publish(published, TWO, "a")
    assert asked(published, "select * from api.visits order by week") == [[ONE, "a", 1], [TWO, "a", 2]]


def test_a_week_that_is_published_again_keeps_its_place_and_shows_its_new_content(published):
    seen = publish(published, TWO, "z")
    assert (seen.week, seen.publication_id) == (TWO, 3)
    assert listed(published, TWO) == [["z"]]
    assert len(asked(published, "select * from api.pointer_moves")) == 2
    older = publish(published, ONE, "q")
    assert (older.week, older.publication_id) == (TWO, 3), "an older week that is made again is not shown"


def test_the_pointer_goes_back_and_forth_and_says_who_and_why(published):
    publications = Publications(published)
    assert publications.rollback("ana", "the list was wrong").week == ONE
    assert publications.published().week == ONE
    moves = asked(published, "select kind, moved_by, why, from_week, to_week from api.pointer_moves order by move_id")
    assert moves[-1] == ["rollback", "ana", "the list was wrong", TWO, ONE]
    publish(published, TWO, "still", "wrong")
    assert publications.published().week == ONE, "what was rolled back from stays away until somebody shows it"
    assert publications.select(TWO, "ana", "mended").week == TWO
    assert publications.rollback("ana", "again").week == ONE
    assert publish(published, THREE, "a").week == THREE, "a new week is shown"
    with pytest.raises(FoodInspectionsError, match=f"{ONE}, {TWO}, {THREE}"):
        publications.select(THREE + WEEK, "ana", "tomorrow")


def test_who_reads_sees_the_old_week_or_the_new_one(published):
    """A reader between the first statement and the last one of a publication."""
    torn, stop = [], threading.Event()

    def read():
        with published.connect() as connection:
            connection.autocommit = True
            while not stop.is_set():
                value, count, number = connection.execute(
                    "select min(value), count(*), (select publication_id from api.pointer)"
                    " from api.priorities where week = %s",
                    [TWO],
                ).fetchone()
                if count != value or (number - 2 != value and value != 1):
                    torn.append((value, count, number))

    publish(published, TWO, "n0", value=1)
    reader = threading.Thread(target=read)
    reader.start()
    for size in range(2, 12):
        publish(published, TWO, *(f"n{i}" for i in range(size)), value=size)
    stop.set()
    reader.join()
    assert torn == []


def test_readers_see_what_failed_after_the_last_publication(published):
    """Of the ledger, and nothing else of it."""
    ledger = Ledger(published)
    one_week, both = (ONE, ONE), (ONE, TWO)
    results = [
        CheckResult("scores", "ranks", True, *both, (ONE, TWO), "two places have one rank"),
        CheckResult("scores", "ranks", True, *one_week, (ONE,), "a place has no rank"),
        CheckResult("drift", "no_drift", False, *both, (), "nothing has moved"),
    ]
    ledger.record_checks(results, "run-2")
    with published.connect() as connection:
        connection.execute(
            "INSERT INTO metadata.runs (run_id, job, state, begun_at, ended_at, failed_step)"
            " VALUES ('run-1', 'weekly', 'succeeded', now() - interval '1 day', now(), NULL),"
            " ('run-2', 'weekly', 'failed', now(), now(), 'scores')"
        )
        connection.execute(f"SET LOCAL ROLE {READER}")
        runs = connection.execute(
            "SELECT run_id, state, failed_step, assets, first_week, last_week, rows FROM api.runs ORDER BY run_id"
        ).fetchall()
        checks = connection.execute(
            "SELECT asset, check_name, blocking, weeks_failing, description, run_id FROM api.check_results"
        ).fetchall()
    assert runs == [
        ("run-1", "succeeded", None, 1, ONE, TWO, 3),
        ("run-2", "failed", "scores", 0, None, None, 0),
    ]
    assert sorted(checks) == [
        ("drift", "no_drift", False, 0, "nothing has moved", "run-2"),
        ("scores", "ranks", True, 1, "a place has no rank", "run-2"),
    ]


def test_who_only_reads_may_see_what_is_published_and_nothing_else(published):
    with published.connect() as connection:
        connection.execute(f"set role {READER}")
        assert connection.execute("select count(*) from api.priorities").fetchone() == (3,)
        for statement in (
            "select * from clean.visits",
            "select * from metadata.partition_loads",
            "delete from api.pointer",
        ):
            with pytest.raises(Exception, match="permission denied"), connection.transaction():
                connection.execute(statement)
