"""Roles on a server of its own: they belong to the whole server, and others' tests make some."""

import base64
import hashlib
import hmac
import os
import signal
import uuid

import psycopg
import pytest
from pydantic import SecretStr

from food_inspections_dagster.catalog import OWNER, PIPELINE, READER
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.resources.roles import READABLE, ROLES, SCHEMAS, create_roles, hand_over, missing
from food_inspections_dagster_tests.resources.test_publications import ONE, TWO, load_history, publish

PASSWORDS = {OWNER: "for the owner", PIPELINE: "für die @Pipeline", READER: "read%only"}


@pytest.fixture(scope="module")
def server(tmp_path_factory):
    made = EmbeddedPostgres(tmp_path_factory.mktemp("roles") / "data")
    made.start()
    yield made
    os.kill(int((made.directory / "postmaster.pid").read_text().split()[0]), signal.SIGQUIT)


def as_user(server, user, name):
    """Open a database as a user, as a URL in the settings does; a local socket asks for no password."""
    url = server.url(name).replace("postgres:@", f"{user}:@")
    return Database(url=SecretStr(url), database=name, portal="simulated-test")


@pytest.fixture(scope="module")
def administrator(server):
    """Who may make roles and databases and is no superuser, as providers of servers have it."""
    with psycopg.connect(server.url("postgres")) as connection:
        connection.execute("CREATE ROLE administrator LOGIN CREATEROLE CREATEDB")
    return "administrator"


@pytest.fixture(scope="module")
def name(server, administrator):
    """A database that is handed over, by an administrator, and then once more."""
    name = f"test_{uuid.uuid4().hex[:12]}"
    database = as_user(server, administrator, name)
    for _ in range(2):
        with database.session() as connection:
            create_roles(connection, PASSWORDS)
            hand_over(connection)
    return name


def keeps(verifier, password):
    """Tell whether what the server keeps is of that password (RFC 5803)."""
    _, salted, keys = verifier.split("$")
    rounds, salt = salted.split(":")
    secret = hashlib.pbkdf2_hmac("sha256", password.encode(), base64.b64decode(salt), int(rounds))
    stored = hashlib.sha256(hmac.new(secret, b"Client Key", "sha256").digest()).digest()
    return base64.b64decode(keys.split(":")[0]) == stored


def test_every_role_has_its_password_and_the_server_keeps_no_text_of_it(server, name):
    with psycopg.connect(server.url("postgres")) as connection:
        rows = connection.execute(
            "SELECT rolname, rolpassword FROM pg_authid WHERE rolname = ANY(%s) AND rolcanlogin", [list(ROLES)]
        ).fetchall()
    assert {role: keeps(verifier, PASSWORDS[role]) for role, verifier in rows} == dict.fromkeys(ROLES, True)


def test_the_pipeline_loads_and_publishes_and_has_what_it_makes(server, name):
    pipeline = as_user(server, PIPELINE, name)
    load_history(pipeline, [ONE, TWO], (ONE, "a", 1), (TWO, "a", 2))
    publish(pipeline, ONE, "a", "b")
    with pipeline.session() as connection:
        assert list(missing(connection)) == []
        owners = connection.execute(
            "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = ANY(%s)", [list(SCHEMAS)]
        ).fetchall()
        assert owners == [(PIPELINE,)]
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("DROP SCHEMA clean CASCADE")


def test_readers_see_what_is_published_also_in_tables_to_come(server, name):
    pipeline = as_user(server, PIPELINE, name)
    pipeline.execute("CREATE TABLE api.later (n int)")
    with psycopg.connect(as_user(server, READER, name).address().get_secret_value(), autocommit=True) as reader:
        assert reader.execute("SELECT count(*) FROM api.later").fetchone() == (0,)
        for statement in (
            "SELECT * FROM metadata.partition_loads",
            "INSERT INTO api.later VALUES (1)",
            "CREATE TABLE api.mine (n int)",
            "CREATE SCHEMA mine",
        ):
            with pytest.raises(psycopg.errors.InsufficientPrivilege):
                reader.execute(statement)
    pipeline.execute("DROP TABLE api.later")


def test_the_owner_may_change_and_drop_what_the_pipeline_made(server, name):
    pipeline, owner = as_user(server, PIPELINE, name), as_user(server, OWNER, name)
    pipeline.execute("CREATE TABLE clean.odd (n int)")
    owner.execute("ALTER TABLE clean.odd ADD COLUMN m int")
    owner.execute("DROP TABLE clean.odd")
    with owner.session() as connection:
        assert list(missing(connection)) == []


def test_what_was_there_before_is_handed_over_too(server, name, administrator):
    older = f"test_{uuid.uuid4().hex[:12]}"
    database = as_user(server, administrator, older)
    load_history(database, [ONE], (ONE, "a", 1))
    with as_user(server, PIPELINE, older).session(as_it_is=True) as connection:
        words = [one.sentence for one in missing(connection)]
    assert any(f"may make no schema in {older}" in one for one in words)
    assert any("The schema api does not exist" in one for one in words)
    with database.session() as connection:
        hand_over(connection)
    pipeline = as_user(server, PIPELINE, older)
    load_history(pipeline, [ONE, TWO], (ONE, "a", 7), (TWO, "a", 2))
    publish(pipeline, TWO, "a")
    with pipeline.session() as connection:
        assert list(missing(connection)) == []


def test_what_is_missing_is_told_to_whom_it_concerns(server, name):
    with psycopg.connect(server.url("postgres")) as connection:
        connection.execute("CREATE ROLE stranger LOGIN")
    with as_user(server, "stranger", name).session(as_it_is=True) as connection:
        words = [one.sentence for one in missing(connection)]
    assert any("The user stranger may make no table in the schema clean" in one for one in words)
    assert any("The table clean.visits belongs to somebody else than stranger" in one for one in words)
    assert all("`food-inspections database create`" in one for one in words)


def test_readable_schemas_are_ours():
    assert set(READABLE) < set(SCHEMAS)
