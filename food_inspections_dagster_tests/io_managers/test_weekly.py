import gc
import threading

import dagster as dg
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.current import Cause
from food_inspections_dagster.orchestration.partitions import WEEKLY, Window
from food_inspections_dagster.orchestration.stages import Graph, Input, stage
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster_tests.toys import (
    MATRIX,
    RAW,
    THINGS,
    WEEKS,
    Toys,
    makes,
    reads,
    rows_of,
    things_of,
)

RAWS = makes(RAW, of=rows_of)


@pytest.fixture
def breaking(monkeypatch):
    """Make every write of an object of some week fail."""

    def of_week(week):
        put = ObjectStore.put

        def broken(self, path, content):
            if f"week={week}" in path:
                raise FoodInspectionsError(f"The disk is full, so {path} was not written.")
            put(self, path, content)

        patch = pytest.MonkeyPatch()
        patch.setattr(ObjectStore, "put", broken)
        return patch

    patches = []
    yield lambda week: patches.append(of_week(week)) or patches[-1]
    for patch in patches:
        patch.undo()


def test_a_range_that_fails_in_the_middle_counts_as_not_made_and_is_made_again(toys, breaking):
    toys.run([RAWS])
    changed = makes(RAW, of=lambda weeks: rows_of(weeks, 2))
    patch = breaking(WEEKS[3])
    with pytest.raises(FoodInspectionsError, match="disk is full"):
        toys.run([changed], WEEKS[1:4])
    patch.undo()
    assert toys.open_weeks() == [("raw", WEEKS[1:4])]
    assert len(toys.audit()) == 5, "nothing is said of weeks that may be half written"
    assert toys.made("raw") == [WEEKS[0], WEEKS[4]]
    currency = toys.currency(changed)
    assert [str(currency.reason("raw", week)) for week in WEEKS[1:4]] == [Cause.NEVER_MADE.value] * 3
    loaded = []
    toys.run([changed, reads(loaded, RAW)], only=["reads"])
    assert sorted(set(loaded[0]["week"])) == [WEEKS[0], WEEKS[4]], "no other stage reads them either"
    toys.run([changed], WEEKS[1:4])
    assert toys.open_weeks() == []
    assert [toys.ledger.snapshot().loads["raw"][week].rows for week in WEEKS] == [3, 2, 0, 2, 3]


def test_an_open_load_may_be_mended_in_parts(toys, breaking):
    patch = breaking(WEEKS[3])
    with pytest.raises(FoodInspectionsError, match="disk is full"):
        toys.run([RAWS])
    patch.undo()
    toys.run([RAWS], WEEKS[:2])
    assert toys.open_weeks() == [("raw", WEEKS[2:])]
    assert toys.made("raw") == WEEKS[:2]
    toys.run([RAWS], WEEKS[1:])
    assert toys.open_weeks() == []
    assert toys.made("raw") == WEEKS


def test_an_open_load_of_one_asset_leaves_others_alone(toys, breaking):
    matrix = makes(MATRIX, of=things_of)
    patch = breaking(WEEKS[3])
    for made in (RAWS, matrix):
        with pytest.raises(FoodInspectionsError, match="disk is full"):
            toys.run([made])
    patch.undo()
    toys.run([matrix])
    assert toys.open_weeks() == [("raw", WEEKS)]


def test_two_writers_of_an_asset_wait_for_each_other(toys, new_database, monkeypatch):
    """Objects and audit rows are of the same writer, week by week."""
    put, entered, let_go, puts = ObjectStore.put, threading.Event(), threading.Event(), []

    def slow(self, path, content):
        if path.startswith("raw"):
            puts.append(threading.current_thread().name)
            if self is toys.objects:
                entered.set()
                assert let_go.wait(60)
        put(self, path, content)

    monkeypatch.setattr(ObjectStore, "put", slow)
    other = Toys(new_database(toys.database.database), ObjectStore(url=toys.objects.url, portal="simulated-test"))
    errors = []

    def write(by, per_week):
        try:
            by.run([makes(RAW, of=lambda weeks: rows_of(weeks, per_week))])
        except Exception as error:
            errors.append(error)

    first = threading.Thread(target=write, args=(toys, 1))
    first.start()
    assert entered.wait(60)
    second = threading.Thread(target=write, args=(other, 2))
    second.start()
    waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted AND database = %s::oid"
    try:
        with toys.database.connect() as connection:
            (oid,) = connection.execute("SELECT oid FROM pg_database WHERE datname = current_database()").fetchone()
            while second.is_alive() and connection.execute(waiting, [oid]).fetchone() == (0,):
                pass
            assert second.is_alive()
            assert connection.execute("SELECT count(*) FROM metadata.open_loads").fetchone() == (1,)
        assert len(puts) <= len(WEEKS)
    finally:
        let_go.set()
        first.join()
        second.join()
    assert errors == []
    assert len(puts) == 2 * len(WEEKS)
    assert toys.audit()["rows"].tolist() == [1, 1, 0, 1, 1, 2, 2, 0, 2, 2]
    assert len(toys.stored.rows(RAW, WEEKS)) == 8


