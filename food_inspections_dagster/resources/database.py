"""Postgres: whole ranges of weeks in and out, and the audit of every load.

A range is replaced in one transaction: a lock on the table, the table itself where it is new, the old rows
out, the new ones in, and one row per week in ``metadata.partition_loads``. Either all of it is there or none.
"""

import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from datetime import date
from pathlib import Path
from typing import Any, NamedTuple

import adbc_driver_postgresql.dbapi as adbc
import orjson
import pandas as pd
import psycopg
import pyarrow as pa
from dagster import ConfigurableResource, ResourceDependency
from psycopg import sql
from pydantic import PrivateAttr, SecretStr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.frames import (
    STORED_TYPES,
    column_digests,
    content_digest,
    sorted_by,
    storable,
    week_bounds,
)
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres, ensure_database
from food_inspections_dagster.settings import EMBEDDED, DatabaseUrl, Settings

# Rows of one Arrow batch on their way in: at 130 columns about 10 MB, so that the peak is the frame and
# little more.
_BATCH_ROWS = 16_384
COLUMN_TYPES: dict[pa.DataType, str] = dict(
    zip(
        STORED_TYPES,
        (
            *("text", "date", "smallint", "integer", "bigint", "boolean", "real", "double precision"),
            *("timestamp without time zone", "timestamp with time zone"),
        ),
        strict=True,
    )
)
_METADATA = """
CREATE SCHEMA IF NOT EXISTS metadata;
CREATE TABLE IF NOT EXISTS metadata.portal (
    name text NOT NULL,
    one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
COMMENT ON TABLE metadata.portal IS 'The one portal whose data this database holds';
CREATE TABLE IF NOT EXISTS metadata.partition_loads (
    load_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset text NOT NULL,
    week date NOT NULL,
    rows bigint NOT NULL,
    content_hash text NOT NULL,
    run_id text NOT NULL,
    code_version text,
    loaded_at timestamptz NOT NULL DEFAULT now()
);
ALTER TABLE metadata.partition_loads
    ADD COLUMN IF NOT EXISTS column_hashes text,
    ADD COLUMN IF NOT EXISTS settings_digest text,
    ADD COLUMN IF NOT EXISTS input_hash text;
DROP INDEX IF EXISTS metadata.partition_loads_asset_week_idx;
CREATE INDEX IF NOT EXISTS partition_loads_newest ON metadata.partition_loads (asset, week, load_id DESC);
COMMENT ON TABLE metadata.partition_loads IS
    'One row per load of one week of one asset; the newest describes what is stored';
COMMENT ON COLUMN metadata.partition_loads.content_hash IS 'SHA-256 of the rows or the document, in any order of load';
COMMENT ON COLUMN metadata.partition_loads.column_hashes IS 'JSON: column to the digest of its values';
COMMENT ON COLUMN metadata.partition_loads.settings_digest IS 'Digest of the settings that the asset reads';
COMMENT ON COLUMN metadata.partition_loads.input_hash IS 'Digest of what was read: weeks and columns upstream';
CREATE TABLE IF NOT EXISTS metadata.open_loads (
    open_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset text NOT NULL,
    weeks date[] NOT NULL,
    run_id text NOT NULL,
    begun_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE metadata.open_loads IS 'Loads of objects that have begun and not ended: their weeks count as not made';
CREATE TABLE IF NOT EXISTS metadata.check_results (
    result_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    asset text NOT NULL,
    check_name text NOT NULL,
    blocking boolean NOT NULL,
    first_week date NOT NULL,
    last_week date NOT NULL,
    failing date[] NOT NULL,
    description text NOT NULL,
    after_load bigint NOT NULL,
    run_id text NOT NULL,
    checked_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX IF NOT EXISTS check_results_newest ON metadata.check_results (asset, check_name, result_id);
COMMENT ON TABLE metadata.check_results IS 'Every result of every check: weeks judged, weeks failed';
COMMENT ON COLUMN metadata.check_results.after_load IS 'Newest load of the asset when a check of the store began';
CREATE INDEX IF NOT EXISTS partition_loads_run ON metadata.partition_loads (run_id);
CREATE TABLE IF NOT EXISTS metadata.runs (
    run_id text PRIMARY KEY,
    job text NOT NULL,
    state text NOT NULL CHECK (state IN ('started', 'succeeded', 'failed', 'canceled')),
    begun_at timestamptz,
    ended_at timestamptz,
    failed_step text
);
COMMENT ON TABLE metadata.runs IS 'Every run of Dagster and how it ended; started: it goes on, or was killed';
COMMENT ON COLUMN metadata.runs.failed_step IS 'The first step that failed';
"""


