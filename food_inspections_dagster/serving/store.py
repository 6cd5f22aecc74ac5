"""Reads what is published: a pool of read-only connections, and snapshots in which nothing changes."""

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import date, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import IsolationLevel
from psycopg.conninfo import make_conninfo
from psycopg.rows import dict_row
from psycopg_pool import ConnectionPool, PoolTimeout, TooManyRequests

from food_inspections_dagster.catalog import READER
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.queries import Query
from food_inspections_dagster.settings import DatabaseUrl, Settings

Row = dict[str, Any]

_RECONNECT_SECONDS = 5.0  # then a request that needs one tries again
logging.getLogger("psycopg.pool").setLevel(logging.ERROR)  # it warns of each attempt to connect


class Unavailable(FoodInspectionsError):
    """Postgres cannot be reached, or has no connection to spare."""


class TooSlow(FoodInspectionsError):
    """A question took longer than it may."""


class NothingPublished(FoodInspectionsError):
    """Nothing is published yet."""


class NotPublished(FoodInspectionsError):
    """The week that was asked for is not published."""


@dataclass(frozen=True)
class Publication:
    """A published week as readers see it.

    Attributes:
        week: the Monday of the week that has ended; its list is for the week after.
        publication_id: of its newest publication.
        content_hash: of everything that was published with it.
        shown_id: of the publication that the pointer shows.
        newest_id: the newest publication of any week; history that weeks share changes with it.
    """

    week: date
    publication_id: int
    content_hash: str
    code_version: str | None
    run_id: str
    published_at: datetime
    rows: int
    shown_id: int
    newest_id: int


class Reads:
    """Questions to one snapshot; see :meth:`Store.snapshot`."""

    def __init__(self, connection: psycopg.Connection[Row]) -> None:
        self._connection = connection

    def rows(self, query: Query, **values: Any) -> list[Row]:
        """Return the rows of a question, by column.

        Raises:
            NothingPublished: where a table is not there yet.
            TooSlow: when it takes longer than ``serving.statement_seconds``.
            Unavailable: when the connection breaks.
        """
        with _sentences():
            return self._connection.execute(query, values).fetchall()

    def row(self, query: Query, **values: Any) -> Row | None:
        """Return the first row of a question, None without one; errors as of :meth:`rows`."""
        with _sentences():
            return self._connection.execute(query, values).fetchone()

    def publication(self, week: date | None = None) -> Publication:
        """Return the publication of a week; by default, that which the pointer shows.

        Raises:
            NothingPublished: where nothing is.
            NotPublished: where other weeks are.
        """
        row = self.row(queries.PUBLICATION, week=week)
        if row is not None:
            return Publication(**row)
        if week is None or self.row(queries.STATE) is None:
            raise NothingPublished(NOTHING)
        raise NotPublished(f"The week {week} is not published: /v1/weeks lists those that are.")

    def has_table(self, table: str) -> bool:
        """Tell whether ``schema.name`` is there and may be read."""
        row = self.row(queries.HAS_TABLE, table=table)
        return row is not None and bool(row["there"])


NOTHING = "Nothing is published yet: run `make run`, which makes and publishes the newest list."


class Store:
    """The database as readers see it.

    A server that is away when this is made, or goes away later, is met by :class:`Unavailable` and joined again
    when it is back.

    Args:
        url: of the database.
        statement_seconds: longest time of one question.
        connections: most connections.
        wait_seconds: longest wait for one of them.
    """

    def __init__(self, url: str, statement_seconds: float, connections: int, wait_seconds: float) -> None:
        options = f"-c default_transaction_read_only=on -c statement_timeout={round(statement_seconds * 1000)}"
        self._pool: ConnectionPool[psycopg.Connection[Row]] = ConnectionPool(
            make_conninfo(
                url,
                options=options,
                application_name="food-inspections serve",
                connect_timeout=max(2, round(wait_seconds)),
            ),
            connection_class=psycopg.Connection[Row],
            kwargs={"row_factory": dict_row},
            configure=_configure,
            check=ConnectionPool.check_connection,
            min_size=1,
            max_size=connections,
            max_waiting=8 * connections,
            timeout=wait_seconds,
            reconnect_timeout=_RECONNECT_SECONDS,
            open=False,
            name="readers",
        )

    @classmethod
    def from_settings(cls, settings: Settings) -> "Store":
        """Return the store of the database that the settings name; an embedded server is started."""
        serving = settings.serving
        return cls(database_url(settings), serving.statement_seconds, serving.connections, serving.wait_seconds)

    def open(self) -> "Store":
        """Begin to connect; this waits for nothing, and opening twice does nothing."""
        self._pool.open(wait=False)
        return self

    def close(self) -> None:
        """Close all connections; the store cannot be opened again."""
        self._pool.close(timeout=2)

    def __enter__(self) -> "Store":
        return self.open()

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def snapshot(self) -> Iterator[Reads]:
        """Yield what reads in one transaction: all of its answers are of the same moment.

        Raises:
            Unavailable: where there is no connection.
        """
        with _sentences(), self._pool.connection() as connection:
            # The role is there from the first publication on, where the publisher may make roles.
            connection.execute(queries.TAKE_ROLE, {"role": READER})
            yield Reads(connection)

    def statistics(self) -> Mapping[str, int]:
        """Return the pool's counters."""
        return self._pool.get_stats()


def database_url(settings: Settings) -> str:
    """Return the URL that readers use: ``serving.database_url``, else the pipeline's own; it may hold a password.

    Raises:
        FoodInspectionsError: when the embedded server cannot start.
    """
    if settings.serving.database_url is not None:
        return settings.serving.database_url.get_secret_value()
    if settings.database.is_embedded:
        server = EmbeddedPostgres(Path(settings.embedded_directory))
        server.start()
        return server.ensure_database(settings.database_name)
    return DatabaseUrl.parse(settings.database.url.get_secret_value()).with_database(settings.database_name)


def _configure(connection: psycopg.Connection[Any]) -> None:
    connection.isolation_level = IsolationLevel.REPEATABLE_READ
    connection.read_only = True


@contextmanager
def _sentences() -> Iterator[None]:
    """Turn what psycopg raises into what a reader may be told: no statement, no address."""
    try:
        yield
    except (psycopg.errors.UndefinedTable, psycopg.errors.InvalidSchemaName):
        raise NothingPublished(NOTHING) from None
    except psycopg.errors.QueryCanceled:
        raise TooSlow("The question took too long: narrow it by a filter, or ask for a smaller page.") from None
    except psycopg.errors.InsufficientPrivilege:
        raise Unavailable(
            f"The database does not let readers read this: grant it to {READER}, or publish a week again."
        ) from None
    except (PoolTimeout, TooManyRequests):
        raise Unavailable("The database gives no connection at the moment: try again in a few seconds.") from None
    except (psycopg.OperationalError, psycopg.InterfaceError):
        raise Unavailable("The database cannot be reached at the moment: try again in a few seconds.") from None
