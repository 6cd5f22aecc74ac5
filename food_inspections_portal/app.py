"""The HTTP side: SODA 2.1's paths, app tokens, throttling, metadata, edits and faults, as a Starlette
application.
"""

import hashlib
import ipaddress
import math
import threading
import time
import zlib
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import anyio
import orjson
from anyio import to_thread
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route
from starlette.types import Receive, Scope, Send

from food_inspections_portal.errors import SodaError
from food_inspections_portal.faults import Fault, Faults, read_fault
from food_inspections_portal.identity import FIELD, FIELD_SET
from food_inspections_portal.soql import NUMBER, TEXT, Column, compile_query
from food_inspections_portal.table import Body, DatasetTable

_JSON = "application/json; charset=utf-8"
_TOKEN_PARAMETER = "$$app_token"  # noqa: S105 - the name of a parameter
_LARGEST_POST = 64 * 2**20
_LEAST_COMPRESSED = 1024


@dataclass(frozen=True)
class Throttle:
    """At most ``requests`` requests in ``seconds`` from one address without an app token."""

    requests: int
    seconds: float


class PortalApp:
    """The portal over some datasets.

    Args:
        tables: datasets by id.
        app_tokens: tokens that are good; with none, every token is.
        throttle: limit on requests without a token; None for no limit.
        identity: name of the data, which the metadata publish; None for none.
    """

    def __init__(
        self,
        tables: Mapping[str, DatasetTable],
        app_tokens: Sequence[str],
        throttle: Throttle | None,
        identity: str | None = None,
    ) -> None:
        self._tables = tables
        self._identity = identity
        self._tokens = frozenset(app_tokens)
        self._throttle = throttle
        self._recent: dict[str, deque[float]] = {}
        self._throttle_lock = threading.Lock()
        self.faults = Faults()
        self.starlette = Starlette(
            routes=[
                Route("/resource/{id}.json", self._read, methods=["GET"]),
                Route("/resource/{id}.json", self._upsert, methods=["POST"]),
                Route("/resource/{id}/{row}.json", self._delete, methods=["DELETE"]),
                Route("/api/views/{id}.json", self._metadata, methods=["GET"]),
                Route("/control/rows/{id}.json", self._delete_where, methods=["DELETE"]),
                Route("/control/faults", self._add_fault, methods=["POST"]),
                Route("/control/faults", self._clear_faults, methods=["DELETE"]),
            ],
            exception_handlers={SodaError: _soda_error, HTTPException: _http_error, Exception: _failure},
        )

    # Reading.

    async def _read(self, request: Request) -> Response:
        self._admit(request)
        table = self._table(request)
        clauses = _clauses(request)
        columns = table.columns
        query = await to_thread.run_sync(compile_query, clauses, columns, table.dataset.id)
        faults = self.faults.due("counts" if query.aggregated else "rows")
        if "changed_schema" in faults:
            columns = _changed(columns, faults["changed_schema"])
            query = compile_query(clauses, columns, table.dataset.id)
        if "repeated_page" in faults:
            query = replace(query, offset=max(0, query.offset - query.limit))
        dropped = faults["missing_rows"].rows if "missing_rows" in faults else 0
        spoiled = await _spoilt(faults)
        if spoiled is not None:
            return spoiled
        body = await to_thread.run_sync(table.answer, query, dropped)
        if "broken_json" in faults:
            body = Body.of(b"".join(body.pieces)[:-3])
        if "lone_surrogate" in faults:
            begin = orjson.dumps(faults["lone_surrogate"].column) + b':"'
            body = Body.of(b"".join(body.pieces).replace(begin, begin + rb"\ud800"))
        headers = {
            "X-SODA2-Fields": orjson.dumps([output.name for output in query.outputs]).decode(),
            "X-SODA2-Types": orjson.dumps([output.type for output in query.outputs]).decode(),
            "Last-Modified": _http_date(table),
        }
        return await _sent(request, body, headers, cut="cut_body" in faults)

    async def _metadata(self, request: Request) -> Response:
        self._admit(request)
        table = self._table(request)
        faults = self.faults.due("metadata")
        spoiled = await _spoilt(faults)
        if spoiled is not None:
            return spoiled
        changed = faults.get("changed_schema")
        columns = table.columns if changed is None else _changed(table.columns, changed)
        text = orjson.dumps(_view(table, columns, self._identity))
        body = Body.of(text[:-3] if "broken_json" in faults else text)
        return await _sent(request, body, {}, cut="cut_body" in faults)

    # Writing.

    async def _upsert(self, request: Request) -> Response:
        self._admit_writer(request)
        table = self._table(request)
        rows = await _posted(request)
        if isinstance(rows, dict):
            rows = [rows]
        if not isinstance(rows, list):
            raise SodaError(400, "invalid_request", "Post a row or a list of rows as JSON.")
        return _answer(await to_thread.run_sync(table.upsert, rows))

    async def _delete(self, request: Request) -> Response:
        self._admit_writer(request)
        gone = await to_thread.run_sync(self._table(request).delete, request.path_params["row"])
        return _answer({"Rows Deleted": gone})

    async def _delete_where(self, request: Request) -> Response:
        """Delete the rows of a ``$where``, which the portal's own API cannot: to empty a week, for tests."""
        self._admit_writer(request)
        clauses = _clauses(request)
        if clauses.keys() != {"$where"}:
            raise SodaError(400, "invalid_request", "Name the rows to delete by $where, and by nothing else.")
        gone = await to_thread.run_sync(self._table(request).delete_where, clauses["$where"])
        return _answer({"Rows Deleted": gone})

    # Faults.

    async def _add_fault(self, request: Request) -> Response:
        _on_loopback(request)
        self.faults.add(read_fault(await _posted(request)))
        return _answer({"ok": True})

    async def _clear_faults(self, request: Request) -> Response:
        _on_loopback(request)
        self.faults.clear()
        return _answer({"ok": True})

    # Who may.

    def _table(self, request: Request) -> DatasetTable:
        name = request.path_params["id"]
        if name not in self._tables:
            raise SodaError(404, "dataset.missing", "Not found", {"id": name})
        return self._tables[name]

    def _admit(self, request: Request) -> None:
        token = request.headers.get("X-App-Token") or request.query_params.get(_TOKEN_PARAMETER)
        if token:
            if self._tokens and token not in self._tokens:
                raise SodaError(403, "permission_denied", "Invalid app_token specified")
        elif self._throttle is not None:
            wait = self._wait(request.client.host if request.client else "", self._throttle)
            if wait > 0:
                seconds = str(max(1, math.ceil(wait)))
                raise HTTPException(429, "Requests without an app token are throttled", {"Retry-After": seconds})

    def _admit_writer(self, request: Request) -> None:
        """Edits are for this machine; where tokens are configured, they also need one."""
        _on_loopback(request)
        self._admit(request)
        if self._tokens and not request.headers.get("X-App-Token"):
            raise SodaError(403, "permission_denied", "Edits need an app token here")

    def _wait(self, address: str, throttle: Throttle) -> float:
        """Return the seconds until this address may ask again, 0 if it may now."""
        now = time.monotonic()
        with self._throttle_lock:
            recent = self._recent.setdefault(address, deque())
            while recent and recent[0] <= now - throttle.seconds:
                recent.popleft()
            if len(recent) < throttle.requests:
                recent.append(now)
                return 0.0
            return recent[0] + throttle.seconds - now


