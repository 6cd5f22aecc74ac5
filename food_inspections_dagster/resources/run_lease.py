"""Whether the process of a run is alive: it holds a lock of Postgres through a connection of its own.

A process that is killed, or whose machine is gone, loses the connection, and with it the lock, at once. So whoever asks
gets the truth, and needs no clock: a run may take as long as its machine takes. Celery and Dagster know less: a
worker that is killed leaves its task, and its run, as started for ever.
"""

from threading import Event, Lock, Thread

import psycopg

_LOCK = "hashtext('run of Dagster'), hashtext(%s)"
# Looked up, not tried: a lock that was taken for a moment to see whether it is free would turn its owner away.
_IS_TAKEN = """
    select exists (
        select from pg_locks where locktype = 'advisory' and granted
            and database = (select oid from pg_database where datname = current_database())
            and classid = hashtext('run of Dagster')::oid and objid = hashtext(%s)::oid and objsubid = 2
    )
"""
# The server notices a machine that has gone without a word after a minute; over a unix socket they do nothing.
_KEEPALIVES = "-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3"
_LOOK_SECONDS = 5.0


class _Lease:
    """The lease of a run, from :meth:`take` to :meth:`end` or the end of the process."""

    def __init__(self, url: str, run_id: str) -> None:
        self._url, self._run_id = url, run_id
        self._connection: psycopg.Connection | None = None
        self._ended = Event()
        self._thread = Thread(target=self._keep, name=f"lease of run {run_id}", daemon=True)

    def take(self) -> bool:
        if not self._lock():
            return False
        self._thread.start()
        return True

    def end(self) -> None:
        self._ended.set()
        self._thread.join()
        self._close()

    def _lock(self) -> bool:
        connection = psycopg.connect(self._url, autocommit=True, options=_KEEPALIVES, application_name="run lease")
        row = connection.execute(f"select pg_try_advisory_lock({_LOCK})", [self._run_id]).fetchone()
        if row is None or not row[0]:
            connection.close()
            return False
        self._connection = connection
        return True

    def _keep(self) -> None:
        """Take it again where Postgres was restarted under the run, which may have survived that."""
        while not self._ended.wait(_LOOK_SECONDS):
            try:
                if self._connection is None:
                    self._lock()
                else:
                    self._connection.execute("select 1")
            except psycopg.Error:
                self._close()

    def _close(self) -> None:
        if self._connection is not None:
            self._connection.close()
            self._connection = None


_leases: dict[str, _Lease] = {}  # of this process, by run
_of_process = Lock()


def take_lease(url: str, run_id: str) -> bool:
    """Take the lease of a run for this process, which may have it already; False where another one has it.

    Args:
        url: of Dagster's database, as psycopg reads it.
    """
    with _of_process:
        if run_id in _leases:
            return True
        lease = _Lease(url, run_id)
        if not lease.take():
            return False
        _leases[run_id] = lease
        return True


def end_lease(run_id: str) -> None:
    """Give the lease of a run back; nothing where this process has none."""
    with _of_process:
        lease = _leases.pop(run_id, None)
    if lease is not None:
        lease.end()


def is_leased(url: str, run_id: str) -> bool:
    """Return whether a process that is alive has the lease of a run."""
    with psycopg.connect(url) as connection:
        row = connection.execute(_IS_TAKEN, [run_id]).fetchone()
    return bool(row and row[0])
