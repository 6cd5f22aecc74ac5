import subprocess
import sys
import uuid

import psycopg
import pytest

from food_inspections_dagster.resources import run_lease
from food_inspections_dagster.resources.run_lease import end_lease, is_leased, take_lease
from food_inspections_dagster_tests.services import wait_until

ELSEWHERE = """
import sys
from food_inspections_dagster.resources.run_lease import take_lease
print(take_lease(*sys.argv[1:]), flush=True)
sys.stdin.read()
"""


@pytest.fixture(scope="module")
def url(postgres):
    return postgres.ensure_database(f"leases_{uuid.uuid4().hex[:8]}")


@pytest.fixture
def run_id():
    made = str(uuid.uuid4())
    yield made
    end_lease(made)


def elsewhere(url, run_id):
    command = [sys.executable, "-c", ELSEWHERE, url, run_id]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)  # noqa: S603
    return process, process.stdout.readline().strip()


def test_a_lease_lasts_until_it_is_given_back(url, run_id):
    assert not is_leased(url, run_id)
    assert take_lease(url, run_id) and take_lease(url, run_id), "it is the process's, which may ask twice"
    assert is_leased(url, run_id) and not is_leased(url, "another run")
    end_lease(run_id)
    assert not is_leased(url, run_id)
    end_lease(run_id)


def test_one_process_has_a_lease_and_who_is_killed_has_none(url, run_id):
    process, words = elsewhere(url, run_id)
    try:
        assert words == "True"
        assert is_leased(url, run_id) and not take_lease(url, run_id)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not is_leased(url, run_id), "Postgres has seen the end of the connection")
    assert take_lease(url, run_id)


def test_it_is_taken_again_where_postgres_has_cut_the_connection(url, run_id, monkeypatch):
    monkeypatch.setattr(run_lease, "_LOOK_SECONDS", 0.05)
    assert take_lease(url, run_id)
    with psycopg.connect(url, autocommit=True) as connection:
        cut = connection.execute(
            "select count(pg_terminate_backend(pid)) from pg_stat_activity"
            " where application_name = 'run lease' and datname = current_database()"
        ).fetchone()
    assert cut == (1,)
    wait_until(lambda: is_leased(url, run_id), "the process has it again")


def test_a_lease_is_a_run_s_and_a_database_s(postgres, url, run_id):
    other = postgres.ensure_database(f"leases_{uuid.uuid4().hex[:8]}")
    assert take_lease(url, run_id)
    assert not is_leased(other, run_id)
