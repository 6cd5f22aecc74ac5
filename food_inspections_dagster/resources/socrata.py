"""sodapy, and all that it needs from us: its last release is of 2022, so every workaround stands here.

- ``get`` makes a dict per row: 10 CPU seconds for 300,000 rows. :class:`_Answer` hands over the bytes instead.
- It reads ``text`` only to see whether there is a body: that decodes 85 MB a page, and where the header names no
  charset, requests guesses it over the whole body, for minutes.
- requests reads a body in pieces of 10 KB.
- An error whose JSON is no object ends in an AttributeError.
- A content type that it does not know, such as a proxy's HTML page, is a bare Exception.
- Without an app token it warns through the root logger, on every start of every process.
- It knows https only, and one timeout for connecting and reading.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

import orjson
import requests
from sodapy import Socrata

from food_inspections_dagster.resources.soda_rows import parse_value
from food_inspections_dagster.settings.names import LOOPBACK

_PIECE_BYTES = 2**20


class NotJsonError(ValueError):
    """The portal answered with something that is no JSON."""


@dataclass(frozen=True)
class Body:
    """An answer as received: its JSON text, and the names of its columns where the header gives them."""

    text: bytes
    fields: tuple[str, ...] | None

    def value(self) -> Any:
        """Return the JSON value, for small answers.

        Raises:
            ValueError: when it is no JSON.
        """
        return parse_value(self.text)


class PortalSession(Socrata):
    """A sodapy client whose ``get`` and ``get_metadata`` return a :class:`Body`.

    Args:
        url: base URL of the portal.
        token: app token, empty for none.
    """

    def __init__(self, url: str, token: str) -> None:
        parts = urlsplit(url)
        super().__init__(parts.netloc + parts.path, token or "none")
        if not token:
            del self.session.headers["X-App-token"]
        self.uri_prefix = f"{parts.scheme}://"
        if parts.hostname in LOOPBACK:
            # A network is slower than compression, loopback is not: 3.5 CPU seconds more on both sides, 300,000 rows.
            self.session.headers["Accept-Encoding"] = "identity"
        self.session.hooks["response"].append(_as_answer)

    def wait_at_most(self, seconds: float, silence: float) -> None:
        """Set the longest wait for a connection, and the longest silence while an answer is awaited or read."""
        self.timeout = (seconds, silence)

    def _perform_request(self, request_type: str, resource: str, **options: Any) -> Body:
        try:
            answer = super()._perform_request(request_type, resource, **options)
        except Exception as error:
            if type(error) is Exception:
                raise NotJsonError(str(error)) from None
            raise
        if not isinstance(answer, Body):  # an empty body, or plain text
            raise NotJsonError("an answer that is no JSON")
        return answer


class _Answer(requests.Response):
    """A response of which sodapy takes the bytes."""

    def iter_content(self, chunk_size: int | None = 1, decode_unicode: bool = False) -> Iterator[Any]:
        return super().iter_content(max(chunk_size or 1, _PIECE_BYTES), decode_unicode)

    @property
    def text(self) -> str:
        if "json" in self.headers.get("Content-Type", ""):
            return "JSON" if self.content else ""
        return super().text

    def json(self, **options: Any) -> Any:
        if self.ok:
            return Body(self.content, self._fields())
        message = parse_value(self.content)
        return message if isinstance(message, dict) else {}

    def _fields(self) -> tuple[str, ...] | None:
        try:
            names = orjson.loads(self.headers.get("X-SODA2-Fields", ""))
        except ValueError:
            return None
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            return None
        return tuple(names)


def _as_answer(response: requests.Response, *_: Any, **__: Any) -> _Answer:
    answer = _Answer()
    answer.__dict__.update(response.__dict__)
    return answer
