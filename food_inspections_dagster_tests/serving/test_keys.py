import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving import keys, queries
from food_inspections_dagster.serving.keys import Keyring


def ring(database):
    rows = database.query(queries.KEYS.as_string()).to_dict("records")
    return Keyring.of_rows(rows)


def test_a_key_opens_its_scopes_until_it_is_revoked(database):
    with database.connect() as connection:
        assert keys.listed(connection) == []
        key = keys.create(connection, "the planner", ["read"], "ana")
        other = keys.create(connection, "a program", ["read", "compute", "read"], "ana")
    assert ring(database).scopes(key) == {"read"} and ring(database).scopes(other) == {"read", "compute"}
    stored = database.query(f"select * from {queries.SCHEMA}.keys").to_csv()  # noqa: S608
    assert key.split("_")[2] not in stored, "only its hash is kept"
    with database.connect() as connection:
        listed = {one.name: one for one in keys.listed(connection)}
        assert listed["a program"].scopes == ("read", "compute") and listed["the planner"].created_by == "ana"
        keys.revoke(connection, listed["the planner"].key_id)
    assert ring(database).scopes(key) is None and ring(database).scopes(other) == {"read", "compute"}


@pytest.mark.parametrize(
    "text", ["", "fi", "fi__", "fi_nobody_secret", "xx_{id}_{secret}", "fi_{id}_", "fi_{id}_wrong"]
)
def test_anything_else_opens_nothing(database, text):
    with database.connect() as connection:
        key_id, secret = keys.create(connection, "x", ["read"], "ana").split("_", 2)[1:]
    assert ring(database).scopes(text.format(id=key_id, secret=secret)) is None


@pytest.mark.parametrize(("name", "scopes"), [("x", []), ("x", ["write"]), ("", ["read"]), ("a\nb", ["read"])])
def test_what_is_no_key_is_not_made(database, name, scopes):
    with database.connect() as connection, pytest.raises(FoodInspectionsError, match="A key"):
        keys.create(connection, name, scopes, "ana")


def test_nobody_s_key_cannot_be_revoked(database):
    with database.connect() as connection, pytest.raises(FoodInspectionsError, match="'none' opens nothing"):
        keys.revoke(connection, "none")
