"""Dumps of whole databases, by Postgres' own programs, which the embedded server brings.

A dump is of one moment, whatever is written meanwhile. Users and rights are not in it: they belong to a server.
"""

import os
import subprocess
from pathlib import Path

import psycopg
from psycopg import sql
from psycopg.pq import Conninfo
from pydantic import SecretStr

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.embedded_postgres import program
from food_inspections_dagster.settings import DatabaseUrl

_WITHOUT_USERS = ("--no-owner", "--no-privileges")
_SCHEMAS = r"""
    SELECT nspname FROM pg_namespace
    WHERE nspname NOT LIKE 'pg\_%' AND nspname NOT IN ('information_schema', 'public') ORDER BY nspname
"""
_IN_PUBLIC = """
    SELECT relname FROM pg_class WHERE relnamespace = 'public'::regnamespace AND relkind IN ('r', 'p') ORDER BY relname
"""


def dump(url: SecretStr, file: Path) -> None:
    """Write a database to a file.

    Raises:
        FoodInspectionsError: where the server refuses, or is newer than the program.
    """
    _run("pg_dump", url, ["--format=custom", *_WITHOUT_USERS, f"--file={file}"])


def load(url: SecretStr, file: Path) -> None:
    """Read a dump into a database that holds nothing, in one transaction.

    Raises:
        FoodInspectionsError: where it cannot be read; the database holds nothing then.
    """
    name = f"--dbname={DatabaseUrl.parse(url.get_secret_value()).database}"
    _run("pg_restore", url, ["--single-transaction", "--exit-on-error", *_WITHOUT_USERS, name, str(file)])
    with psycopg.connect(url.get_secret_value(), autocommit=True) as connection:
        connection.execute("ANALYZE")


def clear(connection: psycopg.Connection) -> None:
    """Drop every schema of a database, and the tables of ``public``; whoever gives the connection commits."""
    for (schema,) in connection.execute(_SCHEMAS).fetchall():
        connection.execute(sql.SQL("DROP SCHEMA {} CASCADE").format(sql.Identifier(schema)))
    for (table,) in connection.execute(_IN_PUBLIC).fetchall():
        connection.execute(sql.SQL("DROP TABLE {} CASCADE").format(sql.Identifier("public", table)))


def _run(name: str, url: SecretStr, arguments: list[str]) -> None:
    # In the environment, since everybody on the machine can read the arguments of a process.
    given = {
        option.envvar.decode(): option.val.decode()
        for option in Conninfo.parse(url.get_secret_value().encode())
        if option.envvar and option.val
    }
    others = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    variables, command = {**others, **given, "LC_MESSAGES": "C"}, [str(program(name)), *arguments]
    done = subprocess.run(command, env=variables, capture_output=True, text=True, check=False)  # noqa: S603
    if done.returncode != 0:
        words = next((line for line in done.stderr.splitlines() if "error:" in line), done.stderr.strip() or "no words")
        raise FoodInspectionsError(
            f"{name} of the database {given.get('PGDATABASE', '')} failed ({words.partition('error: ')[2] or words}): "
            "mend that and run it again."
        )
