"""A tracking server, a city whose settings name it, and models to track."""

import threading
from collections.abc import Iterator

import pandas as pd
import pytest
from pydantic import SecretStr

from food_inspections_dagster_tests.modeling.conftest import make_rows
from food_inspections_dagster_tests.tracking.mlflow_server import TrackingServer, tracking_server
from food_inspections_dagster_tests.world import World


@pytest.fixture
def server() -> Iterator[TrackingServer]:
    with tracking_server() as running:
        yield running
    # Of a server that never ended its answer: it has now, and nothing is to go on beside the next test.
    for thread in threading.enumerate():
        if thread.name == "tracking":
            thread.join()


@pytest.fixture
def city(stored_city: World, server: TrackingServer) -> World:
    """The city with every stage made, whose settings name the server."""
    return tracked(stored_city, server.url)


def tracked(world: World, uri: str, timeout_seconds: int = 120) -> World:
    """Return a world that is tracked at a URI, by default with the patience that a slow machine needs."""
    given = {"uri": SecretStr(uri), "timeout_seconds": timeout_seconds, "retries": 0}
    tracking = world.settings.tracking.model_copy(update=given)
    return World(world.home, world.settings.model_copy(update={"tracking": tracking}), world.server, world.weeks)


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    return make_rows()