class WeekLoad(NamedTuple):
    """What was stored for one week; the hashes are the same for the same rows in any order."""

    week: date
    rows: int
    content_hash: str
    column_hashes: Mapping[str, str]


class Shape(NamedTuple):
    """A stored table: its columns with their types, and its primary key."""

    schema: str
    name: str
    columns: dict[str, str]  # name to Postgres type; empty when there is no table
    primary_key: tuple[str, ...]

    @property
    def identifier(self) -> sql.Identifier:
        return sql.Identifier(self.schema, self.name)

    def __str__(self) -> str:
        return f"{self.schema}.{self.name}"


class Database(ConfigurableResource):
    """The application's database.

    Attributes:
        url: ``embedded``, or ``postgresql://user:password@host:port/...``. Never shown.
        database: name of the database on that server; created when absent.
        embedded_directory: data directory of the embedded server.
        portal: slug of the portal whose data this is; data of another is refused.
    """

    url: ResourceDependency[SecretStr]
    database: str
    embedded_directory: str = ""
    portal: str
    _open_url: SecretStr | None = PrivateAttr(None)
    _opening: Any = PrivateAttr(default_factory=threading.Lock)

    @classmethod
    def from_settings(cls, settings: Settings) -> "Database":
        """Return the database that the settings name."""
        return cls(
            url=settings.database.url,
            database=settings.database_name,
            embedded_directory=str(settings.embedded_directory),
            portal=settings.data_name,
        )

    @property
    def place(self) -> str:
        """Where the data lies, for people: without user or password."""
        if self._is_embedded:
            return f"the embedded Postgres, database {self.database}"
        return f"Postgres at {self._server.place}, database {self.database}"

    @property
    def _is_embedded(self) -> bool:
        return self.url.get_secret_value() == EMBEDDED

    @property
    def _server(self) -> DatabaseUrl:
        return DatabaseUrl.parse(self.url.get_secret_value())

    def stop(self) -> bool:
        """Stop the embedded server; return whether one was stopped. A server by URL is left alone."""
        self._open_url = None
        return self._is_embedded and EmbeddedPostgres(Path(self.embedded_directory)).stop()

    def connect(self) -> psycopg.Connection:
        """Open a connection; use it as a context manager, which commits or rolls back and closes.

        Raises:
            FoodInspectionsError: when the server cannot be used, or holds another portal's data.
        """
        with self._sentences():
            return psycopg.connect(self._connection_url())

    @contextmanager
    def session(self, *, as_it_is: bool = False) -> Iterator[psycopg.Connection]:
        """Yield a connection, which commits where the block ends without an error.

        Args:
            as_it_is: whether nothing is made, the database neither, nor the tables of ``metadata``.

        Raises:
            FoodInspectionsError: for whatever the server refuses in the block.
        """
        with self._sentences():
            url = self.address().get_secret_value() if as_it_is else self._connection_url()
            with psycopg.connect(url) as connection:
                yield connection

    def refusals(self) -> AbstractContextManager[None]:
        """Return what turns the server's errors in a block into sentences, for connections to databases beside it."""
        return self._sentences()

    def exists(self) -> bool:
        """Tell whether the database is there; nothing is made."""
        with self._sentences():
            return self._is_there(self.address().get_secret_value())

    def address(self) -> SecretStr:
        """Return the URL of the database, which may not be there yet; an embedded server is started."""
        if not self._is_embedded:
            return SecretStr(self._server.with_database(self.database))
        server = EmbeddedPostgres(Path(self.embedded_directory))
        server.start()
        return SecretStr(server.url(self.database))

    def execute(self, statement: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> int:
        """Run one statement in a transaction of its own; return the number of rows it touched."""
        with self._sentences(), self.connect() as connection:
            return connection.execute(statement.encode(), params).rowcount

    def query(self, statement: str, params: Mapping[str, Any] | Sequence[Any] | None = None) -> pd.DataFrame:
        """Return the rows of a SELECT, every column Arrow-backed.

        Args:
            statement: SQL with ``%s`` or ``%(name)s`` where values go, as psycopg has it.
            params: the values.
        """
        # Values are quoted here and not bound: ADBC reads a bound query without COPY, at half the speed.
        if isinstance(params, Mapping):
            statement %= {name: sql.Literal(value).as_string() for name, value in params.items()}
        elif params is not None:
            statement %= tuple(sql.Literal(value).as_string() for value in params)
        with self._sentences(), adbc.connect(self._connection_url()) as connection:
            return _to_frame(_fetch(connection, statement))

    def has_table(self, table: str) -> bool:
        """Tell whether ``schema.name`` exists."""
        return self.shape(table) is not None

    def shape(self, table: str) -> Shape | None:
        """Return how ``schema.name`` is stored, None where there is no such table."""
        with self._sentences(), adbc.connect(self._connection_url()) as connection:
            stored = _describe(connection, table)
        return stored if stored.columns else None

    def forget(self, table: str, asset: str) -> None:
        """Drop a table and the record of an asset's loads, so that all its weeks count as never made."""
        with self.transaction(table) as transaction:
            transaction.lock(table)
            transaction.run("DROP TABLE IF EXISTS {table}", table=sql.Identifier(*table.split(".")))
            transaction.run("DELETE FROM metadata.partition_loads WHERE asset = {asset}", asset=asset)

    def read_range(
        self, table: str, first: date, last: date, columns: Sequence[str] | None = None
    ) -> pd.DataFrame | None:
        """Return the rows of the weeks from ``first`` to ``last``, sorted by week and primary key.

        Args:
            table: ``schema.name``.
            columns: the columns to return, in this order; all of them by default.

        Returns:
            The rows, or None where there is no such table yet.
        """
        with self._sentences(), adbc.connect(self._connection_url()) as connection:
            stored = _describe(connection, table)
            if not stored.columns:
                return None
            unknown = [c for c in columns or () if c not in stored.columns]
            if unknown:
                raise FoodInspectionsError(
                    f"The table {table} has no column {unknown[0]}: materialize it with the present code."
                )
            wanted = list(columns or stored.columns)
            order = ["week", *(c for c in stored.primary_key if c != "week")]
            statement = sql.SQL("SELECT {} FROM {} WHERE week BETWEEN {} AND {}").format(
                sql.SQL(", ").join(map(sql.Identifier, dict.fromkeys([*wanted, *order]))),
                stored.identifier,
                sql.Literal(first),
                sql.Literal(last),
            )
            # Sorted here: after one load the rows lie in order, and Postgres would spill to sort them.
            rows = sorted_by(_fetch(connection, statement.as_string()), order)
            return _to_frame(rows.select(wanted))

    def stored_range(self, table: str, first: date, last: date, columns: Sequence[str] | None = None) -> pd.DataFrame:
        """Return what :meth:`read_range` does.

        Raises:
            FoodInspectionsError: where there is no such table yet.
        """
        rows = self.read_range(table, first, last, columns)
        if rows is None:
            raise FoodInspectionsError(f"There is no table {table} in {self.place} yet: materialize its asset first.")
        return rows

    def replace_range(
        self,
        table: str,
        frame: pd.DataFrame,
        weeks: Sequence[date],
        *,
        asset: str,
        run_id: str,
        code_version: str | None,
        primary_key: Sequence[str],
        descriptions: Mapping[str, str] | None = None,
        settings_digest: str | None = None,
        input_hashes: Mapping[date, str] | None = None,
        close: int | None = None,
    ) -> list[WeekLoad]:
        """Replace the rows of ``weeks`` by those of ``frame``, in one transaction with its audit.

        The first load creates the table from the frame's Arrow types; a new column is added to it.

        Args:
            table: ``schema.name``.
            frame: rows with a column ``week`` (date32); weeks without a row become empty.
            weeks: the Mondays to replace.
            asset, run_id, code_version, settings_digest, input_hashes: written to ``metadata.partition_loads``.
            primary_key: unique over the whole table.
            descriptions: of columns, kept as the table's comments.
            close: the open load that ends with this transaction.

        Returns:
            One entry per week, in their order.

        Raises:
            FoodInspectionsError: rows of other weeks, a repeated key, a column whose type has changed, or a
                database that cannot be written. Nothing is stored then.
        """
        rows = storable(table, frame, primary_key)
        bounds = week_bounds(table, rows, weeks)
        loads = week_loads(rows, bounds)
        audit = audit_rows(asset, loads, run_id, code_version, settings_digest, input_hashes or {})
        self.replace_rows(table, rows, weeks, audit, primary_key, descriptions, close)
        return loads

    def replace_rows(
        self,
        table: str,
        rows: pa.Table,
        weeks: Sequence[date],
        audit: pa.Table,
        primary_key: Sequence[str],
        descriptions: Mapping[str, str] | None = None,
        close: int | None = None,
    ) -> None:
        """Do what :meth:`replace_range` does, with rows that are ready: ``frames.storable``, of these weeks only.

        Args:
            audit: the rows of ``metadata.partition_loads``, see :func:`audit_rows`.
        """
        with self.transaction(table) as transaction:
            transaction.replace(table, rows, weeks, primary_key, descriptions or {})
            transaction.record(audit, close)

    def append(self, table: str, rows: pa.Table, close: int | None = None) -> None:
        """Add Arrow rows to a table that exists, in one transaction; end an open load with it."""
        with self.transaction(table) as transaction:
            transaction.append(table, rows)
            transaction.close(close)

    @contextmanager
    def transaction(self, table: str = "") -> Iterator["Transaction"]:
        """Yield what writes in one transaction, which commits where the block ends without an error.

        Args:
            table: for the sentence of an error.
        """
        with self._sentences(table), adbc.connect(self._connection_url()) as connection:
            yield Transaction(connection)
            connection.commit()

    def _connection_url(self) -> str:
        with self._opening:
            if self._open_url is None:
                self._open_url = SecretStr(self._open())
            return self._open_url.get_secret_value()

    def make(self) -> SecretStr:
        """Make the database where it is absent, without any table; return its URL."""
        with self._sentences():
            url = self.address()
            # Not by trying to connect where it can be asked for: what psycopg raises keeps its callers' frames alive.
            if self._is_embedded or not self._is_there(url.get_secret_value()):
                ensure_database(DatabaseUrl.parse(url.get_secret_value()).with_database("postgres"), self.database)
        return url

    def _open(self) -> str:
        url = self.make().get_secret_value()
        self._claim(url)
        return url

    def _is_there(self, url: str) -> bool:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            if f'database "{self.database}" does not exist' not in str(error):
                raise
            return False
        return True

    def _claim(self, url: str) -> None:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('metadata', 0))")
            # runs is the newest of these tables: a database without it is new, or of an earlier version.
            if connection.execute("SELECT to_regclass('metadata.runs') IS NULL").fetchone() == (True,):
                connection.execute(_METADATA)
                connection.execute(
                    "INSERT INTO metadata.portal (name) VALUES (%s) ON CONFLICT DO NOTHING", [self.portal]
                )
            stored = connection.execute("SELECT name FROM metadata.portal").fetchone()
        if stored != (self.portal,):
            raise FoodInspectionsError(
                f"The database {self.database} holds the data of the portal {stored and stored[0]}, not of "
                f"{self.portal}: name another database for it."
            )

    @contextmanager
    def _sentences(self, table: str = "") -> Iterator[None]:
        try:
            yield
        except (psycopg.Error, adbc.Error) as error:
            raise FoodInspectionsError(self._sentence(error, table)) from None

    def _sentence(self, error: Exception, table: str) -> str:
        state = getattr(error, "sqlstate", None) or ""
        # The server's own words hold no password; lines after the first repeat the statement.
        words = str(error).strip().splitlines()
        detail = next((x.partition("DETAIL:")[2].strip() for x in words if "DETAIL:" in x), "")
        first = words[0].strip() if words else type(error).__name__
        message = first.partition("ERROR:")[2].strip() or first
        where = f"{table} in {self.place}" if table else self.place
        if state == "23505":
            return (
                f"Two rows of {where} have the same key ({detail.rstrip('.') or message}): where one of them "
                "is stored in a week outside this run, run that week too."
            )
        if state in ("53100", "58030") or "No space left on device" in str(error):
            return f"The disk is full, so nothing was written to {where}: free some space and run again."
        if state in ("28P01", "28000") or "authentication failed" in str(error):
            return f"{self.place} refuses the user or the password: check chicago_database or database.url."
        if state == "42501":
            return f"The user may not do this in {where} ({message}): grant the right, or use another user."
        if isinstance(error, psycopg.OperationalError) and not state:
            return f"{self.place} cannot be reached ({message}): start the server, or check database.url."
        return f"{where} answered: {message.rstrip('.')}."


