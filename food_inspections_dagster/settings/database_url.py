"""The URL of a Postgres server, taken apart and put together without ever showing its password.

A parser's own words often hold a piece of what it could not read, and the piece may be the password. So the text
is checked here first, and no parser is quoted.
"""

import re
from dataclasses import dataclass
from urllib.parse import quote, urlsplit, urlunsplit

import psycopg
from psycopg.conninfo import conninfo_to_dict

from food_inspections_dagster.errors import FoodInspectionsError

_ENCODE = "percent-encode reserved characters of the user and the password, such as %40 for @ and %2F for /"
_NOT_READABLE = f"it cannot be read as postgresql://user:password@host:port/database: {_ENCODE}"


@dataclass(frozen=True, repr=False)
class DatabaseUrl:
    """A checked URL; see :meth:`parse`.

    Attributes:
        text: the URL; it may hold a password, which is why it is not in ``repr``.
        host: name, address, or the directory of a unix socket; empty where libpq's default holds.
        port: TCP port, 5432 by default.
        user, database: decoded; empty where the URL names none.
    """

    text: str
    host: str
    port: int
    user: str
    database: str

    @classmethod
    def parse(cls, text: str) -> "DatabaseUrl":
        """Take a URL apart as libpq does.

        Raises:
            FoodInspectionsError: for a URL that libpq, SQLAlchemy and Python would not read alike; nothing of
                the URL is in the sentence.
        """
        if not re.match(r"postgres(ql)?://", text):
            raise _Refused("it must begin with postgresql://")
        if re.search(r"[\s#\\\x00-\x1f]", text) or re.search(r"%(?![0-9A-Fa-f]{2})", text) or "%00" in text:
            raise _Refused(_NOT_READABLE)
        # libpq ends user and password at the first @ or /, Python at the last @ before the first / or ?.
        after_scheme = text.split("://", 1)[1]
        authority = re.split(r"[/?]", after_scheme, maxsplit=1)[0]
        if after_scheme.count("@") != authority.count("@") or authority.count("@") > 1:
            raise _Refused(_NOT_READABLE)
        try:
            parts = urlsplit(text)
            port = parts.port
            fields = conninfo_to_dict(text)
        except (ValueError, psycopg.Error):
            raise _Refused(_NOT_READABLE) from None
        host = str(fields.get("host") or "")
        given_port = str(fields.get("port") or port or 5432)
        if "," in host or not given_port.isdecimal() or not 0 < int(given_port) < 65536:
            raise _Refused("it must name one host, and a port from 1 to 65535")
        return cls(text, host, int(given_port), str(fields.get("user") or ""), str(fields.get("dbname") or ""))

    def with_database(self, name: str) -> str:
        """Return the URL of another database of the same server; it may hold a password."""
        parts = urlsplit(self.text)
        query = "&".join(part for part in parts.query.split("&") if not part.startswith("dbname="))
        return urlunsplit(parts._replace(path=f"/{quote(name, safe='')}", query=query))

    @property
    def place(self) -> str:
        """Host and port, for sentences."""
        return f"{self.host or 'localhost'}:{self.port}"

    def __repr__(self) -> str:
        return f"DatabaseUrl({self.place}, user={self.user!r}, database={self.database!r})"


class _Refused(FoodInspectionsError, ValueError):
    """Also a ``ValueError``, so that pydantic reports it with the name of the setting."""
