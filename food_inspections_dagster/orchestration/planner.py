"""The one planner: what is not current is made, upstream first, and what then has the same content ends it.

The command line, the sensor and the job of the UI ask it. It plans one batch, executes it, looks at the ledger
again, and so on: a rebuilt week with the same content leaves everything behind it current (early cut-off).
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import date, datetime
from itertools import chain

import dagster as dg

from food_inspections_dagster.catalog import RAW_INSPECTIONS, SCORES
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.current import Cause, Currency, Reason, SourceStates, runs_of
from food_inspections_dagster.orchestration.partitions import OWN_WEEK, Calendar
from food_inspections_dagster.orchestration.requests import RunQueue
from food_inspections_dagster.orchestration.runs import Listener, PlannedRun, Report, execute, ignore
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.ledger import Ledger, Snapshot
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.weeks import CHICAGO, FIRST_WEEK, last_complete_week, monday, week_range

# A run costs its planning and its events; beyond so many ranges gaps are loaded again instead.
MOST_RANGES = 6
Targets = Mapping[str, Sequence[date]]


def wanted_weeks(
    portal: PortalClient,
    snapshot: Snapshot,
    first: date | None = None,
    last: date | None = None,
    now: datetime | None = None,
) -> list[date]:
    """Return the weeks to keep current: those that the portal holds or that were loaded, within the bounds asked for.

    A week that was loaded counts even where the portal has emptied it since.

    Args:
        now: an aware moment, whose week is not over yet; this one where it is left out.

    Raises:
        FoodInspectionsError: when the bounds leave no complete week.
    """
    oldest_day, newest_day = portal.date_range()
    complete = last_complete_week(now or datetime.now(CHICAGO))
    loaded = [week for week in snapshot.loads.get(RAW_INSPECTIONS.asset, {}) if week <= complete]
    oldest = min([max(FIRST_WEEK, monday(oldest_day)), *loaded])
    newest = max([min(monday(newest_day), complete), *loaded])
    if last and last > newest:
        raise FoodInspectionsError(f"TO={last} lies after the portal's newest complete week: use {newest} at most.")
    weeks = week_range(first or oldest, last or newest)
    if not weeks:
        raise FoodInspectionsError(
            f"No week lies between {first or oldest} and {last or newest}: the portal holds {oldest} to {newest}."
        )
    return weeks


def kept_weeks(portal: PortalClient, snapshot: Snapshot, now: datetime) -> list[date]:
    """Return the weeks that are kept current where nobody names any: from the first that was loaded to the newest.

    What lies before the first week that was loaded was left out on purpose, and stays out.
    """
    loaded = snapshot.loads.get(RAW_INSPECTIONS.asset)
    return wanted_weeks(portal, snapshot, first=min(loaded) if loaded else None, now=now)


def targets(
    graph: Graph, snapshot: Snapshot, weeks: Sequence[date], list_weeks: int, until: str | None = None
) -> dict[str, Sequence[date]]:
    """Return the weeks of each asset that are to be current.

    Lists are made for the newest ``list_weeks`` only, and kept current where they were made: one for a week that is
    over helps nobody on Monday, and 880 of them would be 15 million rows. Any other is a backfill of `scores` away.
    """
    selected = set(graph.assets) if until is None else graph.until(until)
    lists = Calendar(newest=list_weeks).weeks(weeks, snapshot.loads.get(SCORES.asset, {}))
    of_lists = assets_of_lists(graph)
    return {
        asset: lists
        if asset in of_lists
        else graph.by_asset[asset].calendar.weeks(weeks, snapshot.loads.get(asset, {}))
        for asset in graph.assets
        if asset in selected
    }


def assets_of_lists(graph: Graph) -> set[str]:
    """Return what is made for lists only: the list itself, what is made with it, and what rests on it."""
    return {asset for asset in graph.assets if SCORES.asset in graph.until(asset)}


def source_states(
    graph: Graph, portal: PortalClient, first: date, last: date, leave_out: Collection[str] = ()
) -> SourceStates:
    """Ask the sources outside what they hold for each week now; stages that are left out count as unchanged."""
    return {
        one.name: one.source(portal, first, last)
        for one in graph.stages
        if one.source is not None and one.name not in leave_out
    }


def stale(currency: Currency, targets: Targets) -> dict[tuple[str, ...], dict[date, Reason]]:
    """Return, for each unit upstream first, the wanted weeks that are not current, with reasons."""
    units = [unit for stage in currency.graph.stages for unit in stage.units]
    return {unit: currency.unit_reasons(unit, _wanted(targets, unit)) for unit in units if _wanted(targets, unit)}


def _wanted(targets: Targets, unit: Sequence[str]) -> list[date]:
    return sorted({week for asset in unit for week in targets.get(asset, ())})


def next_batch(currency: Currency, targets: Targets, only_missing: bool = False) -> list[PlannedRun]:
    """Return the runs to make now; after them the ledger has to be read again.

    The first unit with weeks that are not current is made. Units behind it join its run where their weeks are the
    same and would be made whatever comes out of it.
    """
    reasons = stale(currency, targets)
    if only_missing:
        reasons = {unit: _missing(currency, unit, of_unit) for unit, of_unit in reasons.items()}
    first = next((unit for unit, of_unit in reasons.items() if of_unit), None)
    if first is None:
        return []
    unchecked = {unit: of_unit for unit, of_unit in reasons.items() if _only_unchecked(of_unit)}
    if first in unchecked:
        together = tuple(
            chain(*(unit for unit, of_unit in unchecked.items() if of_unit.keys() == reasons[first].keys()))
        )
        return [PlannedRun((), tuple(weeks), together) for weeks in runs_of(list(reasons[first]), MOST_RANGES)]
    ranges = _ranges(sorted(reasons[first]), _wanted(targets, first))
    size = currency.graph.by_asset[first[0]].most_weeks
    # A row that moved between two of several runs stands in both until both are made: checks come after.
    if len(ranges) > 1:
        return [PlannedRun(first, tuple(weeks)) for of_range in ranges for weeks in _split(of_range, size)]
    parts = _split(ranges[0], size)
    together = _joined(currency, targets, reasons, first, set(ranges[0]), apart=len(parts) > 1)
    if len(parts) > 1:
        return [PlannedRun(together, tuple(weeks)) for weeks in parts]
    return [PlannedRun(together, tuple(ranges[0]), together)]


def _only_unchecked(reasons: Mapping[date, Reason]) -> bool:
    """Return whether nothing is to be made again, and something has still to be checked."""
    return bool(reasons) and all(reason.cause is Cause.UNCHECKED for reason in reasons.values())


def _split(weeks: Sequence[date], size: int | None) -> list[Sequence[date]]:
    """Return ascending weeks in runs of at most ``size``."""
    size = size or len(weeks)
    return [weeks[start : start + size] for start in range(0, len(weeks), size)]


def _missing(currency: Currency, unit: Sequence[str], reasons: Mapping[date, Reason]) -> dict[date, Reason]:
    """Return the weeks of which something was never stored, or was and has still to be checked."""
    return {
        week: reason
        for week, reason in reasons.items()
        if reason.cause is Cause.UNCHECKED or any(week not in currency.loads(asset) for asset in unit)
    }


def _ranges(weeks: Sequence[date], wanted: Sequence[date]) -> list[list[date]]:
    """Return the ranges to make; no gap is closed over a week that nobody wants, such as that of an old list."""
    ranges = runs_of(weeks, MOST_RANGES)
    return ranges if set(wanted).issuperset(chain(*ranges)) else runs_of(weeks, len(weeks))


_CERTAIN = (Cause.NEVER_MADE, Cause.CODE, Cause.SETTINGS, Cause.BLOCKED)


def _joined(
    currency: Currency,
    targets: Targets,
    reasons: Mapping[tuple[str, ...], Mapping[date, Reason]],
    first: tuple[str, ...],
    weeks: set[date],
    apart: bool,
) -> tuple[str, ...]:
    """Return the assets of the first unit and of those behind it that are certain to be made for the same weeks.

    Args:
        apart: whether the weeks are made in several runs, maybe side by side; then no asset of them reads another's
            other weeks.
    """
    joined, uncertain = list(first), set[str]()
    for unit, of_unit in reasons.items():
        upstream = {name for asset in unit for name in currency.graph.upstream(asset)} - set(unit)
        if unit == first:
            continue
        # Behind a unit that is about to be made, an input that differs now may come out as it was.
        depends = bool(upstream & set(joined))
        if depends and apart and not _reads_the_same_week(currency.graph, unit, joined):
            uncertain |= set(unit)
            continue
        certain = {week for week, reason in of_unit.items() if not depends or reason.cause in _CERTAIN}
        if certain == weeks and not upstream & uncertain:
            joined += unit
        elif of_unit or depends or upstream & uncertain:
            uncertain |= set(unit)
    return tuple(joined)


def _reads_the_same_week(graph: Graph, unit: Sequence[str], others: Collection[str]) -> bool:
    """Return whether a unit reads, of some assets, nothing but the week that it makes."""
    read = [source for asset in unit for source in graph.by_asset[asset].inputs.values()]
    return all(source.window == OWN_WEEK for source in read if source.entry.asset in others)


def bring_up_to_date(
    graph: Graph,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    ledger: Ledger,
    portal: PortalClient,
    targets: Targets,
    *,
    listener: Listener = ignore,
    announce: Callable[[str], None] = lambda words: None,
    only_missing: bool = False,
    queue: RunQueue | None = None,
) -> Report:
    """Make every wanted week that is not current.

    Args:
        queue: where the runs are asked for that other machines execute; None: they are executed in this process.

    Raises:
        FoodInspectionsError: at the first step that fails, with its own words; what was made before stays.
    """
    report = Report()
    wanted = sorted({week for weeks in targets.values() for week in weeks})
    done: dict[PlannedRun, int] = {}
    # An optional source is read once: one that counts its rows and cannot give them would be read for ever.
    read: set[str] = set()

    why = "its source changes while it is read; run again when it rests."
    if queue is not None:
        why = f"its process is lost each time, its worker has other code or settings, or {why}"

    def plan() -> list[PlannedRun]:
        states = source_states(graph, portal, wanted[0], wanted[-1], leave_out=read)
        batch = next_batch(Currency(graph, ledger.snapshot(), states), targets, only_missing)
        for run in batch:
            done[run] = done.get(run, 0) + 1
            if done[run] > MOST_TRIES:
                raise FoodInspectionsError(f"{run} was made {MOST_TRIES} times and is still not current: {why}")
        return batch

    while wanted:
        if queue is None:
            batch = plan()
            for run in batch:
                announce(f"Making {run}")
                execute(graph, definitions, instance, run, report, listener)
        else:
            with queue.alone():
                earlier = queue.unfinished()
                batch = [] if earlier else plan()
                asked = earlier or [queue.ask(run) for run in batch]
            if not asked:
                break
            for words in [f"Making {run}" for run in batch] or [
                f"Waiting for {run}, asked for before" for run in earlier
            ]:
                announce(words)
            for lost in queue.wait(asked, report, listener):
                announce(f"Run {lost} was lost with its process: what it has not stored is made again")
            if earlier:
                continue
        if not batch:
            break
        made = {asset for run in batch for asset in run.assets}
        read |= {graph.by_asset[asset].name for asset in made if graph.by_asset[asset].optional}
    return report


MOST_TRIES = 5  # a portal that is being edited changes under a load, but not for ever
