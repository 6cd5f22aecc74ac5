"""What a client may ask of the server: connections, headers and bodies of a size, in a time, so many a minute."""

import asyncio
import resource
import time
from collections.abc import Callable
from typing import Any

from limits import RateLimitItem, parse
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter
from starlette.types import Message, Receive, Scope, Send
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from food_inspections_dagster.serving.problems import KINDS, Problem

HEADER_BYTES = 65_536
HEADER_SECONDS = 10.0  # from the first byte of a request, or the connection, to the end of its header
WRITE_SECONDS = 20.0  # for a client to make room for what it asked for


class RateLimiter:
    """Counts requests by client in a moving window.

    Args:
        rate: such as ``600/minute``.
    """

    def __init__(self, rate: str) -> None:
        self._item: RateLimitItem = parse(rate)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._rate = rate

    def check(self, client: str) -> None:
        """Count a request.

        Raises:
            Problem: 429 with the seconds to wait, where the client has asked too often.
        """
        if self._limiter.hit(self._item, client):
            return
        wait = self._limiter.get_window_stats(self._item, client).reset_time - time.time()
        seconds = str(max(1, round(wait)))
        raise Problem(
            "too-many-requests",
            f"More than {self._rate.replace('/', ' requests a ')}: wait {seconds} seconds.",
            headers={"retry-after": seconds},
        )


class LimitedBody:
    """Receives a body of at most so many bytes; a client that sends more gets 413."""

    def __init__(self, receive: Receive, length: bytes | None, most: int) -> None:
        self._receive = receive
        self._most = most
        self._bytes = 0
        #: Whether the client's bytes are waited for at this moment.
        self.waiting = False
        if length is not None and (not length.isdigit() or int(length) > most):
            raise self._too_large()

    async def __call__(self) -> Message:
        """Return the next message of the request."""
        self.waiting = True
        message = await self._receive()
        self.waiting = False
        self._bytes += len(message.get("body", b""))
        if self._bytes > self._most:
            raise self._too_large()
        return message

    def _too_large(self) -> Problem:
        return Problem(
            "body-too-large",
            f"A body has at most {self._most:,} bytes here: send it in parts.",
            headers={"connection": "close"},
        )


async def _busy(scope: Scope, receive: Receive, send: Send) -> None:
    detail = "The server has as many connections as it takes: try again in a few seconds."
    await Problem("busy", detail, headers={"connection": "close"}).response()(scope, receive, send)


class GuardedProtocol(HttpToolsProtocol):
    """Uvicorn's protocol, that lets nobody hold a connection without using it."""

    most_connections = 0  # set by `guarded`

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Refuse a connection over the limit: its request is answered by 503."""
        super().connection_made(transport)
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._header_bytes = 0
        self._in_header = True
        if len(self.connections) > self.most_connections:
            self.app = _busy  # type: ignore[assignment]
        self._wait("header", HEADER_SECONDS, self._header_is_late)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the timers."""
        for timer in self._timers.values():
            timer.cancel()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Refuse a header that does not end."""
        if self._in_header:
            self._header_bytes += len(data)
            if self._header_bytes > HEADER_BYTES:
                # A body may come with the end of the header: only what has not ended is too long.
                head = data.find(b"\r\n\r\n")
                if head < 0 or self._header_bytes - len(data) + head > HEADER_BYTES:
                    self._refuse("header-too-large", f"A header has at most {HEADER_BYTES:,} bytes here.")
                    return
        super().data_received(data)

    def on_message_begin(self) -> None:
        """Wait for the header of a request."""
        super().on_message_begin()
        self._in_header = True
        self._wait("header", HEADER_SECONDS, self._header_is_late)

    def on_headers_complete(self) -> None:
        """Let the request be answered."""
        self._in_header = False
        self._header_bytes = 0
        self._stop("header")
        super().on_headers_complete()

    def pause_writing(self) -> None:
        """Wait for the client to read."""
        super().pause_writing()
        self._wait("write", WRITE_SECONDS, self.transport.abort)

    def resume_writing(self) -> None:
        """Go on."""
        super().resume_writing()
        self._stop("write")

    def timeout_keep_alive_handler(self) -> None:
        """Close an idle connection, even where the client has not read all."""
        super().timeout_keep_alive_handler()
        self._wait("write", WRITE_SECONDS, self.transport.abort)

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._refuse("bad-request", "This is no HTTP request that can be read.")

    def _header_is_late(self) -> None:
        if not self.transport.is_closing():
            self._refuse("request-timeout", f"The header of a request has {HEADER_SECONDS:.0f} seconds to arrive.")

    def _refuse(self, slug: str, detail: str) -> None:
        problem, status = Problem(slug, detail), KINDS[slug][0]
        content = problem.content
        head = [f"HTTP/1.1 {status} {KINDS[slug][1]}", "content-type: application/problem+json"]
        head += [f"content-length: {len(content)}", "connection: close", "", ""]
        self.transport.write("\r\n".join(head).encode() + content)
        self.transport.close()

    def _wait(self, what: str, seconds: float, then: Callable[[], Any]) -> None:
        self._stop(what)
        self._timers[what] = self.loop.call_later(seconds, then)

    def _stop(self, what: str) -> None:
        timer = self._timers.pop(what, None)
        if timer is not None:
            timer.cancel()


def guarded(most_connections: int) -> type[GuardedProtocol]:
    """Return the protocol for a server that has at most so many connections."""
    return type("Guarded", (GuardedProtocol,), {"most_connections": most_connections})


def allow_files(wanted: int) -> None:
    """Let the process open as many files as its connections need, where the system lets it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
