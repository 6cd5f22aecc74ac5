"""The server under 32 clients: latencies and requests a second of each route, beside a bare FastAPI route.

The server, the bare application and the clients are processes of their own. The bare route returns a constant of the
same bytes, so that the ratio says what the server's work costs beside HTTP itself.
"""

import asyncio
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import psutil
import uvicorn
from fastapi import FastAPI
from starlette.responses import Response

from benchmarks import tables
from food_inspections_dagster.errors import FoodInspectionsError

CLIENTS = 32
AIM = 0.7
AIMED = ("/v1/priorities", "/v1/establishments")
MEMORY_AIM = 300  # MB
PREDICTED = 20  # places of one request
_MEGABYTE = 2**20
_READY_SECONDS = 120
_CACHE = "FOOD_INSPECTIONS__SERVING__CACHE_MEGABYTES"


@dataclass(frozen=True)
class Ask:
    """What clients ask for; with a body it is posted."""

    address: str
    body: str = ""

    @property
    def request(self) -> bytes:
        """The request as it goes over the wire."""
        body = self.body.encode()
        head = f"{'POST' if body else 'GET'} {self.address} HTTP/1.1\r\nhost: bench\r\naccept: */*\r\n"
        if body:
            head += f"content-type: application/json\r\ncontent-length: {len(body)}\r\n"
        return head.encode() + b"\r\n" + body

    def answer(self, port: int) -> bytes:
        """Ask once."""
        headers = {"content-type": "application/json"}
        request = urllib.request.Request(f"http://127.0.0.1:{port}{self.address}", self.body.encode() or None, headers)
        with urllib.request.urlopen(request) as answer:  # noqa: S310
            return answer.read()

    def at(self, address: str) -> "Ask":
        """Return the same for another address."""
        return Ask(address, self.body)


@dataclass(frozen=True)
class Load:
    """What clients met.

    Attributes:
        seconds: of each answer, in the order they came.
        wall: from the first request to the last answer.
        cpu: seconds that the clients themselves took.
    """

    seconds: Sequence[float]
    wall: float
    cpu: float

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.seconds) / self.wall

    def milliseconds(self, percent: float) -> str:
        """Return a percentile of the latencies."""
        return f"{np.percentile(self.seconds, percent) * 1000:.1f}"


class _Client(asyncio.Protocol):
    """Asks for the same again and again over one connection; answers have a content-length."""

    def __init__(self, request: bytes, until: float, done: asyncio.Future[None], seconds: deque[float]) -> None:
        self._request = request
        self._until, self._done, self._seconds = until, done, seconds
        self._missing = -1
        self._head = b""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._transport = transport
        self._ask()

    def data_received(self, data: bytes) -> None:
        if self._missing < 0:
            self._head += data
            head, ended, body = self._head.partition(b"\r\n\r\n")
            if not ended:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self._fail(f"answered {head[:60].decode('latin-1')}")
                return
            self._missing = int(head.lower().split(b"content-length: ", 1)[1].split(b"\r\n", 1)[0])
            data = body
        self._missing -= len(data)
        if self._missing == 0:
            self._seconds.append(time.perf_counter() - self._asked)
            if time.perf_counter() < self._until:
                self._ask()
            else:
                self._transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        if not self._done.done():
            if self._missing > 0:
                self._done.set_exception(FoodInspectionsError("A connection was closed in the middle of an answer."))
            else:
                self._done.set_result(None)

    def _ask(self) -> None:
        self._missing, self._head, self._asked = -1, b"", time.perf_counter()
        self._transport.write(self._request)

    def _fail(self, words: str) -> None:
        if not self._done.done():
            self._done.set_exception(FoodInspectionsError(f"The server {words}: nothing was measured."))
        self._transport.close()


