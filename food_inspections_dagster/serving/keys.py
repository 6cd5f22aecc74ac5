"""API keys: random, shown once, kept as hashes, each with the scopes that it opens."""

import hmac
import re
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from typing import Any

import psycopg
from psycopg import sql

from food_inspections_dagster.catalog import READER
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving import queries

#: What a key may open.
SCOPES = {"read": "every GET, and the dashboard", "compute": "POST /v1/predict and /v1/plan"}
_PREFIX = "fi"
_NAME = re.compile(r"^[\w .@-]{1,80}$")
# Hashes of 256 random bits: nothing that is slow to compute would make them harder to guess.
_TABLE = """
CREATE SCHEMA IF NOT EXISTS {api};
CREATE TABLE IF NOT EXISTS {keys} (
    key_id text PRIMARY KEY,
    name text NOT NULL,
    key_hash text NOT NULL,
    scopes text[] NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    created_by text NOT NULL,
    revoked_at timestamptz
);
COMMENT ON TABLE {keys} IS 'API keys: hashes, scopes, who made them';
"""


@dataclass(frozen=True)
class Key:
    """A key as it is listed; nobody can read the key itself again."""

    key_id: str
    name: str
    scopes: tuple[str, ...]
    created_at: datetime
    created_by: str
    revoked_at: datetime | None


def create(connection: psycopg.Connection[Any], name: str, scopes: Iterable[str], who: str) -> str:
    """Make a key and return it; only its hash is kept.

    Args:
        connection: with the right to write; whoever gives it commits.

    Raises:
        FoodInspectionsError: for a scope that there is not, none, or a name that is no name.
    """
    wanted = tuple(dict.fromkeys(scopes))
    if not wanted or set(wanted) - set(SCOPES):
        raise FoodInspectionsError(f"A key opens some of {', '.join(SCOPES)}: name them with --scope.")
    if not _NAME.match(name):
        raise FoodInspectionsError("A key is named after who uses it, in at most 80 letters: give it with --name.")
    connection.execute(queries.query(_TABLE, api=sql.Identifier(queries.SCHEMA)))
    role = connection.execute("SELECT 1 FROM pg_roles WHERE rolname = %s", [READER]).fetchone()
    if role is not None:
        connection.execute(queries.query("GRANT SELECT ON {keys} TO {role}", role=sql.Identifier(READER)))
    key_id, secret = secrets.token_hex(6), secrets.token_urlsafe(32)
    connection.execute(
        queries.query("INSERT INTO {keys} (key_id, name, key_hash, scopes, created_by) VALUES (%s, %s, %s, %s, %s)"),
        [key_id, name, _hash(secret), list(wanted), who],
    )
    return f"{_PREFIX}_{key_id}_{secret}"


def listed(connection: psycopg.Connection[Any]) -> list[Key]:
    """Return all keys, the newest first."""
    if not _exists(connection):
        return []
    rows = connection.execute(
        queries.query(
            "SELECT key_id, name, scopes, created_at, created_by, revoked_at FROM {keys}"
            " ORDER BY created_at DESC, key_id"
        )
    ).fetchall()
    return [Key(key_id, name, tuple(scopes), *rest) for key_id, name, scopes, *rest in rows]


def revoke(connection: psycopg.Connection[Any], key_id: str) -> None:
    """Let a key open nothing any more; servers know within seconds.

    Raises:
        FoodInspectionsError: where there is no such key, or it was revoked before.
    """
    statement = queries.query("UPDATE {keys} SET revoked_at = now() WHERE key_id = %s AND revoked_at IS NULL")
    if not _exists(connection) or connection.execute(statement, [key_id]).rowcount == 0:
        raise FoodInspectionsError(f"'{key_id}' opens nothing: `food-inspections keys list` lists the keys.")


@dataclass(frozen=True)
class Keyring:
    """The keys that open something: by id, who it belongs to, the hash, the scopes."""

    keys: Mapping[str, tuple[str, str, frozenset[str]]]

    @classmethod
    def of_rows(cls, rows: Iterable[Mapping[str, Any]]) -> "Keyring":
        """Return the keyring of the rows of ``queries.KEYS``."""
        return cls({row["key_id"]: (row["name"], row["key_hash"], frozenset(row["scopes"])) for row in rows})

    def scopes(self, text: str) -> frozenset[str] | None:
        """Return what a key opens, None where it is no key of ours."""
        prefix, _, rest = text.partition("_")
        key_id, _, secret = rest.partition("_")
        _, known, scopes = self.keys.get(key_id, ("", "", frozenset()))
        # Compared even where there is no such key: the time tells nothing.
        return scopes if hmac.compare_digest(_hash(secret), known) and prefix == _PREFIX else None


def _hash(secret: str) -> str:
    return sha256(secret.encode()).hexdigest()


def _exists(connection: psycopg.Connection[Any]) -> bool:
    row = connection.execute("SELECT to_regclass(%s) IS NOT NULL", [f"{queries.SCHEMA}.keys"]).fetchone()
    return row is not None and bool(row[0])
