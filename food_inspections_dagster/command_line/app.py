"""The command line: `food-inspections --help`."""

import gc
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from food_inspections_dagster.catalog import FEATURE_MATRIX, INSPECTIONS
from food_inspections_dagster.command_line import backup as copies
from food_inspections_dagster.command_line import bucket as buckets
from food_inspections_dagster.command_line import database as databases
from food_inspections_dagster.command_line import evaluate as evaluation
from food_inspections_dagster.command_line import prune as pruning
from food_inspections_dagster.command_line import publish as publication
from food_inspections_dagster.command_line import run as commands
from food_inspections_dagster.command_line import serve as server
from food_inspections_dagster.command_line import sql, tracking_server
from food_inspections_dagster.command_line import trace as tracing
from food_inspections_dagster.command_line import track as tracking
from food_inspections_dagster.command_line.evaluate import Asked
from food_inspections_dagster.command_line.options import Portal, Scale, Seed, Weeks, settings_of
from food_inspections_dagster.command_line.portal import PortalChoice, choose, serving
from food_inspections_dagster.command_line.progress import ProgressDisplay, console
from food_inspections_dagster.errors import FoodInspectionsError, nearest
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.serving.keys import SCOPES
from food_inspections_dagster.settings import Settings, load_settings, project_root
from food_inspections_dagster.weeks import parse_week
from food_inspections_portal.command import SIMULATED, serve_source
from food_inspections_portal.identity import City

