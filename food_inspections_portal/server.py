"""The portal server as something to start: in a thread for tests, blocking for the command line."""

import socket
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from types import TracebackType

import duckdb
import uvicorn

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_portal.app import PortalApp, Throttle
from food_inspections_portal.sources import PortalSource
from food_inspections_portal.table import Clock, DatasetTable

_STOP_SECONDS = 20.0  # then requests that are still answered are left to end with the process


def _now() -> datetime:
    return datetime.now(UTC)


class PortalServer:
    """A running portal; ``with PortalServer(source) as portal`` gives it at ``portal.url``.

    Args:
        source: the datasets to serve.
        host: address to listen on; loopback only, because edits and faults have no other guard.
        port: port, or 0 for a free one.
        app_tokens: tokens that are good; with none, every token is.
        throttle: limit on requests without a token.
        clock: gives the aware moment that becomes ``:updated_at`` of an edit.

    Raises:
        FoodInspectionsError: where it cannot listen there, or the source cannot be read.
    """

    def __init__(
        self,
        source: PortalSource,
        host: str = "127.0.0.1",
        port: int = 0,
        app_tokens: Sequence[str] = (),
        throttle: Throttle | None = None,
        clock: Clock = _now,
    ) -> None:
        if host not in ("127.0.0.1", "localhost", "::1"):
            raise FoodInspectionsError(f"The portal server listens on this machine only: {host} is not 127.0.0.1.")
        self._socket = _listen(host, port)
        self.source = source
        self.url = f"http://{'[::1]' if host == '::1' else host}:{self._socket.getsockname()[1]}"
        self.domain = self.url.removeprefix("http://")
        # Not compressed: that halved the rows delivered a second and freed no memory.
        self._connection = duckdb.connect(":memory:")
        try:
            self.tables = {
                dataset.id: DatasetTable(self._connection, f"rows_{number}", dataset, clock)
                for number, dataset in enumerate(source.datasets)
            }
        except BaseException:
            self._connection.close()
            self._socket.close()
            raise
        self.app = PortalApp(self.tables, app_tokens, throttle, source.identity)
        # Faults break connections on purpose: uvicorn's complaints about them are not news.
        config = uvicorn.Config(
            self.app.starlette, log_level="critical", access_log=False, lifespan="off", timeout_keep_alive=30
        )
        self._uvicorn = uvicorn.Server(config)
        self._thread: threading.Thread | None = None

    def start(self) -> "PortalServer":
        """Serve in a thread of this process; returns once requests are answered."""
        started = threading.Event()
        self._thread = threading.Thread(target=self._run, args=(started.set,), name="portal-server", daemon=True)
        self._thread.start()
        started.wait()
        return self

    def serve_forever(self) -> None:
        """Serve until interrupted."""
        try:
            self._uvicorn.run(sockets=[self._socket])
        finally:
            self._connection.close()

    def _run(self, started: Callable[[], None]) -> None:
        # The socket listens already: a request that comes before the loop runs waits in its queue.
        started()
        self._uvicorn.run(sockets=[self._socket])

    def close(self) -> None:
        """Stop serving and free the rows."""
        self._uvicorn.should_exit = True
        if self._thread is not None:
            self._thread.join(_STOP_SECONDS)
        self._socket.close()
        self._connection.close()

    def __enter__(self) -> "PortalServer":
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def serve(
    source: PortalSource,
    host: str = "127.0.0.1",
    port: int = 0,
    app_tokens: Sequence[str] = (),
    throttle: Throttle | None = None,
    on_start: Callable[[PortalServer], None] = lambda server: None,
) -> None:
    """Serve until interrupted, for the command line.

    Args:
        source: the datasets to serve.
        host: loopback address.
        port: port, or 0 for a free one.
        app_tokens: tokens that are good.
        throttle: limit on requests without a token.
        on_start: told of the server once its address is known, to print it.
    """
    server = PortalServer(source, host, port, app_tokens, throttle)
    on_start(server)
    server.serve_forever()


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if host == "::1" else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise FoodInspectionsError(
            f"The portal server cannot listen on {host}:{port} ({error.strerror}): choose another port."
        ) from None
    return listener