class Transaction:
    """Writes in one transaction; see :meth:`Database.transaction`."""

    def __init__(self, connection: adbc.Connection) -> None:
        self._connection = connection

    def run(self, statement: str, **values: Any) -> None:
        """Run a statement, in which ``{name}`` stands for a value, quoted here, or for an ``sql.Composable``."""
        _run(self._connection, _composed(statement, values))

    def fetch(self, statement: str, **values: Any) -> list[dict[str, Any]]:
        """Return the rows of a SELECT; values are given as :meth:`run` takes them."""
        return _fetch(self._connection, _composed(statement, values).as_string()).to_pylist()

    def lock(self, name: str) -> None:
        """Wait for whoever holds the lock of that name, and hold it until the transaction ends."""
        self.run("SELECT pg_advisory_xact_lock(hashtextextended({name}, 0))", name=name)

    def replace(
        self,
        table: str,
        rows: pa.Table,
        weeks: Sequence[date],
        primary_key: Sequence[str],
        descriptions: Mapping[str, str],
    ) -> None:
        """Replace the rows of ``weeks``; create the table, or add columns to it, where that is needed."""
        # One writer of a table at a time: two of the same week would both delete the old rows and both
        # add theirs.
        self.lock(table)
        stored = _describe(self._connection, table)
        _match_columns(self._connection, stored, rows.schema, descriptions)
        if stored.columns and stored.primary_key != tuple(primary_key):
            keys = [", ".join(key) or "none" for key in (stored.primary_key, primary_key)]
            words = f"The key of {table} is stored as {keys[0]} and would now be {keys[1]}"
            raise FoodInspectionsError(f"{words}: {remade_by(table)} begins it anew.")
        if stored.columns:
            self.run("DELETE FROM {table} WHERE week = ANY({weeks})", table=stored.identifier, weeks=list(weeks))
        _ingest(self._connection, stored.schema, stored.name, rows)
        if not stored.columns:  # after the rows: building an index once is faster than growing it
            if primary_key:
                key = sql.SQL(", ").join(map(sql.Identifier, primary_key))
                self.run("ALTER TABLE {table} ADD PRIMARY KEY ({key})", table=stored.identifier, key=key)
            self.run("CREATE INDEX ON {table} (week)", table=stored.identifier)

    def append(self, table: str, rows: pa.Table) -> None:
        """Add rows to a table that exists."""
        schema, _, name = table.partition(".")
        _ingest(self._connection, schema, name, rows)

    def record(self, audit: pa.Table, close: int | None = None) -> None:
        """Add the audit rows of a load, and end the open load of that number."""
        self.append("metadata.partition_loads", audit)
        self.close(close)

    def close(self, number: int | None) -> None:
        """End the open load of that number, where there is one."""
        if number is not None:
            self.run("DELETE FROM metadata.open_loads WHERE open_id = {number}", number=number)


