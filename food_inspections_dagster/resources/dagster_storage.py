"""Dagster's own storage (runs, events, schedules) in Postgres, chosen by the project's settings.

``dagster.yaml`` names the class and nothing else, so every process of Dagster comes to the same database:
``dagster_<data name>`` on the server that the settings name, the embedded one by default.
"""

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import psycopg
from dagster import AssetCheckEvaluation, Field, TextMetadataValue
from dagster._core.definitions.asset_checks.asset_check_evaluation import AssetCheckEvaluationPlanned
from dagster._core.definitions.data_version import DATA_VERSION_IS_USER_PROVIDED_TAG, DATA_VERSION_TAG
from dagster._core.events import DagsterEventType
from dagster._core.events.log import EventLogEntry
from dagster._core.storage.config import PostgresStorageConfig
from dagster._serdes import ConfigurableClassData
from dagster_postgres import DagsterPostgresStorage, PostgresEventLogStorage
from dagster_shared.record import replace
from pydantic import SecretStr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres, ensure_database
from food_inspections_dagster.resources.run_lease import end_lease, is_leased, take_lease
from food_inspections_dagster.resources.run_record import RunRecord
from food_inspections_dagster.settings import EMBEDDED, DatabaseUrl, Settings, dagster_database_name, load_settings

_DRIVER = "postgresql+psycopg2"
#: Metadata of a materialization of one week, which becomes the week's data version.
CONTENT_HASH = "content_hash"

# Dagster reads both from the environment only, at each use. 4 assets x 300 weeks in one run, seconds in all:
# 34.3 without, 13.1 with batches of materialization events, 1.3 with one planned event per asset too. The
# price of the latter: weeks of a run that fails are shown as not materialized, not as failed.
_EVENT_SETTINGS = {
    "DAGSTER_EVENT_BATCH_SIZE": "500",
    "DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS": "true",
}


_ENDS = (DagsterEventType.RUN_SUCCESS, DagsterEventType.RUN_FAILURE, DagsterEventType.RUN_CANCELED)


class WeeklyEventLogStorage(PostgresEventLogStorage):
    """Dagster's event log; each week of a run over a range has a data version of its own, a check has one result.

    Dagster gives one version to the whole range. Here it is the content hash in the metadata of the week. A check over
    a range is planned by Dagster for each week, and answers once, for all of them: 880 rows for each of 20 checks took
    9 s of a run, and were shown as planned for ever.

    Args:
        record: is told of every event that Dagster stores one by one, as those of runs and failed steps are, whichever
            process runs them.
    """

    def __init__(self, postgres_url: str, record: RunRecord | None = None) -> None:
        super().__init__(postgres_url)
        self._record = record

    def store_event(self, event: EventLogEntry) -> None:
        """Store one event; from its first to its last, the process of a run has the run's lease."""
        kind = event.dagster_event.event_type if event.dagster_event else None
        if kind is DagsterEventType.RUN_START:
            take_lease(_without_driver(self.postgres_url), event.run_id)
        super().store_event(of_whole_range(with_data_version(event)))
        if self._record is not None:
            self._record.note(event)
        if kind in _ENDS:
            end_lease(event.run_id)

    def is_leased(self, run_id: str) -> bool:
        """Return whether the process of a run is alive."""
        return is_leased(_without_driver(self.postgres_url), run_id)

    def take_lease(self, run_id: str) -> bool:
        """Take the lease of a run for this process; False where another one has it."""
        return take_lease(_without_driver(self.postgres_url), run_id)

    def store_event_batch(self, events: Sequence[EventLogEntry]) -> None:
        """Store many events of one kind."""
        super().store_event_batch([of_whole_range(with_data_version(event)) for event in events])


def of_whole_range(event: EventLogEntry) -> EventLogEntry:
    """Return the plan or the result of a check without weeks; any other event as it is."""
    dagster_event = event.dagster_event
    if dagster_event is None:
        return event
    data = dagster_event.event_specific_data
    if isinstance(data, AssetCheckEvaluationPlanned):
        whole: Any = replace(data, partitions_subset=None)
    elif isinstance(data, AssetCheckEvaluation):
        whole = replace(data, partition=None)
    else:
        return event
    return event._replace(dagster_event=dagster_event._replace(event_specific_data=whole))