async def _sent(request: Request, body: Body, headers: Mapping[str, str], cut: bool) -> Response:
    """Return the answer, compressed where the client accepts it, as the City's portal does."""
    headers = {**headers, "Vary": "Accept-Encoding"}
    if body.length >= _LEAST_COMPRESSED and _accepts_gzip(request):
        body = await to_thread.run_sync(_compressed, body)
        headers["Content-Encoding"] = "gzip"
    return _Pieces(body, headers, cut)


def _accepts_gzip(request: Request) -> bool:
    for part in request.headers.get("Accept-Encoding", "").split(","):
        coding, _, weight = part.replace(" ", "").partition(";q=")
        if coding in ("gzip", "*"):
            return weight.strip("0.") != "" or not weight
    return False


def _compressed(body: Body) -> Body:
    # The fastest level: the next ones cost twice the time for a tenth of the bytes.
    packer = zlib.compressobj(level=1, wbits=31)
    pieces = [packer.compress(piece) for piece in body.pieces]
    pieces.append(packer.flush())
    return Body(tuple(pieces), sum(len(piece) for piece in pieces))


class _Pieces(Response):
    """A JSON answer sent piece by piece, so that the pieces are never copied into one."""

    media_type = None

    def __init__(self, body: Body, headers: Mapping[str, str], cut: bool = False) -> None:
        super().__init__(None, headers={**headers, "Content-Type": _JSON, "Content-Length": str(body.length)})
        self._pieces = body.pieces
        self._cut = cut
        self._length = body.length

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        if self._cut:
            half = b"".join(self._pieces)[: self._length // 2]
            # Returning without the last part makes the server close the connection in the middle of the body.
            await send({"type": "http.response.body", "body": half, "more_body": True})
            return
        for piece in self._pieces:
            await send({"type": "http.response.body", "body": piece, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})


async def _spoilt(faults: Mapping[Any, Fault]) -> Response | None:
    if "slow" in faults:
        await anyio.sleep(faults["slow"].seconds)
    if "status" in faults:
        fault = faults["status"]
        headers = {} if fault.retry_after is None else {"Retry-After": f"{fault.retry_after:g}"}
        error = SodaError(fault.status, "internal_error", "This failure was asked for by /control/faults")
        return _answer(error.body(), fault.status, headers)
    if "html" in faults:
        return Response("<html><body>We'll be back soon</body></html>", media_type="text/html")
    return None


def _clauses(request: Request) -> dict[str, str]:
    clauses: dict[str, str] = {}
    for name, value in request.query_params.multi_items():
        if name == _TOKEN_PARAMETER:
            continue
        if name in clauses:
            raise SodaError(400, "invalid_request", f"{name} is given twice.")
        clauses[name] = value
    return clauses


def _changed(columns: Sequence[Column], fault: Fault) -> tuple[Column, ...]:
    """Return the columns as ``changed_schema`` would have them."""
    changed = []
    for column in columns:
        if column.name in fault.drop:
            continue
        retyped = fault.retype.get(column.name)
        if retyped == TEXT:
            column = replace(column, type=TEXT, sql=f"('[' || {column.sql} || ']')")
        elif retyped == NUMBER:
            column = replace(column, type="json", sql=f"CAST(TRY_CAST({column.sql} AS DOUBLE) AS VARCHAR)")
        changed.append(column)
    for name, value in fault.add.items():
        changed.append(Column(name, TEXT, "'" + str(value).replace("'", "''") + "'"))
    return tuple(changed)


def _view(table: DatasetTable, columns: Sequence[Column], identity: str | None) -> dict[str, Any]:
    dataset = table.dataset
    moment = int(table.rows_updated_at.timestamp())
    shown = [
        {
            "id": int.from_bytes(hashlib.sha256(column.name.encode()).digest()[:4], "big"),
            "name": column.name,
            "fieldName": column.name,
            "dataTypeName": "number" if column.type == "json" else column.type,
            "renderTypeName": "number" if column.type == "json" else column.type,
            "position": position,
        }
        for position, column in enumerate((c for c in columns if not c.system), 1)
    ]
    identifier = [column["id"] for column in shown if column["fieldName"] == dataset.row_identifier]
    return {
        "id": dataset.id,
        "name": dataset.name,
        "attribution": dataset.attribution,
        "assetType": "dataset",
        "rowsUpdatedAt": moment,
        "viewLastModified": moment,
        **({"rowIdentifierColumnId": identifier[0]} if identifier else {}),
        "columns": shown,
        **({"metadata": {"custom_fields": {FIELD_SET: {FIELD: identity}}}} if identity else {}),
    }


def _http_date(table: DatasetTable) -> str:
    return table.rows_updated_at.strftime("%a, %d %b %Y %H:%M:%S GMT")


async def _posted(request: Request) -> Any:
    if int(request.headers.get("Content-Length") or 0) > _LARGEST_POST:
        raise SodaError(413, "invalid_request", "Post at most 64 MiB at once.")
    try:
        return orjson.loads(await request.body())
    except orjson.JSONDecodeError:
        raise SodaError(400, "invalid_request", "The body is not JSON.") from None


def _on_loopback(request: Request) -> None:
    host = request.client.host if request.client else ""
    try:
        near = ipaddress.ip_address(host).is_loopback
    except ValueError:
        near = False
    if not near:
        raise SodaError(403, "permission_denied", "Edits and faults are accepted from this machine only")


def _answer(content: Any, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    return Response(orjson.dumps(content), status, {"Content-Type": _JSON, **(headers or {})})


async def _soda_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, SodaError)
    return _answer(error.body(), error.status)


async def _http_error(request: Request, error: Exception) -> Response:
    """Write Starlette's own refusals, such as 404 and 405, and our throttling in the portal's form."""
    assert isinstance(error, HTTPException)
    codes = {404: "not_found", 405: "method_not_allowed", 429: "throttled"}
    body = SodaError(error.status_code, codes.get(error.status_code, "invalid_request"), error.detail).body()
    return _answer(body, error.status_code, error.headers)


async def _failure(request: Request, error: Exception) -> Response:
    return _answer(SodaError(500, "internal_error", f"{type(error).__name__}: {error}").body(), 500)