async def _load(port: int, ask: Ask, seconds: float) -> Load:
    loop = asyncio.get_running_loop()
    latencies: deque[float] = deque()
    began, cpu = time.perf_counter(), time.process_time()
    ends = [loop.create_future() for _ in range(CLIENTS)]
    for end in ends:
        await loop.create_connection(
            lambda end=end: _Client(ask.request, began + seconds, end, latencies), "127.0.0.1", port
        )
    await asyncio.gather(*ends)
    return Load(list(latencies), time.perf_counter() - began, time.process_time() - cpu)


def load(port: int, ask: Ask, seconds: float) -> Load:
    """Let all clients ask the same for so many seconds, after a second to warm up.

    Raises:
        FoodInspectionsError: for any answer but 200.
    """
    import uvloop

    uvloop.run(_load(port, ask, min(1.0, seconds)))
    return uvloop.run(_load(port, ask, seconds))


# --- servers


@contextmanager
def _server(command: Sequence[str], environment: Mapping[str, str], folder: Path) -> Iterator[tuple[int, int]]:
    """Run a server that prints its URL; yield port and process id."""
    with tempfile.TemporaryFile("w+") as log:
        process = subprocess.Popen(  # noqa: S603
            command, cwd=folder, env=dict(environment), stdout=subprocess.PIPE, stderr=log, text=True
        )
        try:
            assert process.stdout is not None
            line = process.stdout.readline()
            if "http://127.0.0.1:" not in line:
                log.seek(0)
                raise FoodInspectionsError(f"The server ended at once: {log.read().strip() or line}")
            yield int(line.split("http://127.0.0.1:", 1)[1].split()[0]), process.pid
        finally:
            process.terminate()
            process.wait()


def bare_app(sizes: Mapping[str, int]) -> FastAPI:
    """Return the application to compare with: for each address a route that returns a constant of so many bytes."""
    app = FastAPI(openapi_url=None)
    for address, size in sizes.items():
        app.add_api_route(address, _constant(b"x" * size), methods=["GET", "POST"])
    return app


def _constant(content: bytes):
    async def constant() -> Response:
        return Response(content, media_type="application/json")

    return constant


