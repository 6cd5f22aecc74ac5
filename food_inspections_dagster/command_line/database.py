"""What `food-inspections database` does: roles, schemas and rights, and tables that are stored in another shape."""

from collections.abc import Iterator

import psycopg
from rich.console import Console

from food_inspections_dagster.catalog import OWNER, PIPELINE, READER
from food_inspections_dagster.command_line.findings import print_findings
from food_inspections_dagster.errors import Finding, FoodInspectionsError
from food_inspections_dagster.resources import migrations, roles
from food_inspections_dagster.resources.dagster_storage import storage_url
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.settings import Settings


def create(console: Console, settings: Settings) -> None:
    """Make databases, roles, schemas and rights where they are not there; done again, it sets the passwords again.

    Raises:
        FoodInspectionsError: where the user of ``database.url`` may not.
    """
    database, given = Database.from_settings(settings), settings.database
    secrets = {OWNER: given.owner_password, PIPELINE: given.pipeline_password, READER: given.reader_password}
    passwords = {role: secret.get_secret_value() for role, secret in secrets.items() if secret is not None}
    with database.session() as connection:
        roles.create_roles(connection, passwords)
        roles.hand_over(connection)
        connection.commit()  # Dagster's database is handed to a role that is there
        with psycopg.connect(storage_url(settings)) as of_dagster:
            roles.hand_over(of_dagster, ("public",))
    console.print(
        f"{database.place}, and {settings.dagster_database_name} beside it, belong to {OWNER}; {PIPELINE} may write, "
        f"{READER} may read what is published.",
        soft_wrap=True,
    )
    without = [role for role in secrets if role not in passwords]
    if without and not given.is_embedded:
        keys = ", ".join(f"database.{role.removeprefix('food_inspections_')}_password" for role in without)
        words = f"No password was set for {', '.join(without)}: give {keys}, in conf/local or as variables"
        print_findings(console, [Finding(f"{words}, then repeat this.", is_problem=False)])


def check(console: Console, settings: Settings) -> bool:
    """Say what is missing, a sentence for each, and make nothing; return whether nothing is."""
    sound = print_findings(console, _findings(settings))
    if sound:
        console.print(f"{Database.from_settings(settings).place} can be used.", soft_wrap=True)
    return sound


def _findings(settings: Settings) -> Iterator[Finding]:
    database = Database.from_settings(settings)
    made_by = "`food-inspections database create` makes it"
    try:
        if not database.exists():
            yield Finding(f"The database {database.database} does not exist: {made_by}.")
            return
        with database.session(as_it_is=True) as connection:
            if settings.database.is_embedded:
                yield Finding("The embedded server has one user, so roles are not looked at.", is_problem=False)
            else:
                yield from roles.missing(connection)
            named = [settings.dagster_database_name]
            if connection.execute("SELECT FROM pg_database WHERE datname = %s", named).fetchone() is None:
                yield Finding(f"Dagster's database {named[0]} does not exist: {made_by}.")
            made = connection.execute("SELECT FROM pg_namespace WHERE nspname = 'metadata'").fetchone() is not None
        if made:
            yield from migrations.differences(database)
    except FoodInspectionsError as error:
        yield Finding(str(error))


def remake(console: Console, settings: Settings, table: str) -> None:
    """Drop a table that is stored in another shape; the next run makes its weeks.

    Raises:
        FoodInspectionsError: for a table that the pipeline does not make.
    """
    asset = migrations.remake(Database.from_settings(settings), table)
    console.print(
        f"{table} is dropped, and all weeks of {asset} count as never made: `make run` makes them. Older lists are a "
        "backfill away.",
        soft_wrap=True,
    )
