import pytest
from psycopg.rows import dict_row

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving import keys, queries
from food_inspections_dagster.serving.keys import Keyring


def keyring(database):
    with database.connect() as connection:
        return Keyring.of_rows(connection.cursor(row_factory=dict_row).execute(queries.KEYS).fetchall())


def test_a_key_opens_its_scopes_until_it_is_revoked(database):
    with database.connect() as connection:
        reads = keys.create(connection, "a journalist", ["read"], "me")
        both = keys.create(connection, "the department", ["read", "compute"], "me")
    ring = keyring(database)
    assert ring.scopes(reads) == {"read"} and ring.scopes(both) == {"read", "compute"}
    key_id = reads.split("_")[1]
    with database.connect() as connection:
        keys.revoke(connection, key_id)
        there = keys.listed(connection)
        with pytest.raises(FoodInspectionsError, match="opens nothing"):
            keys.revoke(connection, key_id)
    assert keyring(database).scopes(reads) is None and keyring(database).scopes(both)
    assert {(key.name, key.revoked_at is None) for key in there} == {("a journalist", False), ("the department", True)}


def test_the_key_itself_is_nowhere(database):
    with database.connect() as connection:
        key = keys.create(connection, "x", ["read"], "me")
        stored = str(connection.execute(queries.query("SELECT * FROM {keys}")).fetchall())
    assert key.split("_", 2)[2] not in stored and key.split("_")[1] in stored


@pytest.mark.parametrize("text", ["", "fi", "fi__", "fi_0_0", "other_0_0", "\x00", "é"])
def test_what_is_no_key_opens_nothing(database, text):
    with database.connect() as connection:
        key = keys.create(connection, "x", ["read"], "me")
    ring = keyring(database)
    assert ring.scopes(text) is None
    assert ring.scopes(key + "x") is None and ring.scopes(key.replace("fi_", "fo_")) is None
    assert Keyring({}).scopes(key) is None


@pytest.mark.parametrize(("name", "scopes"), [("x", []), ("x", ["read", "all"]), ("", ["read"]), ("a\nb", ["read"])])
def test_a_key_without_a_name_or_scopes_is_refused(database, name, scopes):
    with database.connect() as connection, pytest.raises(FoodInspectionsError):
        keys.create(connection, name, scopes, "me")


def test_before_the_first_key_there_are_none(database):
    with database.connect() as connection:
        assert keys.listed(connection) == []
        with pytest.raises(FoodInspectionsError, match="'k' opens nothing"):
            keys.revoke(connection, "k")
