"""Conditional requests: an answer that the client has already is not sent again."""

from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime, parsedate_to_datetime
from hashlib import sha256

Headers = Mapping[bytes, bytes]


def etag_of(*parts: object) -> bytes:
    """Return an entity tag that changes with any of its parts; weak, as the same answer may be compressed."""
    digest = sha256()
    for part in parts:
        digest.update(f"{part}\0".encode())
    return b'W/"' + digest.hexdigest()[:32].encode() + b'"'


def http_date(moment: datetime) -> bytes:
    """Return an aware moment as HTTP writes it."""
    return format_datetime(moment.astimezone(UTC), usegmt=True).encode()


def is_unchanged(headers: Headers, etag: bytes, modified: datetime | None) -> bool:
    """Tell whether a client has this answer: by its tag where it names some, else by the date (RFC 9110, 13.2.2).

    ``*`` asks whether there is any answer at all, which is not known before it is made: it is answered.
    """
    tags = headers.get(b"if-none-match")
    if tags is not None:
        opaque = etag.removeprefix(b"W/")
        return any(tag.strip().removeprefix(b"W/") == opaque for tag in tags.split(b","))
    since = headers.get(b"if-modified-since")
    if since is None or modified is None:
        return False
    try:
        return modified.replace(microsecond=0) <= parsedate_to_datetime(since.decode("latin-1"))
    except (ValueError, TypeError):  # no date, or one without a zone
        return False
