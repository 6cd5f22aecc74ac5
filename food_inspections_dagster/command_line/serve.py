"""What `food-inspections serve` and `food-inspections keys` do."""

import os
import sys
from collections.abc import Sequence
from getpass import getuser

from rich.console import Console
from rich.markup import escape

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.serving import keys
from food_inspections_dagster.settings import Settings


def command(host: str | None, port: int | None, without_keys: bool = False) -> list[str]:
    """Return the command of the server: a process of its own, without Dagster, which takes a third of the memory."""
    options = [("--host", host), ("--port", port)]
    given = [part for name, value in options if value is not None for part in (name, str(value))]
    everybody = ["--without-keys"] if without_keys else []
    return [sys.executable, "-m", "food_inspections_dagster.serving", *given, *everybody]


def environment(settings: Settings) -> dict[str, str]:
    """Return the environment in which the server reads the same settings."""
    return {**os.environ, **settings.environment_variables()}


def serve(settings: Settings, host: str | None, port: int | None, without_keys: bool) -> None:
    """Become the server."""
    arguments = command(host, port, without_keys)
    os.execve(arguments[0], arguments, environment(settings))  # noqa: S606 - our own interpreter


def create_key(console: Console, database: Database, name: str, scopes: Sequence[str], who: str = "") -> None:
    """Make a key and print it, for the only time.

    Raises:
        FoodInspectionsError: for a name or scopes that are none.
    """
    with database.connect() as connection:
        key = keys.create(connection, name, scopes, who or getuser())
    console.print(key, markup=False, soft_wrap=True)
    console.print("It is not shown again: only its hash is kept.")


def list_keys(console: Console, database: Database) -> None:
    """Print the keys that there are."""
    with database.connect() as connection:
        there = keys.listed(connection)
    for key in there:
        state = f"revoked {key.revoked_at:%Y-%m-%d}" if key.revoked_at else "in force"
        console.print(
            escape(f"{key.key_id}  {key.name}: {', '.join(key.scopes)}; {state}; ")
            + f"made {key.created_at:%Y-%m-%d} by {escape(key.created_by)}",
            soft_wrap=True,
        )
    if not there:
        console.print("There are no keys: `food-inspections keys create` makes one.")


def revoke_key(console: Console, database: Database, key_id: str) -> None:
    """Let a key open nothing any more.

    Raises:
        FoodInspectionsError: where there is no such key.
    """
    with database.connect() as connection:
        keys.revoke(connection, key_id)
    console.print(f"{key_id} opens nothing any more; servers know within seconds.")
