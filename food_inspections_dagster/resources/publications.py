"""What readers see: the tables of the schema `api`, published in one transaction, and the pointer to a week.

A publication replaces the parts of its weeks, copies what has changed of the history, and moves the pointer: readers
see the old week or the new one. Earlier weeks stay, and the pointer can go back to them.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import psycopg
import pyarrow as pa
from psycopg import sql

from food_inspections_dagster import schemas
from food_inspections_dagster.catalog import PUBLISHED_LIST, READER, Publication, Table
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.database import COLUMN_TYPES, Database, Transaction, WeekLoad
from food_inspections_dagster.resources.roles import reader_grants

_PIPELINE = "the pipeline"

_CONTROL = """
CREATE SCHEMA IF NOT EXISTS {api};
CREATE SCHEMA IF NOT EXISTS monitoring;
CREATE TABLE IF NOT EXISTS {api}.publications (
    publication_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    week date NOT NULL,
    rows bigint NOT NULL,
    content_hash text NOT NULL,
    code_version text,
    run_id text NOT NULL,
    published_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON TABLE {api}.publications IS 'Every publication of a week; the newest of a week describes what is there';
CREATE INDEX IF NOT EXISTS publications_newest ON {api}.publications (week, publication_id DESC);
CREATE TABLE IF NOT EXISTS {api}.pointer (
    week date NOT NULL,
    publication_id bigint NOT NULL REFERENCES {api}.publications,
    one boolean PRIMARY KEY DEFAULT true CHECK (one)
);
COMMENT ON TABLE {api}.pointer IS 'The week that readers see unless they name another';
CREATE TABLE IF NOT EXISTS {api}.pointer_moves (
    move_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    moved_at timestamptz NOT NULL DEFAULT now(),
    moved_by text NOT NULL,
    kind text NOT NULL CHECK (kind IN ('publish', 'select', 'rollback')),
    why text NOT NULL,
    from_week date,
    to_week date NOT NULL,
    publication_id bigint REFERENCES {api}.publications
);
ALTER TABLE {api}.pointer_moves ALTER COLUMN publication_id DROP NOT NULL;
COMMENT ON COLUMN {api}.pointer_moves.publication_id IS 'Null once the list is no longer kept';
COMMENT ON TABLE {api}.pointer_moves IS 'Who moved the pointer, when and why';
CREATE TABLE IF NOT EXISTS {api}.copied_weeks (
    table_name text NOT NULL,
    week date NOT NULL,
    content_hash text NOT NULL,
    PRIMARY KEY (table_name, week)
);
COMMENT ON TABLE {api}.copied_weeks IS 'Which load of a week each copied table holds';
"""
# How the pipeline does, for readers: what failed after the last publication above all, so views and no copies. Made
# once: to replace a view waits for everybody who reads it.
_VIEWS = {
    "runs": (
        """
        SELECT r.run_id, r.job, r.state, r.begun_at, r.ended_at, r.failed_step, l.assets, l.first_week, l.last_week,
            l.rows
        FROM metadata.runs r
        CROSS JOIN LATERAL (
            SELECT count(DISTINCT asset) AS assets, min(week) AS first_week, max(week) AS last_week,
                coalesce(sum(rows), 0)::bigint AS rows
            FROM metadata.partition_loads WHERE run_id = r.run_id
        ) l
        """,
        "Every run, how it ended, and what it stored",
    ),
    "check_results": (
        """
        SELECT DISTINCT ON (asset, check_name) asset, check_name, blocking, first_week, last_week,
            cardinality(failing) AS weeks_failing, description, run_id, checked_at
        FROM metadata.check_results ORDER BY asset, check_name, result_id DESC
        """,
        "The newest result of every check",
    ),
}
_CHANGED = """
    SELECT l.week, l.content_hash FROM (
        SELECT DISTINCT ON (week) week, content_hash FROM metadata.partition_loads
        WHERE asset = {asset} AND week <= {last} ORDER BY week, load_id DESC
    ) l
    LEFT JOIN {api}.copied_weeks c ON c.table_name = {asset} AND c.week = l.week
    WHERE c.content_hash IS DISTINCT FROM l.content_hash
"""
_COLUMNS = """
    SELECT attname AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
    WHERE attrelid = to_regclass({table}) AND attnum > 0 AND NOT attisdropped ORDER BY attname
"""
# What readers see may be rolled back from, so the week before it stays too.
_SHOWN = """
    SELECT week FROM {api}.pointer
    UNION SELECT to_week FROM {api}.pointer_moves WHERE kind <> 'publish'
    UNION SELECT from_week FROM {api}.pointer_moves WHERE kind <> 'publish' AND from_week IS NOT NULL
    UNION SELECT from_week FROM {api}.pointer_moves
        WHERE to_week = (SELECT week FROM {api}.pointer) AND from_week IS NOT NULL
"""
_FORGET = (
    "UPDATE {api}.pointer_moves SET publication_id = NULL WHERE publication_id IN"
    " (SELECT publication_id FROM {api}.publications WHERE week = ANY({weeks}))",
    "DELETE FROM {api}.publications WHERE week = ANY({weeks})",
    "DELETE FROM {api}.copied_weeks WHERE week = ANY({weeks}) AND table_name = ANY({assets})",
    "DELETE FROM metadata.partition_loads WHERE week = ANY({weeks}) AND asset = ANY({assets})",
)
_NEWEST = "SELECT max(publication_id) AS publication_id FROM {api}.publications WHERE week = {week}"


@dataclass(frozen=True)
class Published:
    """The week that readers see, and the publication that it is of."""

    week: date
    publication_id: int


class Publications:
    """Publishes weeks, and moves the pointer between them."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def store(
        self,
        entry: Publication,
        parts: Mapping[str, pa.Table],
        loads: Sequence[WeekLoad],
        audit: pa.Table,
        opened: int,
    ) -> Published:
        """Publish weeks: their parts, what has changed of the history, the pointer and the audit, or nothing.

        Args:
            parts: by name, the rows of each of the entry's tables, ``frames.storable``, of these weeks only.
            loads: one entry per week.
            audit: see ``database.audit_rows``.
            opened: number of the open load, which ends with it; whoever opened it is the only publisher meanwhile.

        Returns:
            What readers see afterwards: the newest of these weeks, unless the pointer has been on a later one.
        """
        weeks = [load.week for load in loads]
        api = sql.Identifier(entry.database_schema)
        with self._database.connect() as connection:
            connection.execute(_sql(_CONTROL))
            for name, (statement, says) in _VIEWS.items():
                _make_view(connection, name, statement, says)
        with self._database.transaction(entry.database_schema) as writes:
            # What is copied is of one moment: inspections and violations fit together.
            writes.run("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ")
            for table in entry.tables:
                descriptions = {name: column.description or "" for name, column in table.schema.columns.items()}
                writes.replace(str(table), parts[table.asset], weeks, table.key, descriptions)
            for table in entry.copies:
                _copy(writes, entry, table, weeks[-1])
            for table_name, columns in entry.indexes:
                writes.run(
                    "CREATE INDEX IF NOT EXISTS {index} ON {table} ({columns})",
                    index=sql.Identifier(f"{table_name}_{'_'.join(columns)}"),
                    table=sql.Identifier(entry.database_schema, table_name),
                    columns=sql.SQL(", ").join(map(sql.Identifier, columns)),
                )
            code_version, run_id = (audit[name][0].as_py() for name in ("code_version", "run_id"))
            for load in loads:
                writes.run(
                    "INSERT INTO {api}.publications (week, rows, content_hash, code_version, run_id)"
                    " VALUES ({week}, {rows}, {content_hash}, {code_version}, {run_id})",
                    api=api,
                    code_version=code_version,
                    run_id=run_id,
                    **load._asdict(),
                )
            seen = _follow(writes, api, weeks[-1])
            writes.run(reader_grants(), role=READER)
            writes.record(audit, opened)
        return seen

    def published(self) -> Published | None:
        """Return what readers see; None before the first publication."""
        with self._database.connect() as connection:
            if not _exists(connection):
                return None
            row = connection.execute(_sql("SELECT week, publication_id FROM {api}.pointer")).fetchone()
        return Published(*row) if row else None

    def weeks(self) -> list[date]:
        """Return the weeks that were published, ascending."""
        with self._database.connect() as connection:
            if not _exists(connection):
                return []
            rows = connection.execute(_sql("SELECT DISTINCT week FROM {api}.publications ORDER BY week")).fetchall()
        return [week for (week,) in rows]

    def places(self, weeks: Sequence[date]) -> dict[date, tuple[int, int]]:
        """Return of those of some weeks that were published how many places were, and how many are there."""
        with self._database.connect() as connection:
            if not _exists(connection):
                return {}
            rows = connection.execute(
                _sql(
                    "SELECT p.week, p.rows, (SELECT count(*) FROM {api}.priorities l WHERE l.week = p.week) FROM"
                    " (SELECT DISTINCT ON (week) week, rows FROM {api}.publications WHERE week = ANY(%s)"
                    " ORDER BY week, publication_id DESC) p ORDER BY p.week"
                ),
                [list(weeks)],
            ).fetchall()
        return {week: (published, there) for week, published, there in rows}

    def select(self, week: date, who: str, why: str) -> Published:
        """Show readers another published week.

        Raises:
            FoodInspectionsError: for a week that was not published.
        """
        weeks = self.weeks()
        if week not in weeks:
            named = ", ".join(map(str, weeks[-5:])) or "none so far"
            raise FoodInspectionsError(
                f"The week {week} was not published, so readers cannot be shown it: use one of the published weeks "
                f"({named}), or make its list first by a backfill of scores and {PUBLISHED_LIST.asset}."
            )
        return self._move(week, "select", who, why)

    def rollback(self, who: str, why: str) -> Published:
        """Show readers the week that they saw before the present one.

        Raises:
            FoodInspectionsError: where there was none.
        """
        seen = self.published()
        with self._database.connect() as connection:
            row = (
                seen
                and connection.execute(
                    # The way that led to the present week, not one that was itself a step back.
                    _sql(
                        "SELECT from_week FROM {api}.pointer_moves WHERE to_week = %s AND from_week <> %s"
                        " AND kind <> 'rollback' ORDER BY move_id DESC LIMIT 1"
                    ),
                    [seen.week, seen.week],
                ).fetchone()
            )
        if not row:
            raise FoodInspectionsError("Readers saw no other week before, so there is nothing to roll back to.")
        if row[0] not in self.weeks():
            raise FoodInspectionsError(f"The list of week {row[0]}, which readers saw before, is no longer kept.")
        return self._move(row[0], "rollback", who, why)

    def shown_by_hand(self) -> set[date]:
        """Return the weeks that somebody has shown, or rolled back from; that which readers see; and the one before."""
        with self._database.connect() as connection:
            if not _exists(connection):
                return set()
            return {week for (week,) in connection.execute(_sql(_SHOWN)).fetchall()}

    def remove(self, entry: Publication, weeks: Sequence[date], lists: Sequence[Table]) -> None:
        """Remove lists with everything that was made for them, and the record of their loads, or nothing.

        Who moved the pointer to them and why stays; that they were published does not.

        Args:
            weeks: none that :meth:`shown_by_hand` names.
            lists: tables made for lists only, beside those of the entry.
        """
        with self._database.connect() as connection:
            if not _exists(connection):
                return
            connection.execute(_sql(_CONTROL))  # a database of an earlier version lets no move outlive its list
        api = sql.Identifier(entry.database_schema)
        copies = [entry.copy_of(table) for table in entry.copies if table in lists]
        addresses = [*map(str, entry.tables), *copies, *map(str, lists)]
        with self._database.transaction(entry.database_schema) as writes:
            for address in addresses:
                writes.lock(address)
                if writes.fetch("SELECT to_regclass({address}) IS NOT NULL AS there", address=address)[0]["there"]:
                    table = sql.Identifier(*address.split("."))
                    writes.run("DELETE FROM {table} WHERE week = ANY({weeks})", table=table, weeks=list(weeks))
            for statement in _FORGET:
                writes.run(
                    statement,
                    api=api,
                    weeks=list(weeks),
                    assets=[entry.asset, *(table.asset for table in lists)],
                )

    def _move(self, week: date, kind: str, who: str, why: str) -> Published:
        api = sql.Identifier(PUBLISHED_LIST.database_schema)
        with self._database.transaction(PUBLISHED_LIST.database_schema) as writes:
            return _point(writes, api, week, kind, who, why)


