"""A small simulated city, servers over it, and a client that speaks plain HTTP to them."""

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest
import requests

from food_inspections_portal.city.simulate import simulate
from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import INSPECTIONS, PortalSource

EDITED_AT = datetime(2030, 5, 6, 7, 8, 9, tzinfo=UTC)


class Client:
    """Plain HTTP to one server."""

    def __init__(self, server: PortalServer) -> None:
        self.server = server
        self.url = f"{server.url}/resource/{INSPECTIONS}.json"
        self.faults_url = f"{server.url}/control/faults"

    def ask(self, headers: dict[str, str] | None = None, **clauses: Any) -> requests.Response:
        """GET with ``$``-clauses, whatever comes of it."""
        parameters = {f"${name}": str(value) for name, value in clauses.items()}
        return requests.get(self.url, params=parameters, headers=headers, timeout=60)

    def get(self, **clauses: Any) -> Any:
        """GET with ``$``-clauses; the answer must be 200."""
        answer = self.ask(**clauses)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def refused(self, **parameters: Any) -> str:
        """GET that must be refused with 400 in Socrata's form; returns the code."""
        answer = requests.get(self.url, params=parameters, timeout=60)
        assert answer.status_code == 400, answer.text
        body = answer.json()
        assert set(body) == {"code", "error", "message", "data"}
        assert body["error"] is True and body["message"]
        return body["code"]

    def post(self, rows: Any, **headers: str) -> requests.Response:
        return requests.post(self.url, json=rows, headers=headers, timeout=60)

    def fault(self, **fault: Any) -> None:
        assert requests.post(self.faults_url, json=fault, timeout=60).status_code == 200

    def metadata(self) -> dict[str, Any]:
        return requests.get(f"{self.server.url}/api/views/{INSPECTIONS}.json", timeout=60).json()


@pytest.fixture(scope="session")
def city() -> pa.Table:
    return simulate(60, seed=5, scale=0.15)


@pytest.fixture(scope="session")
def rows(city: pa.Table) -> pd.DataFrame:
    return city.to_pandas(types_mapper=pd.ArrowDtype)


@pytest.fixture(scope="module")
def portal(city: pa.Table) -> Iterator[Client]:
    """Read by many tests; nobody writes to it or leaves faults in it."""
    with PortalServer(PortalSource.simulated(city)) as server:
        yield Client(server)


@pytest.fixture
def edited_portal(city: pa.Table) -> Iterator[Client]:
    """A server of the test's own with 300 rows and a clock that stands still."""
    with PortalServer(PortalSource.simulated(city.slice(0, 300)), clock=lambda: EDITED_AT) as server:
        yield Client(server)