def remade_by(table: object) -> str:
    """Return what drops a table, so that the next run makes all its weeks, in the words of an error."""
    return f"`food-inspections database remake {table}`, then `make run`,"


def _composed(statement: str, values: Mapping[str, Any]) -> sql.Composed:
    quoted = {
        name: value if isinstance(value, sql.Composable) else sql.Literal(value) for name, value in values.items()
    }
    return sql.SQL(statement).format(**quoted)  # type: ignore[arg-type]


def _run(connection: adbc.Connection, statement: sql.Composed) -> None:
    with connection.cursor() as cursor:
        cursor.execute(statement.as_string())


def _fetch(connection: adbc.Connection, statement: str) -> pa.Table:
    with connection.cursor() as cursor:
        cursor.execute(statement)
        return cursor.fetch_arrow_table()


def _ingest(connection: adbc.Connection, schema: str, name: str, rows: pa.Table) -> None:
    if rows.num_rows:
        with connection.cursor() as cursor:
            cursor.adbc_ingest(name, rows.to_reader(_BATCH_ROWS), mode="append", db_schema_name=schema)


def _to_frame(table: pa.Table) -> pd.DataFrame:
    columns = []
    for column, field in zip(table.columns, table.schema, strict=True):
        if isinstance(field.type, pa.BaseExtensionType):  # numeric, as sum() of bigint gives it, and json
            is_number = getattr(field.type, "type_name", "") == "numeric"
            storage = pa.chunked_array([c.storage for c in column.chunks], field.type.storage_type)
            column = storage.cast(pa.float64()) if is_number else storage
        columns.append(column)
    return pa.table(columns, names=table.column_names).to_pandas(types_mapper=pd.ArrowDtype)


