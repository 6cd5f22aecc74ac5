"""Dagster's run launcher, chosen by the project's settings: this machine, Celery's workers, or a Kubernetes cluster.

``dagster.yaml`` names the class and nothing else. It hands every run to the launcher of Dagster that the settings
choose, and knows of each run whether its process is alive (``run_lease``).
"""

from collections.abc import Mapping
from functools import cached_property
from typing import Any, Self

from dagster import DagsterRun, Field, Permissive
from dagster._config import process_config
from dagster._core.launcher import (
    CheckRunHealthResult,
    DefaultRunLauncher,
    LaunchRunContext,
    ResumeRunContext,
    RunLauncher,
    WorkerStatus,
)
from dagster._serdes import ConfigurableClass, ConfigurableClassData

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.dagster_storage import WeeklyEventLogStorage
from food_inspections_dagster.settings import Settings, load_settings

#: Of runs that only plan and wait. They stay beside the daemon: one that took a worker while its runs wait for a
#: worker would wait for ever.
PLANNER_TAG = "food_inspections/planner"
_TASK_TAG = "dagster-celery/task_id"


class SettingsRunLauncher(RunLauncher, ConfigurableClass):
    """Launches runs where ``execution.launcher`` of the settings says."""

    def __init__(self, kubernetes: Mapping[str, Any] | None = None, inst_data: ConfigurableClassData | None = None):
        super().__init__()
        self._kubernetes, self._inst_data = kubernetes, inst_data
        self._without_lease: set[str] = set()

    @property
    def inst_data(self) -> ConfigurableClassData | None:
        """What ``dagster.yaml`` says of it."""
        return self._inst_data

    @classmethod
    def config_type(cls) -> dict[str, Any]:
        """Only what Kubernetes needs; everything else is in the settings."""
        kubernetes = "Arguments of K8sRunLauncher, for execution.launcher: k8s outside of the Helm chart"
        return {"kubernetes": Field(Permissive(), is_required=False, description=kubernetes)}

    @classmethod
    def from_config_value(cls, inst_data: ConfigurableClassData, config_value: Mapping[str, Any]) -> Self:
        """Make it; called by Dagster in each of its processes."""
        return cls(config_value.get("kubernetes"), inst_data)

    @cached_property
    def local(self) -> RunLauncher:
        """The launcher of this machine."""
        return self._registered(DefaultRunLauncher())

    @cached_property
    def chosen(self) -> RunLauncher:
        """The launcher that the settings choose.

        Raises:
            FoodInspectionsError: where what it needs is not installed, or not configured.
        """
        settings = load_settings()
        if settings.execution.launcher == "celery":
            return self._registered(_celery_launcher(settings))
        if settings.execution.launcher == "k8s":
            return self._registered(_kubernetes_launcher(self._kubernetes))
        return self.local

    def _registered(self, launcher: RunLauncher) -> RunLauncher:
        launcher.register_instance(self._instance)
        return launcher

    def launch_run(self, context: LaunchRunContext) -> None:
        """Launch a run."""
        self._launcher_for(context.dagster_run).launch_run(context)

    def _launcher_for(self, run: DagsterRun) -> RunLauncher:
        return self.local if PLANNER_TAG in run.tags else self.chosen

    def terminate(self, run_id: str) -> bool:
        """Stop a run; its process sees that it is to be canceled, and one that waits for a worker never starts."""
        run = self._instance.get_run_by_id(run_id)
        if run is None or run.is_finished:
            return False
        launcher = self._launcher_for(run)
        if _TASK_TAG not in run.tags:
            return launcher.terminate(run_id)
        self._instance.report_run_canceling(run)
        # Without a signal: the worker takes one run at a time in its own process, which would end with it.
        launcher.celery.control.revoke(run.tags[_TASK_TAG])  # type: ignore[attr-defined]
        return True

    @property
    def supports_resume_run(self) -> bool:
        """Runs are not resumed: what a broken run has not stored, the next one makes."""
        return False

    def resume_run(self, context: ResumeRunContext) -> None:
        """Refuse."""
        raise NotImplementedError("Runs are not resumed: set run_monitoring.max_resume_run_attempts to 0.")

    @property
    def supports_check_run_worker_health(self) -> bool:
        """Whether it knows if the process of a run is alive."""
        return True

    def check_run_worker_health(self, run: DagsterRun) -> CheckRunHealthResult:
        """Return whether the process of a run that has started is alive.

        A lease that is not there is looked for twice: after a restart of Postgres the process takes it again.
        """
        storage = self._instance.event_log_storage
        if not isinstance(storage, WeeklyEventLogStorage):
            launcher = self._launcher_for(run)
            known = launcher.supports_check_run_worker_health
            return launcher.check_run_worker_health(run) if known else CheckRunHealthResult(WorkerStatus.RUNNING)
        if storage.is_leased(run.run_id):
            self._without_lease.discard(run.run_id)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        if run.run_id not in self._without_lease:
            self._without_lease.add(run.run_id)
            return CheckRunHealthResult(WorkerStatus.RUNNING)
        self._without_lease.discard(run.run_id)
        return CheckRunHealthResult(WorkerStatus.FAILED, "its process has ended without a word")

    def get_run_worker_debug_info(self, run: DagsterRun, include_container_logs: bool | None = True) -> str | None:
        """Return what the launcher knows of the process of a run."""
        return None if _TASK_TAG in run.tags else self._launcher_for(run).get_run_worker_debug_info(run)

    def join(self, timeout: int = 30) -> None:
        """Wait for the runs that this process has launched on this machine."""
        self.local.join(timeout)

    def dispose(self) -> None:
        """Let both launchers clean up."""
        for launcher in {id(one): one for name in ("local", "chosen") if (one := vars(self).get(name))}.values():
            launcher.dispose()


def _celery_launcher(settings: Settings) -> RunLauncher:
    # Here and not above: the extra is not everybody's.
    from food_inspections_dagster.resources.celery_app import celery_launcher

    return celery_launcher(settings)


def _kubernetes_launcher(config: Mapping[str, Any] | None) -> RunLauncher:
    if config is None:
        raise FoodInspectionsError(
            "execution.launcher is k8s, but dagster.yaml does not say how jobs are made: deploy with the Helm chart "
            "and deploy/kubernetes/values.yaml, or give run_launcher.config.kubernetes in dagster.yaml."
        )
    try:
        from dagster_k8s import K8sRunLauncher
    except ImportError:
        raise FoodInspectionsError(
            "execution.launcher is k8s, and dagster-k8s is not installed: install the extra 'kubernetes'."
        ) from None
    checked = process_config(K8sRunLauncher.config_type(), dict(config))
    if not checked.success:
        raise FoodInspectionsError(
            f"run_launcher.config.kubernetes in dagster.yaml is not usable: {checked.errors[0].message}"  # type: ignore[index]
        )
    return K8sRunLauncher.from_config_value(None, checked.value)
