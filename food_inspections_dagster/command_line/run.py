"""What the commands `run` and `status` do."""

import resource
import sys
import time
from datetime import date

from rich.console import Console
from rich.markup import escape

from food_inspections_dagster import definitions
from food_inspections_dagster.catalog import RAW_INSPECTIONS, SCORES
from food_inspections_dagster.command_line import report
from food_inspections_dagster.command_line.portal import answers
from food_inspections_dagster.command_line.progress import ProgressDisplay
from food_inspections_dagster.command_line.track import track_too
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration import planner
from food_inspections_dagster.orchestration.current import Currency
from food_inspections_dagster.orchestration.instance import instance_for
from food_inspections_dagster.orchestration.requests import run_queue
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings


def run(
    console: Console,
    settings: Settings,
    source: str,
    look_next: str,
    first: date | None = None,
    last: date | None = None,
    until: str | None = None,
    only_missing: bool = False,
) -> None:
    """Make what is not current, showing progress, and print Monday's report.

    Args:
        source: the portal in words.
        look_next: what to type next on the same data, and what it does.
    """
    began = time.monotonic()
    progress = ProgressDisplay(console)
    graph = definitions.graph_for(settings)
    portal = PortalClient.from_settings(settings)
    portal.check_identity()
    portal.listen(lambda what, done, rows: progress.update(f"{what} fetched", done, rows))
    stages = definitions.stages_for(settings, graph, portal)
    stored = Stored.from_settings(settings)
    ledger = Ledger(stored.database)
    snapshot = ledger.snapshot()
    weeks = planner.wanted_weeks(portal, snapshot, first, last)
    targets = planner.targets(graph, snapshot, weeks, settings.scores.run_weeks, until)
    console.print(f"[bold]Food inspections[/bold] from {escape(source)}")
    console.print(f"Weeks {weeks[0]} to {weeks[-1]} ({len(weeks)}), data kept under {settings.data_name}")

    def listen(step: str, moment: str, seconds: float | None) -> None:
        if moment == "end":
            progress.print(f"  {step:<28} {seconds:6.1f} s")
        else:
            progress.update(step)

    with instance_for(settings) as instance, progress.showing("planning"):
        done = planner.bring_up_to_date(
            graph,
            stages,
            instance,
            ledger,
            portal,
            targets,
            listener=listen,
            announce=progress.print,
            only_missing=only_missing,
            queue=run_queue(settings, graph, stages, instance, ledger),
        )
    if not done.run_ids:
        console.print("Every stage is current for these weeks: nothing had to be made.")
    report.print_stages(console, graph, ledger.snapshot(), targets, done)
    report.print_warnings(console, done.warnings)
    if (first or last or only_missing) and until is None:
        # What a bounded run does not make, its list may read all the same.
        currency = Currency(graph, ledger.snapshot())
        if currency.reason(SCORES.asset, weeks[-1]) or weeks[-1] in currency.waiting[SCORES.asset]:
            report.print_warnings(
                console, ["the list rests on weeks that are not current: make run without bounds makes them"]
            )
    if until is None:
        report.print_monday(console, stored, weeks[-1], settings.scores.label)
    track_too(console, settings)  # behind the list, which waits for nobody
    console.print(
        f"\nDone in {time.monotonic() - began:.0f} s, peak memory {_peak_gigabytes():.1f} GB. "
        f"Look next: {escape(look_next)}."
    )


def status(console: Console, settings: Settings) -> None:
    """Print per stage what is current, what is not, and why."""
    graph = definitions.graph_for(settings)
    portal = PortalClient.from_settings(settings).model_copy(update={"retries": 0})
    ledger = Ledger(Database.from_settings(settings))
    snapshot = ledger.snapshot()
    loaded = sorted(snapshot.loads.get(RAW_INSPECTIONS.asset, {}))
    try:
        portal.check_identity()
        weeks = planner.wanted_weeks(portal, snapshot)
        states = planner.source_states(graph, portal, weeks[0], weeks[-1])
        answer = f"Compared with the portal {portal.url}."
    except FoodInspectionsError as error:
        weeks, states = loaded, {}
        # Our own portal runs beside run and dev only, so that it does not answer is nothing to mend.
        silent = settings.portal.is_loopback and not answers(portal.url, portal.dataset)
        why = "it is not running; make run and make dev start it." if silent else str(error)
        answer = f"Not compared with the portal: {why}"
    targets = planner.targets(graph, snapshot, weeks, settings.scores.run_weeks) if weeks else {}
    report.print_status(console, graph, Currency(graph, snapshot, states), targets)
    console.print(escape(answer), soft_wrap=True)


def _peak_gigabytes() -> float:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**30 if sys.platform == "darwin" else 2**20)
