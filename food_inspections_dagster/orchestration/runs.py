"""A run of the graph: what is made in it, how it is executed in this process, and what came of it."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from time import monotonic
from typing import Any

import dagster as dg
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.execution.api import create_execution_plan, execute_run_iterator
from dagster._core.snap import snapshot_from_execution_plan

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.partitions import range_tags
from food_inspections_dagster.orchestration.stages import Graph

WEEKLY_JOB = "weekly"


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


_OF_MONITORING = "Detected run worker status"  # how Dagster's run monitoring begins, of a process that is gone
_RUN_CONFIG = {
    "loggers": {"console": {"config": {"log_level": "CRITICAL"}}},
    # Somebody waits in front of the screen: a step that failed is reported at once, not after a minute of pauses, and
    # running again goes on from there. The client's own retries of each request stay.
    "execution": {"config": {"retries": {"disabled": {}}}},
}


class RunWatch:
    """Takes the events of one run as they come, adds what they say to a report, and knows how the run ended."""

    def __init__(self, graph: Graph, run_id: str, weeks: int, report: Report, listener: Listener = ignore) -> None:
        self.run_id = run_id
        self._graph, self._weeks, self._report, self._listener = graph, weeks, report, listener
        self._started: dict[str, float] = {}
        self._checks: list[dg.AssetCheckEvaluation] = []
        self._failures: list[dg.DagsterEvent] = []
        self._success = self._canceled = False

    def see(self, event: dg.DagsterEvent, moment: float) -> None:
        """Take the next event; ``moment`` is its time, in seconds from any start."""
        step, kind = str(event.step_key), event.event_type
        if kind is dg.DagsterEventType.STEP_START:
            self._started[step] = moment
            self._listener(step, "start", None)
        elif kind is dg.DagsterEventType.STEP_SUCCESS:
            seconds = moment - self._started.get(step, moment)
            self._report.stages.append(StageTime(step, seconds, self._weeks))
            self._listener(step, "end", seconds)
        elif kind is dg.DagsterEventType.ASSET_CHECK_EVALUATION:
            if not event.asset_check_evaluation_data.passed:
                self._checks.append(event.asset_check_evaluation_data)
        elif event.is_step_failure or kind is dg.DagsterEventType.RUN_FAILURE:
            self._failures.append(event)
        self._success = self._success or kind is dg.DagsterEventType.RUN_SUCCESS
        self._canceled = self._canceled or kind is dg.DagsterEventType.RUN_CANCELED

    @property
    def lost(self) -> bool:
        """Whether its process was killed or told to stop: nothing is wrong with what it made."""
        return any(_is_loss(event) for event in self._failures)

    def close(self) -> None:
        """Add the warnings of the run, which has ended.

        Raises:
            FoodInspectionsError: where a step has failed, or a blocking check.
        """
        warnings = _words([check for check in self._checks if not check.blocking])
        self._report.warnings += [words for words in warnings if words not in self._report.warnings]
        if self._success or self.lost:
            return
        blocking = _words([check for check in self._checks if check.blocking and _of_store(self._graph, check)])
        if blocking:
            raise FoodInspectionsError(f"Check {blocking[0]} What follows was not made.")
        if self._canceled:
            raise FoodInspectionsError(f"Run {self.run_id} was canceled: run again to go on from there.")
        raise FoodInspectionsError(words_of_failure(self._failures, self.run_id))


def _is_loss(event: dg.DagsterEvent) -> bool:
    if event.is_step_failure:
        error = event.step_failure_data.error
        return error is not None and error.cls_name == DagsterExecutionInterruptedError.__name__
    return (event.message or "").startswith(_OF_MONITORING)


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
    job = job_of(graph, definitions, run)
    dagster_run = create_run(instance, job, run, _RUN_CONFIG)
    report.run_ids.append(dagster_run.run_id)
    watch = RunWatch(graph, dagster_run.run_id, len(run.weeks), report, listener)
    # Not through ``dg.execute_job``, which wants a function that builds the graph anew, keeps every output in memory
    # and tells its events only at the end.
    for event in execute_run_iterator(job, dagster_run, instance):
        watch.see(event, monotonic())
    if watch.lost:
        raise FoodInspectionsError(f"Run {dagster_run.run_id} was stopped: run again to go on from there.")
    watch.close()


def create_run(
    instance: dg.DagsterInstance,
    job: InMemoryJob,
    run: PlannedRun,
    config: Mapping[str, Any],
    tags: Mapping[str, str] | None = None,
    **origins: Any,
) -> dg.DagsterRun:
    """Create the run of a job in Dagster's storage; nothing executes it yet."""
    job_def = job.get_definition()
    tags = {**range_tags(run.weeks), **(tags or {})}
    plan = create_execution_plan(job, run_config=config, tags=tags)
    return instance.create_run(
        job_name=WEEKLY_JOB,
        run_id=None,
        run_config=config,
        status=None,
        tags=tags,
        root_run_id=None,
        parent_run_id=None,
        step_keys_to_execute=plan.step_keys_to_execute,
        execution_plan_snapshot=snapshot_from_execution_plan(plan, job_def.get_job_snapshot_id()),
        job_snapshot=job_def.get_job_snapshot(),
        parent_job_snapshot=job_def.get_parent_job_snapshot(),
        resolved_op_selection=None,
        op_selection=None,
        asset_graph=job_def.asset_layer.asset_graph,
        **{
            "asset_selection": None,
            "asset_check_selection": None,
            "remote_job_origin": None,
            "job_code_origin": None,
            **origins,
        },
    )


def checks_of(graph: Graph, run: PlannedRun) -> set[dg.AssetCheckKey]:
    """Return the checks of a run: those of its assets' own steps, and those of the store that it asks for."""
    return {
        rule.spec.key
        for stage in graph.stages
        for rule in stage.rules
        if rule.asset in (run.checks if rule.of_store else run.assets)
    }


def job_of(graph: Graph, definitions: dg.Definitions, run: PlannedRun) -> InMemoryJob:
    """Return the job that makes the assets of a run and judges its checks, and nothing else."""
    return InMemoryJob(definitions.resolve_job_def(WEEKLY_JOB)).get_subset(
        asset_selection={dg.AssetKey(asset) for asset in run.assets}, asset_check_selection=checks_of(graph, run)
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
    reasons = [event.message.strip().splitlines()[0] for event in failures if event.message]
    reason = f" ({reasons[-1]})" if reasons else ""
    return f"Run {run_id} failed before its first step{reason}: look at it with `make dev`."