def _copy(writes: Transaction, entry: Publication, table: Table, last: date) -> None:
    """Copy the weeks up to ``last`` of a table whose content is not that of the copy."""
    copy, source = (sql.Identifier(*address.split(".")) for address in (entry.copy_of(table), str(table)))
    api = sql.Identifier(entry.database_schema)
    types = {name: COLUMN_TYPES[kind] for name, kind in schemas.arrow_types(table.schema).items()}
    there = {row["name"]: row["type"] for row in writes.fetch(_COLUMNS, table=entry.copy_of(table))}
    names = sql.SQL(", ").join(map(sql.Identifier, types))
    is_new = there != types  # or of another version: made from the beginning
    if is_new:
        writes.run("DROP TABLE IF EXISTS {copy}", copy=copy)
        writes.run("DELETE FROM {api}.copied_weeks WHERE table_name = {asset}", api=api, asset=table.asset)
        writes.run("CREATE TABLE {copy} AS SELECT {names} FROM {source} LIMIT 0", copy=copy, source=source, names=names)
    changed = writes.fetch(_CHANGED, asset=table.asset, last=last, api=api)
    weeks = [row["week"] for row in changed]
    if weeks:
        writes.run("DELETE FROM {copy} WHERE week = ANY({weeks})", copy=copy, weeks=weeks)
        writes.run(
            "INSERT INTO {copy} ({names}) SELECT {names} FROM {source} WHERE week = ANY({weeks})",
            copy=copy,
            source=source,
            names=names,
            weeks=weeks,
        )
        writes.run(
            "INSERT INTO {api}.copied_weeks (table_name, week, content_hash)"
            " SELECT {asset}, * FROM unnest({weeks}::date[], {hashes}::text[])"
            " ON CONFLICT (table_name, week) DO UPDATE SET content_hash = excluded.content_hash",
            api=api,
            asset=table.asset,
            weeks=weeks,
            hashes=[row["content_hash"] for row in changed],
        )
    if is_new and table.key:  # after the rows: building an index once is faster than growing it
        key = sql.SQL(", ").join(map(sql.Identifier, table.key))
        writes.run("ALTER TABLE {copy} ADD PRIMARY KEY ({key})", copy=copy, key=key)


