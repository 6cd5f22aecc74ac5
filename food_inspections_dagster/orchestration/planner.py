"""Runs what is missing of the asset graph in this process, and tells a listener how far it is.

The graph itself knows nothing of this module: `dagster dev` and backfills make the same weeks in the same way.
"""

import threading
import uuid
from collections.abc import Callable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field
from datetime import date

import dagster as dg
from dagster._core.definitions.assets.graph.asset_graph import AssetGraph
from dagster._core.storage.asset_check_execution_record import AssetCheckExecutionRecordStatus

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.partitions import range_tags
from food_inspections_dagster.weeks import WEEK


@dataclass(frozen=True)
class PlannedRun:
    """One run: the assets to make, for every week from the first to the last."""

    assets: tuple[dg.AssetKey, ...]
    weeks: tuple[date, ...]


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


def ranges(weeks: Sequence[date]) -> list[tuple[date, ...]]:
    """Split ascending weeks into runs of weeks that follow each other."""
    found: list[list[date]] = []
    for week in weeks:
        if found and week - found[-1][-1] == WEEK:
            found[-1].append(week)
        else:
            found.append([week])
    return [tuple(run) for run in found]


def plan(
    graph: dg.Definitions, instance: dg.DagsterInstance, targets: Mapping[str, Sequence[date]]
) -> list[PlannedRun]:
    """Return the runs that make what is missing, upstream first.

    Args:
        graph: the project's definitions.
        instance: where materializations are recorded.
        targets: per asset name, the weeks that are wanted, ascending; assets left out are not made.
    """
    runs: list[PlannedRun] = []
    asset_graph = graph.resolve_asset_graph()
    for level in asset_graph.toposorted_asset_keys_by_level:
        by_weeks: dict[tuple[date, ...], set[dg.AssetKey]] = {}
        for key in level:
            unit = asset_graph.get(key).execution_set_asset_keys
            wanted = targets.get(key.to_user_string(), ())
            made = set.intersection(*(set(instance.get_materialized_partitions(member)) for member in unit))
            if _is_blocked(asset_graph, instance, unit):
                made = set()
            missing = {week for week in wanted if week.isoformat() not in made}
            for weeks in ranges(sorted(missing)):
                by_weeks.setdefault(weeks, set()).update(unit)
        for weeks, keys in by_weeks.items():
            runs.append(PlannedRun(tuple(sorted(keys)), weeks))
    return _merged(runs)


def _is_blocked(graph: AssetGraph, instance: dg.DagsterInstance, assets: AbstractSet[dg.AssetKey]) -> bool:
    """Return whether a blocking check of these assets failed when it was last run.

    Their weeks are stored and marked as made, but what follows must not be built on them: they are made again.
    """
    keys = [key for asset in assets for key in graph.get(asset).check_keys if graph.get_check_spec(key).blocking]
    latest = instance.event_log_storage.get_latest_asset_check_execution_by_key(keys)
    return any(
        record.status in (AssetCheckExecutionRecordStatus.FAILED, AssetCheckExecutionRecordStatus.PLANNED)
        for record in latest.values()
    )


def _merged(runs: Sequence[PlannedRun]) -> list[PlannedRun]:
    """Join runs over the same weeks as long as nothing that stands between them has other weeks."""
    merged: list[PlannedRun] = []
    for run in runs:
        if merged and merged[-1].weeks == run.weeks:
            merged[-1] = PlannedRun(tuple(sorted({*merged[-1].assets, *run.assets})), run.weeks)
        else:
            merged.append(run)
    return merged


def step_count(run: PlannedRun) -> int:
    """Return how many steps a run has: its assets, those made together once, and their checks."""
    return len(whole_graph().get_subset(asset_selection=set(run.assets)).nodes)


def whole_graph() -> dg.JobDefinition:
    """Return the job over all assets; a function at module level, because Dagster loads it by its name."""
    from food_inspections_dagster.definitions import defs

    return defs.resolve_job_def("weekly")


def execute(
    instance: dg.DagsterInstance,
    runs: Sequence[PlannedRun],
    listener: Listener = lambda step, moment, seconds: None,
) -> Report:
    """Execute the runs one after the other.

    Raises:
        FoodInspectionsError: at the first step that fails, with its own words; what was made before stays.
    """
    report = Report()
    for run in runs:
        watcher = _Watcher(instance, run, report, listener)
        # execute_job and not execute_in_process: the latter keeps the output of every step in memory.
        with (
            watcher,
            dg.execute_job(
                dg.reconstructable(whole_graph),
                instance=instance,
                asset_selection=list(run.assets),
                tags={**range_tags(run.weeks), _INVOCATION: watcher.invocation},
                run_config=_RUN_CONFIG,
            ) as result,
        ):
            report.run_ids.append(result.run_id)
            failed = [check for check in result.get_asset_check_evaluations() if not check.passed]
            report.warnings += [_said(check) for check in failed if not check.blocking]
            if not result.success:
                blocking = [_said(check) for check in failed if check.blocking]
                raise FoodInspectionsError(
                    f"Check {blocking[0]} What follows was not made." if blocking else _why(result)
                )
    return report


_INVOCATION = "food_inspections/invocation"
_RUN_CONFIG = {
    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    # Somebody waits in front of the screen: a step that failed is told at once, not after a minute of pauses, and
    # running again goes on from there. The client's own retries of each request stay.
    "execution": {"config": {"retries": {"disabled": {}}}},
}


class _Watcher:
    """Listens to the events of a run whose id is known only once it has begun."""

    def __init__(self, instance: dg.DagsterInstance, run: PlannedRun, report: Report, listener: Listener) -> None:
        self.invocation = uuid.uuid4().hex
        self._instance, self._run, self._report, self._listener = instance, run, report, listener
        self._started: dict[str, float] = {}
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)

    def __enter__(self) -> "_Watcher":
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        filters = dg.RunsFilter(tags={_INVOCATION: self.invocation})
        cursor: str | None = None
        while True:
            last_look = self._ended.wait(0.25)
            for run in self._instance.get_runs(filters, limit=1):
                more = True
                while more:
                    page = self._instance.get_records_for_run(run.run_id, cursor, of_type=_STEP_EVENTS)
                    cursor, more = page.cursor, page.has_more
                    for record in page.records:
                        self._on_event(record.event_log_entry)
            if last_look:
                return

    def _on_event(self, entry: dg.EventLogEntry) -> None:
        event = entry.get_dagster_event()
        step = str(event.step_key)
        if event.event_type is dg.DagsterEventType.STEP_START:
            self._started[step] = entry.timestamp
            self._listener(step, "start", None)
        else:
            seconds = entry.timestamp - self._started[step]
            self._report.stages.append(StageTime(step, seconds, len(self._run.weeks)))
            self._listener(step, "end", seconds)


_STEP_EVENTS = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.STEP_SUCCESS}


def _said(check: dg.AssetCheckEvaluation) -> str:
    return f"{check.check_name} of {check.asset_key.to_user_string()} failed: {check.description}"


def _why(result: dg.JobExecutionResult) -> str:
    """Return the innermost sentence of the first step that failed."""
    for event in result.all_events:
        if event.is_step_failure:
            error = event.step_failure_data.error
            while error is not None and error.cause is not None:
                error = error.cause
            first_line = (error.message if error else event.message or "").strip().splitlines()[0]
            words = first_line.split(": ", 1)[1] if error and ": " in first_line else first_line
            return f"Stage {event.step_key} failed: {words}"
    return f"Run {result.run_id} failed before its first step: look at it with `make dev`."
