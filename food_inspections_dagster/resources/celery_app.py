"""Celery as Dagster uses it: the launcher that hands runs over, and the worker that executes them.

Both are made of the same settings, so they cannot disagree.
"""

import os
from typing import Any

from dagster import DagsterEventType, DagsterInstance
from dagster._core.errors import DagsterExecutionInterruptedError
from dagster._core.events import JobFailureData
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import unpack_value

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.dagster_storage import storage_url
from food_inspections_dagster.resources.run_lease import end_lease, take_lease
from food_inspections_dagster.settings import PREFIX, Settings, load_settings

try:
    from celery import Celery, Task
    from celery.exceptions import Ignore
    from dagster_celery.launcher import CeleryRunLauncher
    from dagster_celery.make_app import make_app
    from dagster_celery.tasks import create_execute_job_task
except ImportError:
    raise FoodInspectionsError(
        "execution.launcher is celery, and dagster-celery is not installed: install the extra 'celery'."
    ) from None

_DAY = 86_400
_CONFIG = {
    # A run is taken from the queue when it has ended. One whose worker is killed before Dagster calls it started is
    # handed to another after so many seconds; one that runs longer is handed out again too, and then ignored.
    "task_acks_late": True,
    "broker_transport_options": {
        "visibility_timeout": 600,
        "max_retries": 3,
        "interval_start": 0,
        "interval_step": 0.2,
    },
    "broker_connection_retry_on_startup": True,
    "worker_prefetch_multiplier": 1,
    "result_expires": 30 * _DAY,  # longer than any run
    "task_default_queue": "dagster",  # the only one that dagster-celery declares
    "worker_hijack_root_logger": False,
}


def celery_launcher(settings: Settings) -> CeleryRunLauncher:
    """Return Dagster's launcher for the broker of the settings, which keeps the results as well.

    Raises:
        FoodInspectionsError: where the settings name no broker.
    """
    if settings.execution.broker_url is None:
        raise FoodInspectionsError(
            f"There is no broker for workers: set execution.broker_url in conf/local, or {PREFIX}EXECUTION__BROKER_URL."
        )
    url = settings.execution.broker_url.get_secret_value()
    return CeleryRunLauncher(default_queue="dagster", broker=url, backend=url, config_source=_CONFIG)


class RunTask(Task):
    """A run as a task: one process at a time has it."""

    def __call__(self, execute_job_args_packed: Any) -> int:
        """Execute the run of the arguments, unless another worker is at it.

        Raises:
            Ignore: where it is; the task was handed out a second time.
        """
        run_id = unpack_value(execute_job_args_packed, as_type=ExecuteRunArgs).run_id
        if not take_lease(storage_url(load_settings()), run_id):
            raise Ignore
        try:
            code = super().__call__(execute_job_args_packed)
        finally:
            end_lease(run_id)
        if _was_told_to_stop(run_id):
            self.app.control.shutdown(destination=[self.request.hostname])
        return code


def _was_told_to_stop(run_id: str) -> bool:
    """Return whether a signal to the process has broken the run off: within a run Dagster takes it for its own."""
    with DagsterInstance.get() as instance:
        ends = instance.all_logs(run_id, of_type=DagsterEventType.RUN_FAILURE)
    data = [entry.dagster_event.event_specific_data for entry in ends if entry.dagster_event is not None]
    errors = [one.error for one in data if isinstance(one, JobFailureData) and one.error is not None]
    return any(error.cls_name == DagsterExecutionInterruptedError.__name__ for error in errors)


def worker_app(settings: Settings) -> Celery:
    """Return the app of a worker that executes the runs of the settings' data."""
    app = make_app(celery_launcher(settings).app_args())
    # Not shared: the one of another app of the process would stand in its place.
    create_execute_job_task(app, base=RunTask, shared=False)  # type: ignore[arg-type]
    return app


def start_worker(settings: Settings, name: str, log_level: str) -> None:
    """Execute runs, one after the other, until the process is told to stop.

    In the process itself: the children of Celery's pool may have no processes of their own, which fits ask for.
    """
    if not settings.execution.launcher == "celery":
        raise FoodInspectionsError(
            f"execution.launcher is {settings.execution.launcher}, so nothing is handed to workers: set it to celery, "
            f"in conf/local or as {PREFIX}EXECUTION__LAUNCHER."
        )
    storage_url(settings)  # before the first run, so that a wrong one is told at once
    # Dagster finds its instance, and the instance its folders, by these.
    os.environ.setdefault("DAGSTER_HOME", str(settings.root))
    os.chdir(settings.root)
    options = ["--pool", "solo", "--queues", "dagster", "--without-gossip", "--without-mingle"]
    worker_app(settings).worker_main(["worker", *options, "--hostname", f"{name}@%h", "--loglevel", log_level])