def _follow(writes: Transaction, api: sql.Identifier, week: date) -> Published:
    """Move the pointer to a week that has just been published, if it is newer than all that it ever was on.

    One that was rolled back from stays away when it is published again; the present one keeps up with its content.
    """
    rows = writes.fetch(
        "SELECT (SELECT week FROM {api}.pointer) AS week, (SELECT max(to_week) FROM {api}.pointer_moves) AS newest",
        api=api,
    )
    present, newest = rows[0]["week"], rows[0]["newest"]
    if newest is None or week > newest:
        return _point(writes, api, week, "publish", _PIPELINE, "a new week")
    writes.run(
        "UPDATE {api}.pointer SET publication_id ="
        " (SELECT max(p.publication_id) FROM {api}.publications p WHERE p.week = pointer.week)",
        api=api,
    )
    number = writes.fetch("SELECT publication_id FROM {api}.pointer", api=api)[0]["publication_id"]
    return Published(present, number)


def _point(writes: Transaction, api: sql.Identifier, week: date, kind: str, who: str, why: str) -> Published:
    number = writes.fetch(_NEWEST, api=api, week=week)[0]["publication_id"]
    writes.run(
        "INSERT INTO {api}.pointer_moves (moved_by, kind, why, from_week, to_week, publication_id)"
        " SELECT {who}, {kind}, {why}, (SELECT week FROM {api}.pointer), {week}, {number}",
        api=api,
        who=who,
        kind=kind,
        why=why,
        week=week,
        number=number,
    )
    writes.run(
        "INSERT INTO {api}.pointer (week, publication_id) VALUES ({week}, {number})"
        " ON CONFLICT (one) DO UPDATE SET week = excluded.week, publication_id = excluded.publication_id",
        api=api,
        week=week,
        number=number,
    )
    return Published(week, number)


def _make_view(connection: psycopg.Connection[Any], name: str, statement: str, says: str) -> None:
    view = sql.Identifier(PUBLISHED_LIST.database_schema, name)
    if connection.execute("SELECT to_regclass(%s) IS NULL", [view.as_string()]).fetchone() == (True,):
        parts = {"view": view, "statement": sql.SQL(statement), "says": sql.Literal(says)}  # type: ignore[arg-type]
        connection.execute(sql.SQL("CREATE VIEW {view} AS {statement}").format(**parts))
        connection.execute(sql.SQL("COMMENT ON VIEW {view} IS {says}").format(**parts))


def _sql(statement: str) -> sql.Composed:
    return sql.SQL(statement).format(api=sql.Identifier(PUBLISHED_LIST.database_schema))  # type: ignore[arg-type]


def _exists(connection: psycopg.Connection[Any]) -> bool:
    name = f"{PUBLISHED_LIST.database_schema}.pointer"
    return connection.execute("SELECT to_regclass(%s) IS NOT NULL", [name]).fetchone() == (True,)
