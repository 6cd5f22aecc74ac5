"""What the commands `run` and `status` do, and the progress that they show."""

import resource
import sys
import time
from collections.abc import Sequence
from datetime import date, datetime

import dagster as dg
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

from food_inspections_dagster.command_line import report
from food_inspections_dagster.command_line.portal import PortalChoice
from food_inspections_dagster.definitions import defs
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration import planner as pipeline
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import Settings, load_settings
from food_inspections_dagster.weeks import CHICAGO, FIRST_WEEK, last_complete_week, monday, week_range

# A pipe or a log has no width of its own, and tables of 80 columns are hard to read there.
console = Console(highlight=False, width=None if sys.stdout.isatty() else 120)


def wanted_weeks(portal: PortalClient, first: date | None, last: date | None) -> list[date]:
    """Return the weeks to make: what the portal holds, within the bounds that were asked for.

    Raises:
        FoodInspectionsError: when the bounds leave no complete week.
    """
    oldest_day, newest_day = portal.date_range()
    oldest = max(FIRST_WEEK, monday(oldest_day))
    newest = min(monday(newest_day), last_complete_week(datetime.now(CHICAGO)))
    if last and last > newest:
        raise FoodInspectionsError(f"TO={last} lies after the portal's newest complete week: use {newest} at most.")
    weeks = week_range(first or oldest, last or newest)
    if not weeks:
        raise FoodInspectionsError(
            f"No week lies between {first or oldest} and {last or newest}: the portal holds {oldest} to {newest}."
        )
    return weeks


def targets(settings: Settings, weeks: Sequence[date], until: str | None = None) -> dict[str, Sequence[date]]:
    """Return the weeks wanted of each asset.

    Lists are made for the newest weeks only: one for a week that is over helps nobody on Monday, and 880 of them
    would be 15 million rows. Any other is a backfill of `scores` away.
    """
    graph = defs.resolve_asset_graph()
    keys = {key.to_user_string(): key for key in graph.toposorted_asset_keys}
    if until is not None and until not in keys:
        raise FoodInspectionsError(f"'{until}' is no stage: use one of {', '.join(sorted(keys))}.")
    selected = set(keys.values()) if until is None else dg.AssetSelection.assets(until).upstream().resolve(graph)
    newest = weeks[-settings.scores.run_weeks :]
    return {name: newest if name == "scores" else weeks for name, key in keys.items() if key in selected}


def run(choice: PortalChoice, first: date | None, last: date | None, until: str | None = None) -> None:
    """Make what is missing, showing progress, and print Monday's report."""
    began = time.monotonic()
    settings = load_settings()
    weeks = wanted_weeks(PortalClient.from_settings(settings), first, last)
    wanted = targets(settings, weeks, until)
    console.print(f"[bold]Food inspections[/bold] from {choice.description}")
    console.print(f"Weeks {weeks[0]} to {weeks[-1]} ({len(weeks)}), data kept under {settings.data_name}")
    with dg.DagsterInstance.get() as instance:
        runs = pipeline.plan(defs, instance, wanted)
        done = _execute(instance, runs) if runs else pipeline.Report()
        if not runs:
            console.print("Nothing is missing: every stage is there for these weeks.")
        report.print_stages(console, instance, Database.from_settings(settings), wanted, _step_of, done)
    for warning in done.warnings:
        console.print(f"[yellow]Warning[/yellow]: check {warning}")
    if until is None:
        report.print_monday(console, settings, weeks[-1])
    console.print(
        f"\nDone in {time.monotonic() - began:.0f} s, peak memory {_peak_gigabytes():.1f} GB. "
        f"Look next: [bold]make dev[/bold]{choice.make_argument} opens the asset graph at http://127.0.0.1:3000"
    )


def status() -> None:
    """Print the weeks and rows of each stage."""
    settings = load_settings()
    with dg.DagsterInstance.get() as instance:
        every = [key.to_user_string() for key in defs.resolve_asset_graph().toposorted_asset_keys]
        report.print_stages(console, instance, Database.from_settings(settings), every, _step_of, pipeline.Report())


def _step_of(asset: str) -> str:
    return defs.get_assets_def(asset).op.name


def _execute(instance: dg.DagsterInstance, runs: Sequence[pipeline.PlannedRun]) -> pipeline.Report:
    steps = sum(pipeline.step_count(run) for run in runs)
    with Progress(
        TextColumn("{task.description:<32}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("steps"),
        TimeElapsedColumn(),
        console=console,
    ) as progress:
        task = progress.add_task("starting", total=steps)

        def listener(step: str, moment: str, seconds: float | None) -> None:
            if moment == "start":
                progress.update(task, description=step)
            else:
                progress.advance(task)
                console.print(f"  {step:<32} {seconds:6.1f} s")

        return pipeline.execute(instance, runs, listener)


def _peak_gigabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)
