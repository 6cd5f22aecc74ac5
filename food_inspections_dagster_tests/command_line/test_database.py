import uuid

import pytest

from food_inspections_dagster.catalog import PIPELINE, SCORES
from food_inspections_dagster.command_line.database import check, create, remake
from food_inspections_dagster.settings import HOME_VARIABLE, load_settings
from food_inspections_dagster_tests.world import write_home


@pytest.fixture
def settings_as(postgres, tmp_path, monkeypatch):
    """Settings of a project's folder whose Postgres is a server by URL, as some user."""
    monkeypatch.setenv(HOME_VARIABLE, str(write_home(tmp_path / "home", {})))
    portal = {"url": "http://127.0.0.1:8321", "name": f"simulated-{uuid.uuid4().hex[:8]}"}

    def settings(user="postgres", **given):
        url = postgres.url("postgres").replace("postgres:@/postgres", f"{user}:@")
        return load_settings({"portal": portal, "database": {"url": url, **given}})

    return settings


def test_the_databases_are_made_once_and_the_pipeline_can_use_them(settings_as, out, told):
    assert not check(out, settings_as())
    assert told().startswith("Problem: The database food_inspections_simulated_") and "database create" in told()
    passwords = {f"{role}_password": f"secret of {role}" for role in ("owner", "pipeline", "reader")}
    for _ in range(2):
        create(out, settings_as(**passwords))
    assert "secret of" not in told() and "No password" not in told()
    assert check(out, settings_as(PIPELINE)), told()
    assert told().strip().endswith("can be used.")


def test_roles_without_a_password_are_told(settings_as, out, told):
    create(out, settings_as(pipeline_password="x"))  # noqa: S106
    assert "No password was set for food_inspections_owner, food_inspections_reader: give" in told()
    assert "database.owner_password, database.reader_password, in conf/local or as variables" in told()


def test_the_embedded_server_needs_no_roles(made, out, told):
    assert check(out, made.settings)
    assert "so roles are not looked at" in told()


def test_a_server_that_cannot_be_reached_is_one_problem(settings_as, out, told):
    assert not check(out, load_settings({"database": {"url": "postgresql://me:secret@127.0.0.1:1/x"}}))
    assert told().count("Problem: ") == 1 and "cannot be reached" in told() and "secret" not in told()


def test_a_table_that_is_remade_is_made_by_the_next_run(made, out, told):
    """The newest list, which the table of scores held."""
    table = str(SCORES)
    before = made.table(table)
    remake(out, made.settings, table)
    assert "`make run` makes them" in told()
    assert SCORES.asset in made.stale()
    made.make(made.weeks)
    assert made.stale() == {}
    assert made.table(table).equals(before)
