"""Runs that are asked for: put into Dagster's queue, executed by its launcher elsewhere, and waited for here.

They go on whatever becomes of who asked. Who asks next waits for them first, and then plans what is left.
"""

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

import dagster as dg
from dagster._core.code_pointer import CodePointer
from dagster._core.origin import DEFAULT_DAGSTER_ENTRY_POINT, JobPythonOrigin, RepositoryPythonOrigin
from dagster._core.remote_origin import RemoteJobOrigin, RemoteRepositoryOrigin
from dagster._core.workspace.load_target import WorkspaceFileTarget

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.partitions import RANGE_TAGS
from food_inspections_dagster.orchestration.runs import (
    WEEKLY_JOB,
    Listener,
    PlannedRun,
    Report,
    RunWatch,
    checks_of,
    create_run,
    ignore,
    job_of,
)
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.settings import Settings, load_settings
from food_inspections_dagster.weeks import parse_week, week_range

PLANNED_TAG = "food_inspections/planned"
_TAGS = {PLANNED_TAG: "yes", "dagster/max_retries": "0"}  # a run that is lost is planned again, not retried as it was
_RUN_CONFIG = {"loggers": {"console": {"config": {"log_level": "WARNING"}}}}
_UNFINISHED = [status for status in dg.DagsterRunStatus if status.value not in ("SUCCESS", "FAILURE", "CANCELED")]
_KINDS = {
    dg.DagsterEventType.STEP_START,
    dg.DagsterEventType.STEP_SUCCESS,
    dg.DagsterEventType.STEP_FAILURE,
    dg.DagsterEventType.ASSET_CHECK_EVALUATION,
    dg.DagsterEventType.RUN_SUCCESS,
    dg.DagsterEventType.RUN_FAILURE,
    dg.DagsterEventType.RUN_CANCELED,
}
_LOOK_SECONDS, _PAGE = 1.0, 500


@dataclass(frozen=True)
class Origins:
    """Where the code of a run is: as the daemon knows it, and as a worker does."""

    remote: RemoteJobOrigin
    python: JobPythonOrigin

    @classmethod
    def of_run(cls, run: dg.DagsterRun) -> "Origins | None":
        """Return those of another run of the same code; None of a run that was not launched."""
        if run.remote_job_origin is None or run.job_code_origin is None:
            return None
        return cls(
            run.remote_job_origin.repository_origin.get_job_origin(WEEKLY_JOB),
            run.job_code_origin.repository_origin.get_job_origin(WEEKLY_JOB),
        )

    @classmethod
    def of_workspace(cls, settings: Settings) -> "Origins":
        """Return those of the first location of the project's ``workspace.yaml``."""
        location = WorkspaceFileTarget([str(settings.root / "workspace.yaml")]).create_origins()[0]
        module = str(location.loadable_target_origin.module_name)  # type: ignore[attr-defined]
        # What Dagster calls the definitions of a module, and what loads them.
        remote = RemoteRepositoryOrigin(location, "__repository__").get_job_origin(WEEKLY_JOB)
        pointer = CodePointer.from_module(module, "defs", working_directory=None)
        python = RepositoryPythonOrigin(sys.executable, pointer, entry_point=DEFAULT_DAGSTER_ENTRY_POINT)
        return cls(remote, python.get_job_origin(WEEKLY_JOB))


