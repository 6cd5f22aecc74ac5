"""A small city's publication in a database of its own, and the server over it."""

import threading
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import uvicorn
from starlette.testclient import TestClient

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.serving.app import Server, create_app
from food_inspections_dagster.serving.front import Access
from food_inspections_dagster.serving.limits import guarded
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster.settings import Settings
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.serving.publishing import republish
from food_inspections_dagster_tests.world import World


def on_database(settings: Settings, name: str) -> Settings:
    """Return the same settings over another database of the server; a page holds the whole list of the city, and a
    request waits for a process to start, however slow the machine is."""
    database = settings.database.model_copy(update={"database": name})
    return changed(settings.model_copy(update={"database": database}), page_rows=5_000, request_seconds=3_600)


def changed(settings: Settings, **serving: object) -> Settings:
    """Return the same settings with others for the server."""
    return settings.model_copy(update={"serving": settings.serving.model_copy(update=serving)})


@pytest.fixture(scope="session")
def copy_of_city(stored_city: World, postgres: EmbeddedPostgres) -> Callable[[], Settings]:
    """Make a copy of the database of the city, which every test may change, and return the settings over it."""

    def copy() -> Settings:
        name = f"copy_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres.url("postgres"), autocommit=True) as connection:
            source = stored_city.settings.database_name
            connection.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [source])
            connection.execute(f'CREATE DATABASE "{name}" TEMPLATE "{source}"')
        return on_database(stored_city.settings, name)

    return copy


@pytest.fixture(scope="session")
def published(copy_of_city: Callable[[], Settings]) -> Settings:
    """The city's publication, and the same lists as those of the week before, for tests that only read."""
    settings = copy_of_city()
    republish(Database.from_settings(settings), CITY[-1], CITY[-2], "the week before")
    return settings


@pytest.fixture(scope="session")
def server(published: Settings) -> Server:
    """The application over the publication."""
    return create_app(published)


@pytest.fixture(scope="session")
def client(server: Server) -> Iterator[TestClient]:
    """A client of it."""
    with TestClient(server, headers={"accept-encoding": "identity"}) as connected:
        yield connected


@pytest.fixture
def store(published: Settings) -> Iterator[Store]:
    """The store of the publication."""
    with Store.from_settings(published) as opened:
        yield opened


@contextmanager
def listening(settings: Settings, access: Access | None = None) -> Iterator[tuple[str, int]]:
    """Serve over a socket in a thread of this process; yield host and port."""
    config = uvicorn.Config(
        create_app(settings, access),
        port=0,
        http=guarded(settings.serving.clients),
        ws="none",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    running = uvicorn.Server(config)
    thread = threading.Thread(target=running.run, daemon=True)
    thread.start()
    try:
        while not running.started:
            thread.join(0.02)
            assert thread.is_alive(), "the server has ended"
        yield running.servers[0].sockets[0].getsockname()[:2]
    finally:
        running.should_exit = True
        thread.join(20)
