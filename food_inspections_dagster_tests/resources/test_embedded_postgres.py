import os
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources import embedded_postgres
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres


@pytest.mark.parametrize("name", ["with a space", "x" * 120])
def test_it_starts_under_any_path_and_stops(tmp_path, name):
    server = EmbeddedPostgres(tmp_path / name / "data")
    server.start()
    try:
        with psycopg.connect(server.ensure_database("a")) as connection:
            assert connection.execute("SELECT current_database()").fetchone() == ("a",)
    finally:
        assert server.stop()
    assert not server.stop(), "there is none any more"
    with pytest.raises(FoodInspectionsError, match="does not run"):
        server.url("a")


def test_processes_share_the_server_and_it_outlives_them(postgres):
    code = (
        "import sys; from pathlib import Path;"
        "from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres;"
        "s = EmbeddedPostgres(Path(sys.argv[1])); s.start(); print(s.ensure_database('shared'))"
    )
    run = [sys.executable, "-c", code, str(postgres.directory)]
    both = [subprocess.Popen(run, stdout=subprocess.PIPE, text=True) for _ in range(2)]  # noqa: S603
    urls = {process.communicate(timeout=600)[0].strip() for process in both}
    assert urls == {postgres.url("shared")}
    with psycopg.connect(postgres.url("shared")) as connection:
        assert connection.execute("SELECT 1").fetchone() == (1,)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root adds a system user for the server")
def test_first_starts_at_once_add_the_system_user_one_after_the_other(tmp_path, monkeypatch):
    """Two ``useradd`` at once left one server with a user id that was gone when ``initdb`` looked it up."""
    inside: list[int] = []

    def add_user(server, data, cleanup_mode):
        inside.append(1)
        time.sleep(0.02)
        at_once.append(len(inside))
        inside.pop()

    at_once: list[int] = []
    monkeypatch.setattr(embedded_postgres.PostgresServer, "__init__", add_user)
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda n: embedded_postgres._Server(tmp_path / str(n)), range(4)))
    assert at_once == [1] * 4


def test_durability_is_given_up_only_where_asked(postgres):
    def show(url, name):
        with psycopg.connect(url) as connection:
            return connection.execute(f"SHOW {name}").fetchone()[0]

    application = postgres.ensure_database("application")
    dagster = postgres.ensure_database("dagsters_own", synchronous_commit=False)
    assert show(application, "synchronous_commit") == "on"
    assert show(dagster, "synchronous_commit") == "off"
    for name in ("fsync", "full_page_writes", "data_checksums"):
        assert show(dagster, name) == "on"
    assert show(application, "listen_addresses") == ""


def test_a_server_that_cannot_start_says_so(tmp_path):
    (tmp_path / "data").write_text("a file in the way")
    with pytest.raises(FoodInspectionsError, match="did not start"):
        EmbeddedPostgres(tmp_path / "data").start()
    broken = tmp_path / "broken"
    broken.mkdir()
    (broken / "PG_VERSION").write_text("18\n")
    with pytest.raises(FoodInspectionsError, match=r"did not start.*see .*log") as refusal:
        EmbeddedPostgres(broken).start()
    assert "max_connections" not in str(refusal.value), "the command is no explanation"
