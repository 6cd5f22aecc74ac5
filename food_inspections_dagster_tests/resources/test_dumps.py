import pytest
from pydantic import SecretStr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.dumps import clear, dump, load


def test_a_database_comes_back_from_its_dump(new_database, tmp_path):
    first, second = new_database(), new_database()
    first.execute("CREATE SCHEMA clean")
    first.execute("CREATE TABLE clean.odd (n int PRIMARY KEY, t text)")
    first.execute("INSERT INTO clean.odd VALUES (1, 'it''s'), (2, NULL)")
    first.execute("CREATE TABLE public.loose AS SELECT 7 AS n")
    dump(first.address(), tmp_path / "dump")
    with second.session() as connection:  # which has tables of its own by now
        connection.execute("CREATE TABLE public.in_the_way (n int)")
        clear(connection)
    load(second.address(), tmp_path / "dump")
    with second.session(as_it_is=True) as connection:
        assert connection.execute("SELECT * FROM clean.odd ORDER BY n").fetchall() == [(1, "it's"), (2, None)]
        assert connection.execute("SELECT n FROM public.loose").fetchall() == [(7,)]
        assert connection.execute("SELECT to_regclass('public.in_the_way')").fetchone() == (None,)


def test_what_fails_leaves_nothing_and_is_one_sentence(new_database, tmp_path):
    database = new_database()
    database.execute("CREATE TABLE public.first (n int)")
    database.execute("CREATE TABLE public.second (n int)")
    dump(database.address(), tmp_path / "dump")
    other = new_database()
    other.execute("CREATE TABLE public.second (n int)")
    with pytest.raises(FoodInspectionsError, match=r"^pg_restore of the database test_\w+ .*exists") as refusal:
        load(other.address(), tmp_path / "dump")
    assert "\n" not in str(refusal.value)
    assert not other.has_table("public.first")


def test_no_password_is_shown(tmp_path):
    with pytest.raises(FoodInspectionsError, match="pg_dump of the database x failed") as refusal:
        dump(SecretStr("postgresql://me:secret@127.0.0.1:1/x"), tmp_path / "dump")
    assert "secret" not in str(refusal.value)
