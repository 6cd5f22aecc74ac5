"""What was loaded, from what, and what the checks said: the tables of ``metadata``.

A load of objects cannot be one transaction. So it is opened here before the first object is written and closed
with its audit rows after the last; weeks of a load that never ended count as not made.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import date
from typing import NamedTuple
from weakref import WeakKeyDictionary

import orjson
import psycopg
import pyarrow as pa

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.weeks import week_range


class Load(NamedTuple):
    """The newest load of one week of one asset."""

    load_id: int
    rows: int
    content_hash: str
    column_hashes: Mapping[str, str]
    run_id: str
    code_version: str | None
    settings_digest: str | None
    input_hash: str | None


class CheckResult(NamedTuple):
    """What a check said of the weeks from ``first`` to ``last``."""

    asset: str
    check: str
    blocking: bool
    first: date
    last: date
    failing: tuple[date, ...]
    description: str


class Judgement(NamedTuple):
    """The newest word of a blocking check on one week."""

    failed: bool
    after_load: int


class Snapshot(NamedTuple):
    """What the ledger held at one moment.

    Attributes:
        loads: by asset and week; weeks whose load is open are left out.
        judgements: by asset, check and week, of blocking checks.
    """

    loads: Mapping[str, Mapping[date, Load]]
    judgements: Mapping[str, Mapping[str, Mapping[date, Judgement]]]


_LOADS = """
    select distinct on (asset, week) load_id, asset, week, rows, content_hash, column_hashes, run_id, code_version,
        settings_digest, input_hash
    from metadata.partition_loads where %(assets)s::text[] is null or asset = any(%(assets)s)
    order by asset, week, load_id desc
"""
_OPEN = "select asset, unnest(weeks) as week from metadata.open_loads"
_SINCE = "select asset, week, content_hash from metadata.partition_loads where asset = any(%s) and load_id > %s"
_TOUCHED = """
    select asset, week from metadata.partition_loads where load_id > %s
    union select asset, unnest(weeks) from metadata.open_loads
"""
_LOCK = "hashtextextended('objects of ' || %s, 0)"  # held by who writes an asset
_OPENED = "INSERT INTO metadata.open_loads (asset, weeks, run_id) VALUES (%s, %s, %s) RETURNING open_id"
_CLOSE = """
    update metadata.open_loads
    set weeks = array(select unnest(weeks) except select unnest(%s::date[]) order by 1) where asset = %s
"""
_CHECKS = """
    select asset, check_name, first_week, last_week, failing, after_load
    from metadata.check_results where blocking and (%(assets)s::text[] is null or asset = any(%(assets)s))
    order by result_id
"""

#: Where it has no row, nothing was ever stored.
LOADS_TABLE = "metadata.partition_loads"
_NEWEST = """
    select coalesce(max(load_id), 0) from metadata.partition_loads where %(asset)s::text is null or asset = %(asset)s
"""
_MARK = """
    select (select max(load_id) from metadata.partition_loads), (select max(open_id) from metadata.open_loads),
        (select max(result_id) from metadata.check_results)
