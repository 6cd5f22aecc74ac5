"""The one planner: what is not current is made, upstream first, and what then has the same content ends it.

The command line, the sensor and the job of the UI ask it. It plans one batch, executes it, looks at the ledger
again, and so on: a rebuilt week with the same content leaves everything behind it current (early cut-off).
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from itertools import chain
from time import monotonic

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import create_execution_plan, execute_run_iterator
from dagster._core.snap import snapshot_from_execution_plan

from food_inspections_dagster.catalog import RAW_INSPECTIONS, SCORES
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.current import Cause, Currency, Reason, SourceStates, runs_of
from food_inspections_dagster.orchestration.partitions import Calendar, range_tags
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.ledger import Ledger, Snapshot
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.weeks import CHICAGO, FIRST_WEEK, last_complete_week, monday, week_range

WEEKLY_JOB = "weekly"
# A run costs its planning and its events; beyond so many ranges gaps are loaded again instead.
MOST_RANGES = 6
Targets = Mapping[str, Sequence[date]]


@dataclass(frozen=True)
class PlannedRun:
    """One run over the weeks from the first to the last.

    Attributes:
        assets: to make; none where only checks are missing.
        checks: the rules of the store to judge afterwards.
    """

    assets: tuple[str, ...]
    weeks: tuple[date, ...]
    checks: tuple[str, ...] = ()

    def __str__(self) -> str:
        made = self.assets or self.checks
        what = ", ".join(made) if len(made) <= 3 else f"{made[0]} to {made[-1]} ({len(made)} assets)"
        when = f"week {self.weeks[0]}"
        if len(self.weeks) > 1:
            when = f"{len(self.weeks)} weeks from {self.weeks[0]} to {self.weeks[-1]}"
        return f"{what if self.assets else f'the checks of {what}'}, {when}"


@dataclass
class StageTime:
    """Seconds that a step took, events and checks apart."""

    stage: str
    seconds: float
    weeks: int


@dataclass
class Report:
    """What was run: seconds per step, and failed checks that did not block."""

    stages: list[StageTime] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    run_ids: list[str] = field(default_factory=list)


Listener = Callable[[str, str, float | None], None]
"""Called with (step, 'start' | 'end', seconds)."""


def ignore(step: str, moment: str, seconds: float | None) -> None:
    """Do nothing with it."""


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
    unchecked = [week for week, reason in reasons[first].items() if reason.cause is Cause.UNCHECKED]
    if len(unchecked) == len(reasons[first]):
        return [PlannedRun((), tuple(weeks), first) for weeks in runs_of(unchecked, MOST_RANGES)]
    ranges = _ranges(sorted(reasons[first]), _wanted(targets, first))
    if len(ranges) > 1:
        # A row that moved between two of these ranges stands in both until both are loaded: checks come after.
        return [PlannedRun(first, tuple(weeks)) for weeks in ranges]
    together = _joined(currency, targets, reasons, first, set(ranges[0]))
    return [PlannedRun(together, tuple(ranges[0]), together)]


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
) -> tuple[str, ...]:
    """Return the assets of the first unit and of those behind it that are certain to be made for the same weeks."""
    joined, uncertain = list(first), set[str]()
    for unit, of_unit in reasons.items():
        upstream = {name for asset in unit for name in currency.graph.upstream(asset)} - set(unit)
        if unit == first:
            continue
        # Behind a unit that is about to be made, an input that differs now may come out as it was.
        depends = bool(upstream & set(joined))
        certain = {week for week, reason in of_unit.items() if not depends or reason.cause in _CERTAIN}
        if certain == weeks and not upstream & uncertain:
            joined += unit
        elif of_unit or depends or upstream & uncertain:
            uncertain |= set(unit)
    return tuple(joined)


def bring_up_to_date(
    graph: Graph,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    ledger: Ledger,
    portal: PortalClient,
    targets: Targets,
    *,
    listener: Listener = ignore,
    announce: Callable[[PlannedRun], None] = lambda run: None,
    only_missing: bool = False,
) -> Report:
    """Make every wanted week that is not current.

    Raises:
        FoodInspectionsError: at the first step that fails, with its own words; what was made before stays.
    """
    report = Report()
    wanted = sorted({week for weeks in targets.values() for week in weeks})
    done: dict[PlannedRun, int] = {}
    # An optional source is read once: one that counts its rows and cannot give them would be read for ever.
    read: set[str] = set()
    while wanted:
        states = source_states(graph, portal, wanted[0], wanted[-1], leave_out=read)
        batch = next_batch(Currency(graph, ledger.snapshot(), states), targets, only_missing)
        if not batch:
            break
        for run in batch:
            done[run] = done.get(run, 0) + 1
            if done[run] > MOST_TRIES:
                raise FoodInspectionsError(
                    f"{run} was made {MOST_TRIES} times and is still not current: its source changes while it is "
                    "read; run again when it rests."
                )
            announce(run)
            execute(graph, definitions, instance, run, report, listener)
            read |= {graph.by_asset[asset].name for asset in run.assets if graph.by_asset[asset].optional}
    return report


MOST_TRIES = 5  # a portal that is being edited changes under a load, but not for ever

_RUN_CONFIG = {
    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    # Somebody waits in front of the screen: a step that failed is reported at once, not after a minute of pauses, and
    # running again goes on from there. The client's own retries of each request stay.
    "execution": {"config": {"retries": {"disabled": {}}}},
}


def execute(
    graph: Graph,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    run: PlannedRun,
    report: Report,
    listener: Listener = ignore,
) -> None:
    """Execute one run in this process and add what it did to the report.

    Raises:
        FoodInspectionsError: where a step fails or a blocking check does.
    """
    failed: list[dg.AssetCheckEvaluation] = []
    failures: list[dg.DagsterEvent] = []
    started: dict[str, float] = {}
    success = False
    for event in _events(graph, definitions, instance, run, report):
        step = str(event.step_key)
        if event.event_type is dg.DagsterEventType.STEP_START:
            started[step] = monotonic()
            listener(step, "start", None)
        elif event.event_type is dg.DagsterEventType.STEP_SUCCESS:
            seconds = monotonic() - started.get(step, monotonic())
            report.stages.append(StageTime(step, seconds, len(run.weeks)))
            listener(step, "end", seconds)
        elif event.event_type is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            evaluation = event.asset_check_evaluation_data
            if not evaluation.passed:
                failed.append(evaluation)
        elif event.is_step_failure or event.event_type is dg.DagsterEventType.RUN_FAILURE:
            failures.append(event)
        success = success or event.event_type is dg.DagsterEventType.RUN_SUCCESS
    warnings = _words([check for check in failed if not check.blocking])
    report.warnings += [words for words in warnings if words not in report.warnings]
    if not success:
        blocking = _words([check for check in failed if check.blocking and _of_store(graph, check)])
        raise FoodInspectionsError(
            f"Check {blocking[0]} What follows was not made."
            if blocking
            else words_of_failure(failures, report.run_ids[-1])
        )


def _events(
    graph: Graph, definitions: dg.Definitions, instance: dg.DagsterInstance, run: PlannedRun, report: Report
) -> Iterator[dg.DagsterEvent]:
    """Create the run and yield its events as they come.

    Not through ``dg.execute_job``, which wants a function that builds the graph anew, keeps every output in memory
    and tells its events only at the end.
    """
    job = _job(graph, definitions, run)
    job_def = job.get_definition()
    plan = create_execution_plan(job, run_config=_RUN_CONFIG, tags=range_tags(run.weeks))
    dagster_run = instance.create_run(
        job_name=WEEKLY_JOB,
        run_id=None,
        run_config=_RUN_CONFIG,
        status=None,
        tags=range_tags(run.weeks),
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=snapshot_from_execution_plan(plan, job_def.get_job_snapshot_id()),
        job_snapshot=job_def.get_job_snapshot(),
        parent_job_snapshot=job_def.get_parent_job_snapshot(),
        asset_selection=None,
        asset_check_selection=None,
        resolved_op_selection=None,
        op_selection=None,
        remote_job_origin=None,
        job_code_origin=None,
        asset_graph=job_def.asset_layer.asset_graph,
    )
    report.run_ids.append(dagster_run.run_id)
    yield from execute_run_iterator(job, dagster_run, instance)


def _checks(graph: Graph, run: PlannedRun) -> set[dg.AssetCheckKey]:
    """Return the checks of a run: those of its assets' own steps, and those of the store that it asks for."""
    return {
        rule.spec.key
        for stage in graph.stages
        for rule in stage.rules
        if rule.asset in (run.checks if rule.of_store else run.assets)
    }


