"""In front of the application: who may ask, how much and how long; answers that are kept, and those unchanged.

An answer to a reading is kept under everything that it depends on: address, query, format, compression, and what
was published. So nothing is ever taken out, and a publication makes all anew. What does not rest on publications alone
is kept for a few seconds.
"""

import asyncio
import base64
import binascii
import gzip
import logging
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache
from hashlib import sha256
from urllib.parse import parse_qsl, urlencode

from anyio import to_thread
from cachetools import LRUCache
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from food_inspections_dagster.serving.conditional import etag_of, http_date, is_unchanged
from food_inspections_dagster.serving.limits import LimitedBody, RateLimiter
from food_inspections_dagster.serving.metrics import Metrics
from food_inspections_dagster.serving.problems import Problem, problem_of
from food_inspections_dagster.serving.state import Published, State, Watcher

READINGS = "/v1/"
_PAGES = "/_dash"  # by which pages of the dashboard ask: posted, and yet reading; what computes is below /v1
OPEN = ("/healthz", "/readyz")  # for whoever watches the server
MARK = b"x-snapshot"  # by which the application says what an answer was read from; it does not go out
_CHANGING_SECONDS = 5.0  # of answers without a mark
_COMPRESSED_FROM = 1_000  # bytes
_MOST_OF_CACHE = 4  # an answer that takes more than a fourth of the memory is not kept
_REVALIDATE = (b"cache-control", b"no-cache")  # a copy may be kept, and is asked about each time
_NOSNIFF = (b"x-content-type-options", b"nosniff")
_VARY = (b"vary", b"accept, accept-encoding")
_LOG = logging.getLogger(__name__)

Headers = list[tuple[bytes, bytes]]


@dataclass(frozen=True)
class Access:
    """Who may ask, and how often.

    Attributes:
        keys: whether every request needs an API key.
        rate: most requests of one client, such as ``600/minute``; None where there is no limit.
    """

    keys: bool = False
    rate: str | None = None


@dataclass(frozen=True)
class Kept:
    """An answer as it goes out."""

    body: bytes
    headers: Headers
    unchanged: Headers  # of a 304
    etag: bytes
    route: str
    until: float

    @property
    def size(self) -> int:
        """Bytes that it takes."""
        return len(self.body) + 1_000


class Front:
    """The ASGI application in front of ``app``.

    Args:
        seconds: longest time of one request.
        body_bytes: largest body.
        cache_bytes: memory for answers.
    """

    def __init__(
        self,
        app: ASGIApp,
        watcher: Watcher,
        metrics: Metrics,
        access: Access,
        seconds: float,
        body_bytes: int,
        cache_bytes: int,
    ) -> None:
        self._app = app
        self._watcher = watcher
        self._metrics = metrics
        self._access = access
        self._rate = RateLimiter(access.rate) if access.rate else None
        self._seconds = seconds
        self._body_bytes = body_bytes
        self._cache: LRUCache[tuple[object, ...], Kept] = LRUCache(cache_bytes, getsizeof=lambda kept: kept.size)
        self._largest = cache_bytes // _MOST_OF_CACHE

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; whatever goes wrong is a problem document."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun, sent, body = time.perf_counter(), _Sent(send), None
        try:
            try:
                headers = dict(scope["headers"])
                body = LimitedBody(receive, headers.get(b"content-length"), self._body_bytes)
                async with asyncio.timeout(self._seconds):
                    await self._answer(scope, headers, body, sent)
            except TimeoutError:
                late = body is not None and body.waiting
                raise Problem(
                    "request-timeout" if late else "timeout",
                    f"A request has {self._seconds:g} seconds: "
                    + ("send it faster." if late else "ask for less at once, or try again in a few seconds."),
                    headers={"connection": "close"},
                ) from None
        except Exception as error:
            if sent.status is not None:  # too late to say so; uvicorn closes the connection
                _LOG.warning("An answer ended before its end: %s", type(error).__name__)
            else:
                await problem_of(error).response()(scope, receive, sent)
        self._metrics.observe(_route(scope), scope["method"], sent.status or 500, time.perf_counter() - begun)

    async def _answer(self, scope: Scope, headers: Mapping[bytes, bytes], receive: LimitedBody, send: "_Sent") -> None:
        path: str = scope["path"]
        if "\0" in path or "/." in path:  # nothing here begins with a dot: it climbs, or looks for what is hidden
            raise Problem("not-found", "There is nothing at this address: /docs lists what there is.")
        reading = scope["method"] in ("GET", "HEAD")
        state = None
        if path not in OPEN:
            if self._access.keys:
                state = await self._watcher.state()
                reads = reading or path.startswith(_PAGES)
                self._check_key(state, headers, "read" if reads else "compute", path)
            if self._rate is not None:
                self._rate.check(_client(scope, headers, self._access.keys))
        if reading and path.startswith(READINGS):
            state = state or await self._watcher.state()
            await self._read(scope, headers, receive, send, state.required())
        else:
            await self._app(scope, receive, send)

    def _check_key(self, state: State, headers: Mapping[bytes, bytes], scope: str, path: str) -> None:
        scopes = state.keyring.scopes(key_of(headers))
        if scopes is None:
            # A browser asks for user and password: the key is the password.
            challenge = "Bearer" if path.startswith(READINGS) else 'Basic realm="food-inspections"'
            raise Problem(
                "key-needed",
                "Send an API key as `Authorization: Bearer <key>`; `food-inspections keys create` makes one.",
                headers={"www-authenticate": challenge},
            )
        if scope not in scopes:
            raise Problem("not-allowed", f"This key does not open {scope}: ask for one that does.")

    async def _read(
        self, scope: Scope, headers: Mapping[bytes, bytes], receive: Receive, send: "_Sent", published: Published
    ) -> None:
        accept, compressed = headers.get(b"accept", b""), takes_gzip(headers.get(b"accept-encoding", b""))
        key = (scope["path"], normalised(scope["query_string"]), accept, compressed, published)
        kept = self._cache.get(key)
        if kept is not None and kept.until > time.monotonic():
            source = "kept"
        else:
            # The tag is known before anything is read: who has the answer already does not touch a table.
            etag = etag_of(published, *key[:4])
            if b"if-none-match" in headers and is_unchanged(headers, etag, None):
                await send.all(304, [(b"etag", etag), _REVALIDATE, _VARY], b"")
                self._metrics.answers.labels("unchanged").inc()
                return
            source, kept = "made", await self._made(scope, receive, send, key, published, etag)
            if kept is None:
                return
        scope["kept_route"] = kept.route
        if is_unchanged(headers, kept.etag, published.changed_at if kept.until == _ALWAYS else None):
            source = "unchanged"
            await send.all(304, kept.unchanged, b"")
        else:
            await send.all(200, kept.headers, b"" if scope["method"] == "HEAD" else kept.body)
        self._metrics.answers.labels(source).inc()

    async def _made(
        self, scope: Scope, receive: Receive, send: "_Sent", key: tuple[object, ...], published: Published, etag: bytes
    ) -> Kept | None:
        """Let the application answer, and keep that; None where it is no success, which is sent as it is."""
        answer = _Collected()
        asked = {**scope, "method": "GET"}
        await self._app(asked, receive, answer)
        scope["route"] = asked.get("route")
        headers = [(name, value) for name, value in answer.headers if name != MARK]
        body = bytes(answer.body)
        if answer.status != 200:
            await send.all(answer.status, headers, b"" if scope["method"] == "HEAD" else body)
            return None
        mark = dict(answer.headers).get(MARK, b"").decode()
        if not mark:
            etag, until = etag_of(sha256(body).hexdigest(), key[3]), time.monotonic() + _CHANGING_SECONDS
        elif mark == published.mark:
            until = _ALWAYS
        else:  # published anew since it was looked up: the next look sees it
            etag, until = etag_of(sha256(body).hexdigest(), mark), 0.0
        if key[3] and len(body) >= _COMPRESSED_FROM and not _is_compressed(headers):
            body = await to_thread.run_sync(lambda: gzip.compress(body, 5, mtime=0))
            headers = [(name, value) for name, value in headers if name != b"content-length"]
            headers += [(b"content-encoding", b"gzip"), (b"content-length", str(len(body)).encode())]
        unchanged = [(b"etag", etag), _REVALIDATE, _VARY]
        if until == _ALWAYS:
            unchanged.append((b"last-modified", http_date(published.changed_at)))
        kept = Kept(body, [*headers, *unchanged, _NOSNIFF], unchanged, etag, _route(scope), until)
        if until and kept.size <= self._largest:
            self._cache[key] = kept
        return kept