def _describe(connection: adbc.Connection, table: str) -> Shape:
    schema, _, name = table.partition(".")
    if not name:
        raise FoodInspectionsError(f"'{table}' names no table: write schema.name.")
    statement = sql.SQL(
        "SELECT a.attname AS name, format_type(a.atttypid, NULL) AS type,"
        " array_position(i.indkey::int2[], a.attnum)::int AS position"
        " FROM pg_attribute a LEFT JOIN pg_index i ON i.indrelid = a.attrelid AND i.indisprimary"
        " WHERE a.attrelid = to_regclass({}) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum"
    ).format(sql.Literal(sql.Identifier(schema, name).as_string()))
    rows = _fetch(connection, statement.as_string()).to_pylist()
    key = sorted((row["position"], row["name"]) for row in rows if row["position"] is not None)
    return Shape(schema, name, {row["name"]: row["type"] for row in rows}, tuple(name for _, name in key))


def _match_columns(
    connection: adbc.Connection, stored: Shape, wanted: pa.Schema, descriptions: Mapping[str, str]
) -> None:
    types = {field.name: COLUMN_TYPES[field.type] for field in wanted}
    for name, kind in types.items():
        if stored.columns.get(name, kind) != kind:
            raise FoodInspectionsError(
                f"The column {name} of {stored} is stored as {stored.columns[name]} and would now be {kind}: "
                f"{remade_by(stored)} begins it anew."
            )
    new = [name for name in types if name not in stored.columns]
    definitions = {name: sql.SQL("{} " + types[name]).format(sql.Identifier(name)) for name in new}
    if not stored.columns:
        _run(connection, sql.SQL("SELECT pg_advisory_xact_lock(hashtextextended({}, 0))").format(stored.schema))
        _run(connection, sql.SQL("CREATE SCHEMA IF NOT EXISTS {}").format(sql.Identifier(stored.schema)))
        _run(
            connection,
            sql.SQL("CREATE TABLE {} ({})").format(stored.identifier, sql.SQL(", ").join(definitions.values())),
        )
    else:
        for definition in definitions.values():
            _run(connection, sql.SQL("ALTER TABLE {} ADD COLUMN {}").format(stored.identifier, definition))
    for name in new:
        if name in descriptions:
            _run(
                connection,
                sql.SQL("COMMENT ON COLUMN {} IS {}").format(
                    sql.Identifier(stored.schema, stored.name, name), descriptions[name]
                ),
            )