def _job(graph: Graph, definitions: dg.Definitions, run: PlannedRun) -> InMemoryJob:
    return InMemoryJob(definitions.resolve_job_def(WEEKLY_JOB)).get_subset(
        asset_selection={dg.AssetKey(asset) for asset in run.assets}, asset_check_selection=_checks(graph, run)
    )


def _words(failed: Sequence[dg.AssetCheckEvaluation]) -> list[str]:
    """Return failed checks in sentences; what one check says of several assets in the same words is said once."""
    assets: dict[tuple[str, str | None], list[str]] = {}
    for check in failed:
        assets.setdefault((check.check_name, check.description), []).append(check.asset_key.to_user_string())
    return [f"{name} of {', '.join(of)} failed: {description}" for (name, description), of in assets.items()]


def _of_store(graph: Graph, check: dg.AssetCheckEvaluation) -> bool:
    """Return whether a check read the store; one that was judged in memory fails its step, which says so itself."""
    rules = graph.by_asset[check.asset_key.to_user_string()].rules
    return any(rule.of_store for rule in rules if rule.spec.key == check.asset_check_key)


def words_of_failure(failures: Iterable[dg.DagsterEvent], run_id: str) -> str:
    """Return the innermost sentence of the first step that failed among the events of a run."""
    for event in failures:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            first_line = (error.message if error else event.message or "").strip().splitlines()[0]
            words = first_line.split(": ", 1)[1] if error and ": " in first_line else first_line
            return words if words.startswith("Check ") else f"Stage {event.step_key} failed: {words}"
    return f"Run {run_id} failed before its first step: look at it with `make dev`."