_ALWAYS = float("inf")


class _Sent:
    """Sends, and knows the status that was sent."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status: int | None = None

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
        await self._send(message)

    async def all(self, status: int, headers: Headers, body: bytes) -> None:
        self.status = status
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body})


class _Collected:
    """Collects an answer."""

    def __init__(self) -> None:
        self.status = 500
        self.headers: Headers = []
        self.body = bytearray()

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status, self.headers = message["status"], list(message["headers"])
        elif message["type"] == "http.response.body":
            self.body += message.get("body", b"")


@lru_cache(maxsize=4096)
def normalised(query: bytes) -> str:
    """Return a query with its parameters in order, so that two that mean the same are one."""
    return urlencode(sorted(parse_qsl(query.decode("latin-1"), keep_blank_values=True)))


@lru_cache(maxsize=1024)
def takes_gzip(accept_encoding: bytes) -> bool:
    """Tell whether a client takes gzip."""
    for part in accept_encoding.decode("latin-1").lower().split(","):
        name, _, weight = part.partition(";")
        if name.strip() in ("gzip", "*"):
            return weight.replace(" ", "") not in ("q=0", "q=0.0", "q=0.00", "q=0.000")
    return False


def key_of(headers: Mapping[bytes, bytes]) -> str:
    """Return the API key of a request: of X-API-Key, of a bearer, or the password that a browser sends."""
    if b"x-api-key" in headers:
        return headers[b"x-api-key"].decode("latin-1")
    scheme, _, rest = headers.get(b"authorization", b"").decode("latin-1").partition(" ")
    if scheme.lower() == "bearer":
        return rest.strip()
    if scheme.lower() == "basic":
        with suppress(binascii.Error, UnicodeDecodeError):
            return base64.b64decode(rest, validate=True).decode().partition(":")[2]
    return ""


def _client(scope: Scope, headers: Mapping[bytes, bytes], with_keys: bool) -> str:
    if with_keys:  # the key is good by now, and its id is no secret
        return key_of(headers).split("_")[1]
    return str((scope.get("client") or ("unknown",))[0])


def _route(scope: Scope) -> str:
    """Return the template of the route that answered, which has no value of a request in it."""
    route = scope.get("kept_route") or getattr(scope.get("route"), "path", None)
    return route if isinstance(route, str) else "other"


def _is_compressed(headers: Headers) -> bool:
    kind = dict(headers).get(b"content-type", b"")
    return kind.endswith(b"parquet")
