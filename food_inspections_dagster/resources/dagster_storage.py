"""Dagster's own storage (runs, events, schedules) in Postgres, chosen by the project's settings.

``dagster.yaml`` names the class and nothing else, so every process of Dagster, comes to the same database:
``dagster_<data name>`` on the server that the settings name, the embedded one by default.
"""

import os
from collections.abc import Mapping
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg
from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres, ensure_database
from food_inspections_dagster.settings import Settings, load_settings

# Dagster reads both from the environment only, at each use. 4 assets x 300 weeks in one run, seconds in all:
# 34.3 without, 13.1 with batches of materialization events, 1.3 with one planned event per asset too. The
# price of the latter: weeks of a run that fails are shown as not materialized, not as failed.
_EVENT_SETTINGS = {
    "DAGSTER_EVENT_BATCH_SIZE": "500",
    "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS": "true",
}


class EmbeddedDagsterStorage(DagsterPostgresStorage):
    """Dagster's Postgres storage, where the settings say; it starts or joins the embedded server."""

    @classmethod
    def config_type(cls) -> dict[str, Any]:  # type: ignore[override]
        """No configuration: the settings hold it."""
        return {}

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig | Mapping[str, Any]
    ) -> "EmbeddedDagsterStorage":
        """Open the storage of the current settings; called by Dagster in each of its processes."""
        for name, value in _EVENT_SETTINGS.items():
            os.environ.setdefault(name, value)
        url = storage_url(load_settings())
        # Dagster's processes start together, and two that create its tables at once collide.
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('dagster storage', 0))")
            return cls(_with_driver(url), inst_data=inst_data)


def storage_url(settings: Settings) -> str:
    """Return the URL of Dagster's database, created when absent; it may hold a password."""
    name = settings.dagster_database_name
    if settings.database.is_embedded:
        server = EmbeddedPostgres(settings.embedded_directory)
        server.start()
        # A lost event is told again by running again. Not waiting for the disk: 3,508 in 3.8 s, not 5.1.
        return server.ensure_database(name, synchronous_commit=False)
    parts = urlsplit(settings.database.url.get_secret_value())
    url = urlunsplit(parts._replace(path=f"/{name}"))
    try:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            if "does not exist" not in str(error):
                raise
            ensure_database(urlunsplit(parts._replace(path="/postgres")), name)
    except psycopg.Error as error:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise FoodInspectionsError(
            f"Dagster's database {name} at {parts.hostname}:{parts.port or 5432} cannot be opened "
            f"({reason}): check chicago_database, or create the database."
        ) from None
    return url


def _with_driver(url: str) -> str:
    # SQLAlchemy 2.1 takes a bare postgresql:// for psycopg 3, which dagster-postgres does not speak.
    return "postgresql+psycopg2" + url[url.index("://") :]