app = typer.Typer(
    help="Which of Chicago's food establishments to inspect first, every Monday, from public data.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


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
    only_missing: Annotated[
        bool, typer.Option("--only-missing", help="Make only what was never made, whatever has changed since.")
    ] = False,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Load the history, make every stage that is not current, and print Monday's list."""
    from_week, to_week = (parse_week(text) if text else None for text in (first, last))
    choice = choose(portal, City(seed, scale, weeks))
    out = console()
    with _serving(choice, out) as settings:
        commands.run(out, settings, choice.description, _next(choice), from_week, to_week, until, only_missing)


TrainUntil = Annotated[str, typer.Option("--train-until", help="Last day that models may learn from.")]
TestUntil = Annotated[str, typer.Option("--test-until", help="Last day that they are judged on.")]
Label = Annotated[str | None, typer.Option(help="Label to foresee.  [default: scores.label of the settings]")]
Windows = Annotated[
    int, typer.Option(min=1, help="Test periods of that length, the last one ending with --test-until.")
]


@app.command()
def evaluate(
    train_until: TrainUntil,
    test_until: TestUntil,
    label: Label = None,
    windows: Windows = 1,
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Judge every model group on days that it has not seen, as the City judged its own: each day keeps its number of
    inspections, and they are put in the order of the score."""
    asked = _asked(train_until, test_until, label, windows)
    with _features(portal, City(seed, scale, weeks)) as (out, settings, stored):
        evaluation.evaluate(out, stored, settings, asked)


@app.command()
def ablate(
    train_until: TrainUntil,
    test_until: TestUntil,
    label: Label = None,
    windows: Windows = 1,
    model_group: Annotated[str, typer.Option("--group", help="Model group.")] = "logistic_regression",
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Say what each family of features is worth: left out, and alone, with paired intervals."""
    asked = _asked(train_until, test_until, label, windows)
    evaluation.recipe_of(load_settings(), model_group, asked.label)
    with _features(portal, City(seed, scale, weeks)) as (out, settings, stored):
        evaluation.ablate(out, stored, settings, asked, model_group)


@contextmanager
def _features(portal: str, city: City) -> Iterator[tuple[Console, Settings, Stored]]:
    """Bring the feature matrix of a portal's data up to date, and yield what reads it."""
    choice, out = choose(portal, city), console()
    with _serving(choice, out) as settings:
        commands.run(out, settings, choice.description, _next(choice), until=FEATURE_MATRIX.asset)
        yield out, settings, Stored.from_settings(settings)


def _asked(train_until: str, test_until: str, label: str | None, windows: int) -> Asked:
    # Before the feature matrix is made, which takes minutes.
    settings = load_settings()
    chosen = label or settings.scores.label
    if chosen not in settings.models.labels:
        raise FoodInspectionsError(f"'{chosen}' is no label: {nearest(chosen, settings.models.labels)}.")
    return Asked.windows(_day(train_until), _day(test_until), windows, chosen)


def _day(text: str) -> date:
    try:
        return date.fromisoformat(text)
    except ValueError:
        raise FoodInspectionsError(f"'{text}' is no day: write it as 2014-08-31.") from None


@app.command()
def dev(
    portal: Portal = SIMULATED,
    port: Annotated[int, typer.Option(help="Port of Dagster's UI on 127.0.0.1.")] = 3000,
    serve_port: Annotated[
        int | None, typer.Option(help="Port of the server of the lists on 127.0.0.1.  [default: serving.port]")
    ] = None,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Start Dagster's UI, its daemon and the server of the lists on the same data, and the portal where it is ours."""
    root = project_root()
    choice = choose(portal, City(seed, scale, weeks))
    typer.echo("Starting the portal, Dagster's UI and the server of the lists; stop all with Ctrl-C.")
    with _serving(choice, console()) as settings:
        typer.echo(f"Portal: {settings.portal.url}   Dagster: http://127.0.0.1:{port}")
        command = [sys.executable, "-m", "dagster", "dev", "-h", "127.0.0.1", "-p", str(port)]
        variables = {**os.environ, **settings.environment_variables(), "DAGSTER_HOME": str(root)}
        links = {"FOOD_INSPECTIONS__SERVING__DAGSTER_URL": f"http://127.0.0.1:{port}"}
        lists = subprocess.Popen(  # noqa: S603
            server.command("127.0.0.1", serve_port), cwd=root, env={**variables, **links}
        )
        ui = subprocess.Popen(command, cwd=root, env=variables)  # noqa: S603
        try:
            code = ui.wait()
        except KeyboardInterrupt:
            ui.wait()
            code = 0
        finally:
            lists.terminate()
            lists.wait()
    raise typer.Exit(code)


@contextmanager
def _serving(choice: PortalChoice, out: Console) -> Iterator[Settings]:
    """Yield the settings that point at the chosen portal, with our server running where one is needed."""
    progress = ProgressDisplay(out)
    with ExitStack() as stack:
        with progress.showing("starting the portal"):
            served = stack.enter_context(serving(choice, load_settings(), _portal_log(), progress.update))
        yield load_settings(_portal(served.url, served.name))


def _next(choice: PortalChoice) -> str:
    return f"{choice.command('serve')} serves the list, {choice.command('dev')} opens the asset graph"


def _portal(url: str, name: str | None) -> dict[str, dict[str, str]]:
    return {"portal": {"url": url, **({"name": name} if name else {})}}


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
def status(portal: Portal = SIMULATED, seed: Seed = 2010, scale: Scale = 1.0, weeks: Weeks = None) -> None:
    """Say per stage which weeks are current, which are not, and why."""
    commands.status(console(), settings_of(portal, City(seed, scale, weeks)))


@app.command()
def trace(
    establishment: Annotated[str, typer.Argument(help="An establishment_id, such as L1234.")],
    week: Annotated[str | None, typer.Argument(help="The list's week (a Monday).  [default: its newest]")] = None,
    label: Annotated[
        str | None, typer.Option(help="failed or critical_violation.  [default: scores.label of the settings]")
    ] = None,
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Print the way of one score back to the raw objects: hashes, code, model and runs."""
    settings = settings_of(portal, City(seed, scale, weeks))
    tracing.trace(
        console(),
        Stored.from_settings(settings),
        establishment,
        parse_week(week) if week else None,
        label or settings.scores.label,
    )


@app.command()
def publish(
    week: Annotated[str | None, typer.Option(help="Show readers this published week (a Monday).")] = None,
    rollback: Annotated[bool, typer.Option("--rollback", help="Show them the week that they saw before.")] = False,
    why: Annotated[str, typer.Option(help="The reason, for the record.")] = "no reason given",
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Say which week readers see, or show them another one; who moved it, when and why is recorded."""
    settings, out = settings_of(portal, City(seed, scale, weeks)), console()
    publication.publish(out, Database.from_settings(settings), parse_week(week) if week else None, rollback, why)
    if week or rollback:
        tracking.track_too(out, settings)


@app.command()
def track(portal: Portal = SIMULATED, seed: Seed = 2010, scale: Scale = 1.0, weeks: Weeks = None) -> None:
    """Send fits, decisions and evaluations to MLflow that it lacks, such as those of a time when it was down."""
    tracking.track(console(), settings_of(portal, City(seed, scale, weeks)))


@app.command("mlflow")
def serve_mlflow(
    port: Annotated[int, typer.Option(help="Port on 127.0.0.1.")] = 5000,
) -> None:
    """Start MLflow's server on the project's Postgres and object store; `make mlflow` gives it its environment."""
    tracking_server.serve(load_settings(), port)


@app.command()
def serve(
    host: Annotated[str | None, typer.Option(help="Address to listen on.  [default: serving.host]")] = None,
    port: Annotated[int | None, typer.Option(help="Port; 0 takes a free one.  [default: serving.port]")] = None,
    without_keys: Annotated[
        bool, typer.Option("--without-keys", help="Let everybody read who reaches an address that is not loopback.")
    ] = False,
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Serve the published lists: the API below /v1, its documentation at /docs."""
    server.serve(settings_of(portal, City(seed, scale, weeks)), host, port, without_keys)


keys = typer.Typer(help="API keys of the server.", no_args_is_help=True)
app.add_typer(keys, name="keys")


@keys.command("create")
def create_key(
    name: Annotated[str, typer.Option(help="Who uses it.")],
    scope: Annotated[list[str], typer.Option(help=f"What it opens: {', '.join(SCOPES)}.  [repeatable]")] = ["read"],  # noqa: B006 - of typer
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Make an API key and print it, for the only time."""
    server.create_key(console(), _database(portal, City(seed, scale, weeks)), name, scope)


@keys.command("list")
def list_keys(portal: Portal = SIMULATED, seed: Seed = 2010, scale: Scale = 1.0, weeks: Weeks = None) -> None:
    """List the API keys, without the keys themselves."""
    server.list_keys(console(), _database(portal, City(seed, scale, weeks)))


@keys.command("revoke")
def revoke_key(
    key_id: Annotated[str, typer.Argument(help="Its id, as `keys list` prints it.")],
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Let an API key open nothing any more."""
    server.revoke_key(console(), _database(portal, City(seed, scale, weeks)), key_id)


bucket = typer.Typer(help="The bucket of the object store.", no_args_is_help=True)
app.add_typer(bucket, name="bucket")


@bucket.command("create")
def create_bucket(
    apply_rules: Annotated[
        bool, typer.Option("--apply-rules", help="Set the rules that differ where the bucket exists.")
    ] = False,
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Make the bucket with its rules; where it exists, say what differs from them and change nothing."""
    buckets.create(console(), settings_of(portal, City(seed, scale, weeks)), apply_rules)


@bucket.command("check")
def check_bucket(portal: Portal = SIMULATED, seed: Seed = 2010, scale: Scale = 1.0, weeks: Weeks = None) -> None:
    """Verify keys, folders and rules of the object store before a first run; exit code 1 where something is wrong."""
    if not buckets.check(console(), settings_of(portal, City(seed, scale, weeks))):
        raise typer.Exit(1)


database = typer.Typer(help="Roles, schemas and tables of Postgres.", no_args_is_help=True)
app.add_typer(database, name="database")


@database.command("create")
def create_database(portal: Portal = SIMULATED, seed: Seed = 2010, scale: Scale = 1.0, weeks: Weeks = None) -> None:
    """Make the databases with their schemas and roles, where they are not there: owner, pipeline, reader.

    Let database.url name a user who may make roles, for this command only. Passwords of the roles are
    database.owner_password, pipeline_password and reader_password; done again with others, they are changed.
    """
    databases.create(console(), settings_of(portal, City(seed, scale, weeks)))


@database.command("check")
def check_database(portal: Portal = SIMULATED, seed: Seed = 2010, scale: Scale = 1.0, weeks: Weeks = None) -> None:
    """Say what is missing, and which tables are stored in another shape; exit code 1 where something is wrong."""
    if not databases.check(console(), settings_of(portal, City(seed, scale, weeks))):
        raise typer.Exit(1)


@database.command("remake")
def remake_table(
    table: Annotated[str, typer.Argument(help=f"Such as {INSPECTIONS}.")],
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Drop a table whose columns or key have changed, so that the next run makes all its weeks anew."""
    databases.remake(console(), settings_of(portal, City(seed, scale, weeks)), table)


@app.command()
def prune(
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be removed.")] = False,
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Remove what is older than the section `retention` of the settings keeps it: Dagster's runs, and lists."""
    pruning.prune(console(), settings_of(portal, City(seed, scale, weeks)), dry_run)


@app.command()
def backup(
    destination: Annotated[str, typer.Argument(help="An empty folder, or s3://bucket/prefix.")],
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Copy databases and objects, with a hash of each; the pipeline may write meanwhile."""
    copies.backup(console(), settings_of(portal, City(seed, scale, weeks)), destination)


@app.command()
def restore(
    source: Annotated[str, typer.Argument(help="What `backup` was given.")],
    replace: Annotated[
        bool, typer.Option("--replace", help="Remove what is there; nothing else may run on it meanwhile.")
    ] = False,
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Bring a backup back to an empty place, after all of it was compared with its hashes."""
    copies.restore(console(), settings_of(portal, City(seed, scale, weeks)), source, replace)


def _database(portal: str, city: City) -> Database:
    return Database.from_settings(settings_of(portal, city))


@app.command("sql")
def ask_sql(
    statement: Annotated[str, typer.Argument(help=f'One SELECT, such as "select count(*) from {INSPECTIONS}".')],  # noqa: S608
    form: Annotated[sql.Format, typer.Option("--format", help="How the answer is printed.")] = sql.Format.TABLE,
    portal: Portal = SIMULATED,
    seed: Seed = 2010,
    scale: Scale = 1.0,
    weeks: Weeks = None,
) -> None:
    """Answer one SELECT over the zones raw and processed and the tables of Postgres, without changing anything."""
    stored = Stored.from_settings(settings_of(portal, City(seed, scale, weeks)))
    sql.show(console(), sql.ask(stored, Ledger(stored.database).snapshot(), statement), form)


@app.command()
def worker(
    name: Annotated[str, typer.Option(help="Its name, one for each worker of a machine.")] = "worker",
    log_level: Annotated[str, typer.Option(help="debug, info, warning or error.")] = "info",
) -> None:
    """Execute runs that Dagster hands over through the broker (execution.launcher: celery), one at a time."""
    # Here and not above: the extra 'celery' is not everybody's.
    from food_inspections_dagster.resources.celery_app import start_worker

    start_worker(load_settings(), name, log_level)


@app.command()
def stop() -> None:
    """Stop the embedded Postgres; its data stay."""

    stopped = EmbeddedPostgres(load_settings().embedded_directory).stop()
    typer.echo("Embedded Postgres stopped." if stopped else "Embedded Postgres was not running.")


def _portal_log() -> Path:
    return project_root() / ".local" / "portal" / f"server-{os.getpid()}.log"


def main() -> None:
    """Run the command line; a FoodInspectionsError is one sentence and exit code 1."""
    # Tables of hundreds of thousands of rows make many objects and few cycles: to look for them less often saves an
    # eighth of a run's CPU.
    gc.set_threshold(100_000, 50, 100)
    try:
        app()
    except FoodInspectionsError as error:
        typer.echo(f"Error: {error}", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
