"""A small simulated city and servers over it."""

import os
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
import requests

from food_inspections_dagster.portal_server.city.simulate import simulate
from food_inspections_dagster.portal_server.server import PortalServer
from food_inspections_dagster.portal_server.sources import INSPECTIONS, PortalSource

Get = Callable[..., Any]


@pytest.fixture(scope="session")
def city() -> pa.Table:
    return simulate(60, seed=5, scale=0.15)


@pytest.fixture(scope="module")
def portal(city: pa.Table) -> Iterator[PortalServer]:
    """Read by many tests; nobody writes to it or leaves faults in it."""
    with PortalServer(PortalSource.simulated(city)) as server:
        yield server


@pytest.fixture
def own_portal(city: pa.Table) -> Iterator[PortalServer]:
    """A server of the test's own, with a clock that stands still."""
    with PortalServer(
        PortalSource.simulated(city.slice(0, 300)), clock=lambda: datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)
    ) as server:
        yield server


def resource(server: PortalServer) -> str:
    return f"{server.url}/resource/{INSPECTIONS}.json"


def fetch(server: PortalServer, **clauses: Any) -> Any:
    """GET with ``$``-clauses; fails unless the answer is 200."""
    answer = requests.get(
        resource(server), params={f"${name}": str(value) for name, value in clauses.items()}, timeout=10
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


def refused(server: PortalServer, **parameters: Any) -> dict[str, Any]:
    """GET that must be refused with 400; returns the error."""
    answer = requests.get(resource(server), params=parameters, timeout=10)
    assert answer.status_code == 400, answer.text
    body = answer.json()
    assert set(body) == {"code", "error", "message", "data"} and body["error"] is True
    return body


@pytest.fixture
def get(portal: PortalServer) -> Get:
    return lambda **clauses: fetch(portal, **clauses)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data, which is not part of the repository."""
    default = Path(__file__).parents[3] / "shared" / "data"
    folder = Path(os.environ.get("FOOD_INSPECTIONS_SHARED_DATA", default))
    if not folder.is_dir():
        pytest.skip(f"needs the real data of {folder}, which is absent: set FOOD_INSPECTIONS_SHARED_DATA")
    return folder