def week_loads(rows: pa.Table, bounds: Mapping[date, tuple[int, int]]) -> list[WeekLoad]:
    """Return rows and hashes of each week of sorted rows."""
    digests = column_digests(rows, list(bounds.values()))
    return [
        WeekLoad(week, stop - start, content_digest(columns), columns)
        for (week, (start, stop)), columns in zip(bounds.items(), digests, strict=True)
    ]


def audit_rows(
    asset: str,
    loads: Sequence[WeekLoad],
    run_id: str,
    code_version: str | None,
    settings_digest: str | None,
    input_hashes: Mapping[date, str],
) -> pa.Table:
    """Return the rows of ``metadata.partition_loads`` that tell of some loads."""
    text = pa.string()
    return pa.table(
        {
            "asset": pa.array([asset] * len(loads), text),
            "week": pa.array([load.week for load in loads], pa.date32()),
            "rows": pa.array([load.rows for load in loads], pa.int64()),
            "content_hash": pa.array([load.content_hash for load in loads], text),
            "column_hashes": pa.array([orjson.dumps(load.column_hashes).decode() for load in loads], text),
            "run_id": pa.array([run_id] * len(loads), text),
            "code_version": pa.array([code_version] * len(loads), text),
            "settings_digest": pa.array([settings_digest] * len(loads), text),
            "input_hash": pa.array([input_hashes.get(load.week) for load in loads], text),
        }
    )