def _serve_bare(sizes: Mapping[str, int]) -> None:
    config = uvicorn.Config(bare_app(sizes), port=0, log_config=None, access_log=False, ws="none")
    config.load()
    listener = config.bind_socket()
    print(f"http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    uvicorn.Server(config).run(sockets=[listener])


# --- the measure


def addresses(port: int) -> dict[str, Ask]:
    """Return by route what to ask of it, with places and an inspection of the list."""

    def get(address: str) -> dict:
        return json.loads(Ask(address).answer(port))

    first = get("/v1/priorities?limit=1")["items"][0]["establishment_id"]
    week = get("/v1/weeks")["weeks"][0]["week"]
    places = [item["establishment_id"] for item in get("/v1/priorities?limit=200")["items"]]
    visits = (visit for place in places for visit in get(f"/v1/establishments/{place}")["inspections"])
    inspection = next(visits)["inspection_id"]
    visited = {"inspection_date": "2010-06-01", "inspection_type": "Canvass", "results": "Fail", "violations": ""}
    described = {"dba_name": "GOLDEN GRILL", "zip": "60611", "facility_type": "Restaurant", "inspections": [visited]}
    gets = {
        "/v1/priorities": "/v1/priorities",
        "/v1/establishments": "/v1/establishments?q=grill",
        "/v1/establishments/{establishment_id}": f"/v1/establishments/{first}",
        "/v1/inspections/{inspection_id}": f"/v1/inspections/{inspection}",
        "/v1/models": "/v1/models",
        "/v1/models/{week}": f"/v1/models/{week}",
        "/v1/bias": "/v1/bias?label=failed&attribute=side",
        "/v1/monitoring": "/v1/monitoring?table=auditions&limit=100",
        "/v1/weeks": "/v1/weeks",
        "/readyz": "/readyz",
    }
    by_id = [{"establishment_id": place} for place in places[:PREDICTED]]
    posts = {
        f"/v1/predict, {PREDICTED} by id": Ask("/v1/predict", json.dumps({"establishments": by_id})),
        "/v1/predict, 1 described": Ask("/v1/predict", json.dumps({"establishments": [described]})),
    }
    return {route: Ask(address) for route, address in gets.items()} | posts


def measure(environment: Mapping[str, str], folder: Path, seconds: float) -> str:
    """Measure the server over what is published in a home, and return the table.

    Args:
        environment: in which the server finds its settings.
        seconds: how long each address is asked for.
    """
    serve = [sys.executable, "-m", "food_inspections_dagster.serving", "--port", "0"]
    kept: dict[str, Load] = {}
    made: dict[str, Load] = {}
    bare: dict[str, Load] = {}
    sizes: dict[str, int] = {}
    first: dict[str, float] = {}  # seconds of the first answer
    with _server(serve, environment, folder) as (port, pid):
        memory_at_start = psutil.Process(pid).memory_full_info().uss
        wanted = addresses(port)
        for route, ask in wanted.items():
            began = time.perf_counter()
            sizes[route] = len(ask.answer(port))
            first[route] = time.perf_counter() - began
        # Routes with parameters become plain ones: the bare application is not to parse anything.
        plain = {route: f"/{number}" for number, route in enumerate(wanted)}
        command = [sys.executable, "-m", "benchmarks.serving", json.dumps({plain[r]: n for r, n in sizes.items()})]
        with _server(command, {**os.environ, "PYTHONPATH": environment.get("PYTHONPATH", ".")}, folder) as (other, _):
            for route, ask in wanted.items():
                # By turns, so that what else the machine does meets both.
                kept[route] = load(port, ask, seconds)
                bare[route] = load(other, ask.at(plain[route]), seconds)
        memory = psutil.Process(pid).memory_info().rss
        predicting = max(child.memory_info().rss for child in psutil.Process(pid).children(recursive=True))
    with _server(serve, {**environment, _CACHE: "0"}, folder) as (port, pid):
        for route, ask in wanted.items():
            made[route] = load(port, ask, seconds)
        memory_of_made = psutil.Process(pid).memory_info().rss
    rows = []
    for route in wanted:
        one, new, plainest = kept[route], made[route], bare[route]
        rows.append(
            (
                f"`{route}`",
                f"{sizes[route]:,}",
                *(one.milliseconds(50), one.milliseconds(99), f"{one.rate:,.0f}"),
                f"{plainest.rate:,.0f}",
                f"**{one.rate / plainest.rate:.2f}**",
                *(new.milliseconds(50), new.milliseconds(99), f"{new.rate:,.0f}"),
            )
        )
    head = ("route", "bytes", "p50 ms", "p99 ms", "a second", "bare, a second", "ratio")
    share = max(one.cpu / one.wall for one in (*kept.values(), *bare.values()))
    aimed = min(kept[route].rate / bare[route].rate for route in AIMED)
    return tables.paragraphs(
        f"{CLIENTS} clients, each with one request at a time, for {seconds:g} s an address. Kept: the answer is made "
        "once and sent again, but for predictions; anew: every answer is read from Postgres.",
        tables.table((*head, "anew: p50 ms", "p99 ms", "a second"), rows),
        f"Least ratio of {' and '.join(AIMED)}: **{aimed:.2f}** (aim: {AIM}). Memory of the server afterwards: "
        f"**{memory / _MEGABYTE:.0f} MB** with answers kept, {memory_of_made / _MEGABYTE:.0f} MB without (aim: below "
        f"{MEMORY_AIM}); of its own at the start {memory_at_start / _MEGABYTE:.0f} MB. The process that predicts has "
        f"**{predicting / _MEGABYTE:.0f} MB**; its first answer, with its start and the week's data, took "
        f"{first[f'/v1/predict, {PREDICTED} by id']:.1f} s. The clients took at most {share:.0%} of a core.",
    )


if __name__ == "__main__":
    _serve_bare(json.loads(sys.argv[1]))