@dataclass
class RunQueue:
    """Asks an instance of Dagster for runs, and waits for them."""

    graph: Graph
    definitions: dg.Definitions
    instance: dg.DagsterInstance
    ledger: Ledger
    origins: Origins

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Let no other planner ask meanwhile: two would ask for the same."""
        with self.ledger.planning():
            yield

    def unfinished(self) -> list[str]:
        """Return the runs that were asked for and have not ended; what was created and not asked for is asked for."""
        runs = self.instance.get_runs(dg.RunsFilter(tags={PLANNED_TAG: "yes"}, statuses=_UNFINISHED))
        for run in runs:
            if run.status is dg.DagsterRunStatus.NOT_STARTED:
                self.instance.submit_run(run.run_id, workspace=None)  # type: ignore[arg-type]
        return [run.run_id for run in reversed(runs)]

    def ask(self, run: PlannedRun) -> str:
        """Put a run into the queue and return its id."""
        created = create_run(
            self.instance,
            job_of(self.graph, self.definitions, run),
            run,
            _RUN_CONFIG,
            _TAGS,
            asset_selection=frozenset(dg.AssetKey(asset) for asset in run.assets),
            asset_check_selection=frozenset(checks_of(self.graph, run)),
            remote_job_origin=self.origins.remote,
            job_code_origin=self.origins.python,
        )
        self.instance.submit_run(created.run_id, workspace=None)  # type: ignore[arg-type]
        return created.run_id

    def wait(self, run_ids: Sequence[str], report: Report, listener: Listener = ignore) -> list[str]:
        """Wait until all of some runs have ended, and return those whose process was lost.

        Raises:
            FoodInspectionsError: where a step of one has failed, or a blocking check; at the end of all of them.
        """
        report.run_ids += run_ids
        followed = [_Followed(self.graph, self.instance, run_id, report, listener) for run_id in run_ids]
        pending = followed
        while pending := [one for one in pending if not one.look()]:
            waiting = _waiting([one.status for one in pending])
            if waiting:
                listener(waiting, "start", None)
            time.sleep(_LOOK_SECONDS)
        failures = []
        for one in followed:
            try:
                one.watch.close()
            except FoodInspectionsError as error:
                failures.append(error)
        if failures:
            raise failures[0]
        return [one.watch.run_id for one in followed if one.watch.lost]


def _waiting(statuses: Sequence[dg.DagsterRunStatus]) -> str:
    """Return what runs wait for that have not begun."""
    queued = statuses.count(dg.DagsterRunStatus.QUEUED) + statuses.count(dg.DagsterRunStatus.NOT_STARTED)
    starting = statuses.count(dg.DagsterRunStatus.STARTING)
    words = [f"{queued} in the queue of Dagster's daemon"] * bool(queued)
    words += [f"{starting} handed over, not begun"] * bool(starting)
    return f"waiting for {len(statuses)} runs: {', '.join(words)}" if words else ""


class _Followed:
    """A run that is looked at from time to time."""

    def __init__(
        self, graph: Graph, instance: dg.DagsterInstance, run_id: str, report: Report, listener: Listener
    ) -> None:
        self._instance = instance
        self._cursor: str | None = None
        self.status = dg.DagsterRunStatus.NOT_STARTED
        run = instance.get_run_by_id(run_id)
        ends = [run.tags.get(tag) for tag in RANGE_TAGS] if run else []
        weeks = week_range(*map(parse_week, ends)) if all(ends) else []  # type: ignore[arg-type]
        self.watch = RunWatch(graph, run_id, len(weeks), report, listener)

    def look(self) -> bool:
        """Take the events since the last look, and return whether the run has ended."""
        run = self._instance.get_run_by_id(self.watch.run_id)
        if run is None:
            raise FoodInspectionsError(f"Run {self.watch.run_id} was deleted while it was waited for: run again.")
        self.status, more = run.status, True
        while more:
            page = self._instance.event_log_storage.get_records_for_run(
                self.watch.run_id, self._cursor, _KINDS, limit=_PAGE
            )
            for record in page.records:
                entry = record.event_log_entry
                if entry.dagster_event is not None:
                    self.watch.see(entry.dagster_event, entry.timestamp)
            self._cursor, more = page.cursor, page.has_more
        return run.is_finished


def run_queue(
    settings: Settings,
    graph: Graph,
    definitions: dg.Definitions,
    instance: dg.DagsterInstance,
    ledger: Ledger,
    asking: dg.DagsterRun | None = None,
) -> RunQueue | None:
    """Return the queue of an instance where runs are executed elsewhere; None where they are executed in this process.

    Args:
        asking: the run whose step asks, where one does.

    Raises:
        FoodInspectionsError: where settings were given on the command line, which no worker would know.
    """
    launcher = settings.execution.launcher
    if not settings.execution.is_elsewhere:
        return None
    if settings.model_dump() != load_settings().model_dump():
        raise FoodInspectionsError(
            f"With execution.launcher {launcher} other machines execute the runs, and do not see what was given on the "
            "command line: give it in conf/local or as variables, here and on the workers."
        )
    origins = Origins.of_run(asking) if asking is not None else None
    return RunQueue(graph, definitions, instance, ledger, origins or Origins.of_workspace(settings))