def with_data_version(event: EventLogEntry) -> EventLogEntry:
    """Return a materialization with its content hash as its data version; any other event as it is."""
    dagster_event = event.dagster_event
    if dagster_event is None or dagster_event.event_type != DagsterEventType.ASSET_MATERIALIZATION:
        return event
    data = dagster_event.step_materialization_data
    content_hash = data.materialization.metadata.get(CONTENT_HASH)
    if not isinstance(content_hash, TextMetadataValue) or not content_hash.text:
        return event
    version = {DATA_VERSION_TAG: content_hash.text, DATA_VERSION_IS_USER_PROVIDED_TAG: "true"}
    materialization = data.materialization._replace(tags={**(data.materialization.tags or {}), **version})
    changed = dagster_event._replace(event_specific_data=data._replace(materialization=materialization))
    return event._replace(dagster_event=changed)


class EmbeddedDagsterStorage(DagsterPostgresStorage):
    """Dagster's Postgres storage, where the settings say; it starts or joins the embedded server."""

    def __init__(
        self, postgres_url: str, inst_data: ConfigurableClassData | None = None, record: RunRecord | None = None
    ) -> None:
        super().__init__(postgres_url, inst_data=inst_data)
        self._event_log_storage = WeeklyEventLogStorage(postgres_url, record)

    @classmethod
    def config_type(cls) -> dict[str, Any]:  # type: ignore[override]
        """Nothing has to be given: what is left out, the settings hold."""
        return {
            "data_name": Field(str, is_required=False, description="Data whose runs these are"),
            "embedded_directory": Field(str, is_required=False, description="Directory of the embedded server"),
            "database": Field(str, is_required=False, description="Database of that data, which is told of runs"),
        }

    @classmethod
    def from_config_value(
        cls, inst_data: ConfigurableClassData | None, config_value: PostgresStorageConfig | Mapping[str, Any]
    ) -> "EmbeddedDagsterStorage":
        """Open the storage; called by Dagster in each of its processes."""
        for name, value in _EVENT_SETTINGS.items():
            os.environ.setdefault(name, value)
        names = ("data_name", "embedded_directory", "database")
        data_name, directory, database = (str(config_value.get(key) or "") for key in names)
        if data_name and directory:
            server, url = SecretStr(EMBEDDED), embedded_url(Path(directory), data_name)
        else:
            settings = load_settings()
            server, url = settings.database.url, storage_url(settings, data_name or None)
            directory, database = str(settings.embedded_directory), database or settings.database_name
            data_name = data_name or settings.data_name
        application = Database(url=server, database=database, embedded_directory=directory, portal=data_name)
        record = RunRecord(application) if database else None
        # Dagster's processes start together, and two that create its tables at once collide.
        with psycopg.connect(url) as connection:
            connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('dagster storage', 0))")
            return cls(_with_driver(url), inst_data=inst_data, record=record)


def embedded_url(directory: Path, data_name: str) -> str:
    """Return the URL of Dagster's database on the embedded server, which is started; created when absent."""
    server = EmbeddedPostgres(directory)
    server.start()
    # A lost event is written again by the next run. Not waiting for the disk: 3,508 in 3.8 s, not 5.1.
    return server.ensure_database(dagster_database_name(data_name), synchronous_commit=False)


def storage_url(settings: Settings, data_name: str | None = None) -> str:
    """Return the URL of Dagster's database, created when absent; it may hold a password.

    Args:
        settings: they name the server.
        data_name: the data whose runs are kept there; by default that of the settings.

    Raises:
        FoodInspectionsError: when the server cannot be reached, or refuses.
    """
    data_name = data_name or settings.data_name
    server = settings.database.server
    if server is None:
        return embedded_url(settings.embedded_directory, data_name)
    return server_url(server, dagster_database_name(data_name), "Dagster")


def server_url(server: DatabaseUrl, name: str, whose: str) -> str:
    """Return the URL of a database of a server, created when absent; it may hold a password.

    Args:
        whose: for the sentence of an error.

    Raises:
        FoodInspectionsError: when the server cannot be reached, or refuses.
    """
    url = server.with_database(name)
    try:
        try:
            psycopg.connect(url).close()
        except psycopg.OperationalError as error:
            if f'database "{name}" does not exist' not in str(error):
                raise
            ensure_database(server.with_database("postgres"), name)
    except psycopg.Error as error:
        # The settings have parsed the URL, so these are the server's words or the network's.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        raise FoodInspectionsError(
            f"{whose}'s database {name} at {server.place} cannot be opened "
            f"({reason}): check chicago_database, or create the database."
        ) from None
    return url


def _with_driver(url: str) -> str:
    # SQLAlchemy 2.1 takes a bare postgresql:// for psycopg 3, which dagster-postgres does not speak.
    return _DRIVER + url[url.index("://") :]


def _without_driver(url: str) -> str:
    return "postgresql" + url.removeprefix(_DRIVER)