"""


class Ledger:
    """The record of loads and checks, in the application's database."""

    def __init__(self, database: Database) -> None:
        self.database = database
        # By attempt at a step, and gone with it: a snapshot of a long history has tens of megabytes.
        self._snapshots: WeakKeyDictionary[object, Snapshot] = WeakKeyDictionary()
        self._sources: WeakKeyDictionary[object, Mapping[date, str]] = WeakKeyDictionary()

    def snapshot(self, assets: Sequence[str] | None = None) -> Snapshot:
        """Return the newest load of each week of each asset, and the newest word of each blocking check on it.

        Args:
            assets: the only ones to look at: a long history of them all takes a second.
        """
        only = {"assets": None if assets is None else list(assets)}
        with self.database.connect() as connection:
            # All three of one moment: a load that ends between two of them would be neither new nor open.
            connection.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
            rows = connection.execute(_LOADS, only).fetchall()
            opened = set(connection.execute(_OPEN).fetchall())
            results = connection.execute(_CHECKS, only).fetchall()
        loads: dict[str, dict[date, Load]] = {}
        for load_id, asset, week, count, content, columns, *rest in rows:
            if (asset, week) not in opened:
                parsed = orjson.loads(columns) if columns else {}
                loads.setdefault(asset, {})[week] = Load(load_id, count, content, parsed, *rest)
        judgements: dict[str, dict[str, dict[date, Judgement]]] = {}
        for asset, check, first, last, failing, after_load in results:
            failed = set(failing)
            of_check = judgements.setdefault(asset, {}).setdefault(check, {})
            # A check may name weeks outside of those that it looked at: the other week of a repeated id.
            for week in failed.union(week_range(first, last)):
                of_check[week] = Judgement(week in failed, after_load)
        return Snapshot(loads, judgements)

    def of_step(self, step: object, inputs: Sequence[str] = ()) -> Snapshot:
        """Return what the ledger held of a step's inputs when it began to read.

        Taken before the first input is read: what changes afterwards shows as a changed input, never the reverse.

        Args:
            step: the attempt at a step, by identity.
            inputs: the assets that it reads. Where another run is writing one of them, its end is waited for: the
                weeks that it writes would seem never made.
        """
        if step not in self._snapshots:
            with self.database.connect() as connection:
                for asset in sorted(inputs):
                    connection.execute(f"SELECT pg_advisory_xact_lock_shared({_LOCK})", [asset])
                self._snapshots[step] = self.snapshot(inputs)
        return self._snapshots[step]

    def changed_since(self, before: Snapshot, assets: Sequence[str]) -> dict[str, set[date]]:
        """Return the weeks of some assets that were loaded with other content since, or are being loaded."""
        newest = max((load.load_id for weeks in before.loads.values() for load in weeks.values()), default=0)
        with self.database.connect() as connection:
            loaded = connection.execute(_SINCE, [list(assets), newest]).fetchall()
            opened = connection.execute(_OPEN).fetchall()
        changed: dict[str, set[date]] = {asset: set() for asset in assets}
        for asset, week, content in loaded:
            load = before.loads.get(asset, {}).get(week)
            if load is None or load.content_hash != content:
                changed[asset].add(week)
        for asset, week in opened:
            if asset in changed and week in before.loads.get(asset, {}):
                changed[asset].add(week)
        return changed

    def touched_since(self, load_id: int) -> dict[str, set[date]]:
        """Return the weeks that were loaded after the load of that number, or whose load is open, by asset."""
        with self.database.connect() as connection:
            rows = connection.execute(_TOUCHED, [load_id]).fetchall()
        touched: dict[str, set[date]] = {}
        for asset, week in rows:
            touched.setdefault(asset, set()).add(week)
        return touched

    def reopen(self, weeks: Mapping[str, Sequence[date]], run_id: str) -> None:
        """Let weeks count as not made, by asset, as if a load of theirs had begun and never ended."""
        with self.database.connect() as connection, connection.cursor() as cursor:
            cursor.executemany(_OPENED, [(asset, list(of_asset), run_id) for asset, of_asset in weeks.items()])

    def note_source(self, step: object, states: Mapping[date, str]) -> None:
        """Keep what a source outside held when a step read it."""
        self._sources[step] = states

    def source_states(self, step: object) -> Mapping[date, str]:
        """Return what :meth:`note_source` kept."""
        return self._sources.get(step, {})

    @contextmanager
    def planning(self) -> Iterator[None]:
        """Let nobody else plan within the block; the lock ends with the connection, whatever happens."""
        with self.database.connect() as connection:
            connection.autocommit = True
            connection.execute("SELECT pg_advisory_lock(hashtextextended('planning', 0))")
            yield

    @contextmanager
    def opened(self, asset: str, weeks: Sequence[date], run_id: str) -> Iterator[int]:
        """Open a load of weeks, one at a time per asset; yield its number, with which it is to be closed.

        Where the block fails the load stays open: some of its objects may be there.
        """
        with self.database.connect() as connection:
            connection.autocommit = True
            # A second writer of the asset waits here; the lock ends with this connection, whatever happens.
            connection.execute(f"SELECT pg_advisory_lock({_LOCK})", [asset])
            row = connection.execute(_OPENED, [asset, list(weeks), run_id]).fetchone()
            yield row[0] if row else 0
            # What broken loads left open of these weeks is whole now; their other weeks stay open.
            connection.execute(_CLOSE, [list(weeks), asset])
            connection.execute("DELETE FROM metadata.open_loads WHERE asset = %s AND weeks = '{}'", [asset])

    def record(self, audit: pa.Table, close: int) -> None:
        """Write the audit rows of a load of objects and close it."""
        self.database.append("metadata.partition_loads", audit, close)

    def newest_load(self, asset: str | None = None) -> int:
        """Return the number of the newest load of an asset, or of all; 0 before the first."""
        with self.database.connect() as connection:
            row = connection.execute(_NEWEST, {"asset": asset}).fetchone()
        return row[0] if row else 0

    def mark(self) -> str:
        """Return a text that changes with every load, every load that is left open, and every result of a check."""
        with self.database.connect() as connection:
            row = connection.execute(_MARK).fetchone()
        return "/".join(map(str, row or ()))

    def record_checks(self, results: Sequence[CheckResult], run_id: str, after_load: int = 0) -> None:
        """Add results of checks; those of the store with the newest load of their asset when they began."""
        values = [
            (r.asset, r.check, r.blocking, r.first, r.last, list(r.failing), r.description, after_load, run_id)
            for r in results
        ]
        with self.database.connect() as connection, connection.cursor() as cursor:
            cursor.executemany(
                "INSERT INTO metadata.check_results (asset, check_name, blocking, first_week, last_week, failing,"
                " description, after_load, run_id) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)",
                values,
            )
