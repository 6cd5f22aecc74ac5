import psycopg
import pytest

from food_inspections_dagster.catalog import PRIORITIES
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.store import NothingPublished, NotPublished, Store, TooSlow, Unavailable
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.serving.conftest import on_database
from food_inspections_dagster_tests.serving.publishing import drop_connections, republish


def test_a_snapshot_is_of_one_moment(copy_of_city):
    settings = copy_of_city()
    with Store.from_settings(settings) as store, store.snapshot() as reads:
        before = reads.publication()
        republish(Database.from_settings(settings), CITY[-1], CITY[-1], "another word")
        assert reads.publication() == before
        words = reads.rows(
            queries.query("SELECT DISTINCT reason_1 FROM {priorities} WHERE week = %(week)s"), week=CITY[-1]
        )
        assert [row for row in words if row["reason_1"] == "another word"] == []
        with store.snapshot() as later:
            assert later.publication().publication_id > before.publication_id


def test_a_week_is_named_or_the_one_that_is_shown(store):
    with store.snapshot() as reads:
        assert reads.publication().week == CITY[-1] and reads.publication(CITY[-2]).week == CITY[-2]
        with pytest.raises(NotPublished, match=f"{CITY[0]} is not published"):
            reads.publication(CITY[0])
        assert reads.has_table(str(PRIORITIES)) and not reads.has_table("api.nothing")


def test_who_reads_can_neither_write_nor_see_more(store):
    for statement in ("DELETE FROM {priorities}", "SELECT * FROM clean.inspections", "SELECT * FROM metadata.portal"):
        with pytest.raises((Unavailable, psycopg.errors.ReadOnlySqlTransaction)), store.snapshot() as reads:
            reads.rows(queries.query(statement))


def test_what_takes_too_long_is_ended(published):
    short = published.model_copy(update={"serving": published.serving.model_copy(update={"statement_seconds": 0.05})})
    with Store.from_settings(short) as store, pytest.raises(TooSlow, match="narrow it"), store.snapshot() as reads:
        reads.rows(queries.query("SELECT pg_sleep(5)"))


def test_before_the_first_publication_it_says_what_to_do(published, module_database):
    module_database.connect().close()
    settings = on_database(published, module_database.database)
    with (
        Store.from_settings(settings) as store,
        pytest.raises(NothingPublished, match="run `make run`"),
        store.snapshot() as reads,
    ):
        reads.publication()


def test_a_server_that_was_away_is_joined_again(copy_of_city):
    settings = copy_of_city()
    with Store.from_settings(settings) as store:
        with store.snapshot() as reads:
            before = reads.publication()
        drop_connections(Database.from_settings(settings))
        with store.snapshot() as reads:
            assert reads.publication() == before


def test_a_server_that_is_away_is_told_in_a_sentence():
    url = "postgresql://u:hunter2@127.0.0.1:9/none"
    with Store(url, 1, 1, 0.3) as store, pytest.raises(Unavailable) as refused, store.snapshot():
        pass
    assert "hunter2" not in str(refused.value) and "try again" in str(refused.value)