def test_a_load_keeps_what_it_read(toys):
    """The audit row of a week holds the digest of its input, which changes with the weeks that it reads."""

    @stage(MATRIX, group="toys", inputs={"things": Input(THINGS, Window(-1), ("share", "week"))})
    def matrix(weeks, things):
        return things_of(weeks)

    things = makes(THINGS, of=things_of)
    toys.run([things, matrix])
    currency = toys.currency(things, matrix)
    loads = toys.ledger.snapshot().loads["matrix"]
    assert all(loads[week].input_hash == currency.input_hash(matrix, week) for week in WEEKS)
    assert [currency.reason("matrix", week) for week in WEEKS] == [None] * 5
    toys.run([makes(THINGS, of=lambda weeks: things_of(weeks, share=0.1))], WEEKS[1:2])
    stale = [week for week in WEEKS if toys.currency(things, matrix).reason("matrix", week) is not None]
    assert stale == WEEKS[1:3]
    renamed = makes(THINGS, of=lambda weeks: things_of(weeks).assign(name=things_of(weeks)["name"] + "!"))
    toys.run([makes(THINGS, of=things_of)], WEEKS[1:2])
    toys.run([renamed])
    assert [toys.currency(things, matrix).reason("matrix", week) for week in WEEKS] == [None] * 5, "name is not read"


def test_the_ledger_is_read_once_before_the_first_input(toys, monkeypatch):
    """What changes while a step computes shows as a changed input afterwards, never the reverse."""
    things, other = makes(THINGS, of=things_of), Toys(toys.database, toys.objects)

    @stage(MATRIX, group="toys", inputs={"things": Input(THINGS)})
    def matrix(weeks, things):
        other.run([makes(THINGS, of=lambda weeks: things_of(weeks, share=0.9))], WEEKS[:1])
        return things_of(weeks)

    toys.run([things])
    toys.run([things, matrix], only=["matrix"])
    reasons = [toys.currency(things, matrix).reason("matrix", week) for week in WEEKS]
    assert [reason and reason.cause for reason in reasons] == [Cause.INPUT, None, None, None, None]


def test_an_input_that_changed_while_it_was_read_and_then_back_is_not_current(toys):
    """The rows were made of the new content and stood under the digest of the old one."""
    things, other = makes(THINGS, of=things_of), Toys(toys.database, toys.objects)

    @stage(MATRIX, group="toys", inputs={"things": Input(THINGS)})
    def matrix(weeks, things):
        other.run([makes(THINGS, of=lambda weeks: things_of(weeks, share=0.9))], WEEKS[:1])
        return things_of(weeks)

    toys.run([things])
    toys.run([things, matrix], only=["matrix"])
    toys.run([things], WEEKS[:1])
    reasons = [toys.currency(things, matrix).reason("matrix", week) for week in WEEKS]
    assert [reason and reason.cause for reason in reasons] == [Cause.INPUT, None, None, None, None]


def test_nothing_is_kept_of_steps_that_are_over(toys, monkeypatch):
    ledgers, init = [], Ledger.__init__

    def kept(self, database):
        init(self, database)
        ledgers.append(self)

    monkeypatch.setattr(Ledger, "__init__", kept)
    toys.run([makes(THINGS, of=things_of), reads([], THINGS)])
    gc.collect()
    assert [len(ledger._snapshots) for ledger in ledgers] == [0] * len(ledgers) and ledgers


def test_assets_without_weeks_are_refused(toys):
    @dg.asset(name="raw", io_manager_key="rows")
    def timeless():
        return rows_of(WEEKS)

    with pytest.raises(FoodInspectionsError, match="raw has no weekly partitions: give it partitions_def=WEEKLY"):
        dg.materialize([timeless], resources=toys.resources([RAWS]))

    @dg.asset(name="later", partitions_def=WEEKLY, ins={"raw": dg.AssetIn()}, io_manager_key="documents")
    def later(raw): ...

    with pytest.raises(FoodInspectionsError, match="raw has no weekly partitions"):
        dg.materialize(
            [timeless, later], resources=toys.resources([RAWS]), selection=["later"], partition_key=str(WEEKS[0])
        )


def test_an_asset_that_the_graph_does_not_make_is_refused(toys):
    resources = toys.resources([RAWS])
    with pytest.raises(FoodInspectionsError, match="'nothing' is no stage: use one of raw"):
        resources["rows"].graph.output("nothing")
    assert Graph([RAWS]).output("raw").entry is RAW
