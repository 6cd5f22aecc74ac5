import threading

import psycopg
import pytest

from food_inspections_dagster.catalog import READER
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.store import (
    NothingPublished,
    NotPublished,
    Store,
    TooSlow,
    Unavailable,
    database_url,
)
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.serving.publishing import drop_connections, republish


def test_the_shown_week_or_a_named_one(store):
    with store.snapshot() as reads:
        shown, named = reads.publication(), reads.publication(CITY[-2])
        with pytest.raises(NotPublished, match="/v1/weeks lists"):
            reads.publication(CITY[0])
    assert (shown.week, named.week) == (CITY[-1], CITY[-2])
    assert shown.shown_id == named.shown_id == shown.publication_id
    assert named.newest_id == named.publication_id > shown.publication_id


def test_readers_have_the_role_and_can_change_nothing(store):
    with store.snapshot() as reads:
        assert reads.row(queries.query("SELECT current_user AS name")) == {"name": READER}
        assert not reads.has_table("clean.inspections") and reads.has_table("monitoring.evaluations")
    for statement in ("DELETE FROM {priorities}", "CREATE TABLE api.x (y int)", "SELECT * FROM clean.inspections"):
        with pytest.raises((psycopg.Error, Unavailable)), store.snapshot() as reads:
            reads.rows(queries.query(statement))


def test_a_snapshot_stays_what_it_was(copy_of_city):
    settings = copy_of_city()
    database = Database.from_settings(settings)
    with Store.from_settings(settings) as store, store.snapshot() as reads:
        before = reads.publication()
        republish(database, CITY[-1], CITY[-1], "later")
        assert reads.publication() == before
        rows = reads.rows(queries.LIST, week=CITY[-1], label="failed")
        assert "later" not in {row["reason_1"] for row in rows}
        with store.snapshot() as after:
            assert after.publication().publication_id > before.publication_id


def test_a_question_that_takes_too_long_is_ended(published):
    with Store(database_url(published), 0.05, 2, 3) as store, store.snapshot() as reads, pytest.raises(TooSlow):
        reads.rows(queries.query("SELECT pg_sleep(5)"))


def test_before_the_first_publication(database):
    database.connect().close()
    url = database_url_of(database)
    with Store(url, 5, 2, 3) as store, store.snapshot() as reads, pytest.raises(NothingPublished, match="make run"):
        reads.publication()


def database_url_of(database: Database) -> str:
    with database.connect() as connection:
        return f"postgresql://postgres:@/{connection.info.dbname}?host={connection.info.host}"


def test_connections_that_were_lost_are_made_anew(copy_of_city):
    settings = copy_of_city()
    with Store.from_settings(settings) as store:
        for _ in range(2):
            with store.snapshot() as reads:
                assert reads.publication().week == CITY[-1]
            drop_connections(Database.from_settings(settings))


def test_a_server_that_is_away_and_a_pool_that_is_used_up(published):
    away = Store("postgresql://nobody@/nothing?host=/nowhere", 1, 2, 0.2)
    with away, pytest.raises(Unavailable, match="gives no connection"), away.snapshot():
        pass
    with Store(database_url(published), 5, 2, 0.3) as store:
        held, free = threading.Barrier(3), threading.Event()

        def hold():
            with store.snapshot():
                held.wait()
                free.wait()

        holders = [threading.Thread(target=hold) for _ in range(2)]
        for holder in holders:
            holder.start()
        held.wait()
        with pytest.raises(Unavailable), store.snapshot():
            pass
        free.set()
        for holder in holders:
            holder.join()
        with store.snapshot() as reads:
            assert reads.publication()
        assert store.statistics()["pool_size"] == 2
