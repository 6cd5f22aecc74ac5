"""The command line: `food-inspections --help`."""

import os
import subprocess
import sys
from pathlib import Path
from typing import Annotated

import typer

from food_inspections_dagster.command_line.portal import Serving, answers, choose, serving
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings, project_root
from food_inspections_dagster.weeks import parse_week
from food_inspections_portal.command import SIMULATED, serve_source
from food_inspections_portal.identity import City

app = typer.Typer(
    help="Which of Chicago's food establishments to inspect first, every Monday, from public data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Portal = Annotated[
    str,
    typer.Option(
        "--portal",
        help=f"'{SIMULATED}', the URL of a Socrata portal, or a Parquet or CSV file or a folder of them.",
    ),
]
Seed = Annotated[int, typer.Option(help="Seed of the simulated city.")]
Scale = Annotated[float, typer.Option(min=0.001, help="Size of the simulated city; 1 is Chicago's volume.")]
Weeks = Annotated[
    int | None,
    typer.Option(min=1, help="Weeks of the simulated city since 2010-01-04.  [default: until now]"),
]


@app.command()
def run(
    portal: Portal = SIMULATED,
    first: Annotated[
        str | None, typer.Option("--from", help="First week (a Monday).  [default: the portal's first]")
    ] = None,
    last: Annotated[
        str | None, typer.Option("--to", help="Last week (a Monday).  [default: the newest complete one]")
    ] = None,
    until: Annotated[
        str | None,
        typer.Option(help="Stop after this stage, such as feature_matrix.  [default: all of them]"),
    ] = None,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Load the history, materialise every stage that is missing, and print Monday's list."""
    from_week, to_week = (parse_week(text) if text else None for text in (first, last))
    choice = choose(portal, City(seed, scale, weeks))
    os.environ.setdefault("DAGSTER_HOME", str(project_root()))
    with serving(choice, load_settings(), _portal_log()) as served:
        _point_settings_at(served)
        # Imported here: the code location reads the settings, which `serving` has just pointed at the portal.
        from food_inspections_dagster.command_line import run as commands

        commands.run(choice, from_week, to_week, until)


@app.command()
def dev(
    portal: Portal = SIMULATED,
    port: Annotated[int, typer.Option(help="Port of Dagster's UI on 127.0.0.1.")] = 3000,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Start Dagster's UI with its daemon on the same data, and the portal where it is ours."""
    root = project_root()
    choice = choose(portal, City(seed, scale, weeks))
    typer.echo("Starting the portal and Dagster's UI; stop both with Ctrl-C.")
    with serving(choice, load_settings(), _portal_log()) as served:
        _point_settings_at(served)
        typer.echo(f"Portal: {served.url}   Dagster: http://127.0.0.1:{port}")
        command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
        ui = subprocess.Popen(command, cwd=root, env={**os.environ, "DAGSTER_HOME": str(root)})  # noqa: S603
        try:
            code = ui.wait()
        except KeyboardInterrupt:
            ui.wait(timeout=30)
            code = 0
    raise typer.Exit(code)


@app.command("portal")
def serve_portal(
    source: Annotated[
        str, typer.Option(help=f"'{SIMULATED}', or a Parquet or CSV file or a folder of them.")
    ] = SIMULATED,
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1; 0 takes a free one.")] = 8321,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
    app_token: Annotated[
        list[str] | None, typer.Option(help="Accept this app token; any other gets 403.  [repeatable]")
    ] = None,
    throttle: Annotated[
        int | None,
        typer.Option(min=1, help="Requests a minute without a token before 429.  [default: no limit]"),
    ] = None,
) -> None:
    """Serve food inspections over HTTP as a Socrata portal does: a simulated city, or rows from files."""
    choice = choose(source, City(seed, scale, weeks))
    if choice.is_remote:
        raise FoodInspectionsError(f"{source} is a portal already: name '{SIMULATED}', a file or a folder to serve.")
    serve_source(source, choice.city, _portal_log().parent, port, app_token or (), throttle)


@app.command()
def status() -> None:
    """Say which weeks of which stage are there, and whether the portal answers."""
    os.environ.setdefault("DAGSTER_HOME", str(project_root()))
    from food_inspections_dagster.command_line import run as commands

    commands.status()
    portal = load_settings().portal
    state = "answers" if answers(portal.url, portal.dataset) else "does not answer"
    typer.echo(f"Portal {portal.url} {state}.")


@app.command()
def stop() -> None:
    """Stop the embedded Postgres; its data stay."""
    from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres

    stopped = EmbeddedPostgres(load_settings().embedded_directory).stop()
    typer.echo("Embedded Postgres stopped." if stopped else "Embedded Postgres was not running.")


def _point_settings_at(served: Serving) -> None:
    """For deletion: settings are to be built with overrides, not by the environment."""
    os.environ["FOOD_INSPECTIONS__PORTAL__URL"] = served.url
    if served.name:
        os.environ["FOOD_INSPECTIONS__PORTAL__NAME"] = served.name


def _portal_log() -> Path:
    return project_root() / ".local" / "portal" / "server.log"


def main() -> None:
    """Run the command line; a FoodInspectionsError is one sentence and exit code 1."""
    try:
        app()
    except FoodInspectionsError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
