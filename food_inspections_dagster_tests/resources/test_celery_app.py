import sys
import uuid

import dagster as dg
import psycopg
import pytest
from celery.exceptions import Ignore
from dagster._core.code_pointer import CodePointer
from dagster._core.origin import RepositoryPythonOrigin
from dagster._grpc.types import ExecuteRunArgs
from dagster._serdes import pack_value

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources import celery_app
from food_inspections_dagster.resources.celery_app import celery_launcher, start_worker, worker_app
from food_inspections_dagster.resources.run_lease import _LOCK, is_leased
from food_inspections_dagster.settings import load_settings

BROKER = "redis://:hunter2@broker.example.org:6379/0"
CELERY = {
    "database": {"url": "postgresql://me:hunter2@db.example.org/inspections"},
    "storage": {"objects_url": "s3://bucket/inspections"},
    "execution": {"launcher": "celery", "broker_url": BROKER},
}
pytestmark = pytest.mark.usefixtures("project_settings")


@pytest.fixture
def settings():
    return load_settings(CELERY)


def test_launcher_and_worker_are_of_the_same_settings(settings):
    launched, executed = celery_launcher(settings).celery.conf, worker_app(settings).conf
    for name in ("broker_url", "result_backend", "task_default_queue", "result_expires", "broker_transport_options"):
        assert launched[name] == executed[name], name
    assert launched.broker_url == launched.result_backend == BROKER
    # A worker that dies before the run has begun gives its task back; results outlive the longest run.
    assert executed.task_acks_late and executed.worker_prefetch_multiplier == 1
    assert executed.broker_transport_options["visibility_timeout"] == 600
    assert executed.result_expires == 30 * 86_400
    assert [queue.name for queue in executed.task_queues] == ["dagster"]


def test_without_a_broker_there_is_no_launcher_and_without_celery_no_worker():
    settings = load_settings()
    with pytest.raises(FoodInspectionsError, match=r"execution\.broker_url in conf/local"):
        celery_launcher(settings)
    with pytest.raises(FoodInspectionsError, match=r"execution\.launcher is local.*set it to celery"):
        start_worker(settings, "one", "info")


@pytest.fixture
def leases(postgres, monkeypatch):
    """The URL of a database of leases."""
    url = postgres.ensure_database(f"leases_{uuid.uuid4().hex[:8]}")
    monkeypatch.setattr(celery_app, "storage_url", lambda settings: url)
    return url


@pytest.fixture
def instance(tmp_path, monkeypatch):
    """The instance that the worker's process finds."""
    monkeypatch.setenv("DAGSTER_HOME", str(tmp_path))
    with dg.DagsterInstance.get() as opened:
        yield opened


def packed(instance, run):
    return pack_value(ExecuteRunArgs(run.job_code_origin, run.run_id, instance.get_ref(), True))


def run_of_missing_code(instance):
    pointer = CodePointer.from_module("no_such_module", "defs", working_directory=None)
    origin = RepositoryPythonOrigin(sys.executable, pointer).get_job_origin("weekly")
    return instance.run_storage.add_run(
        dg.DagsterRun("weekly", str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTING, job_code_origin=origin)
    )


def test_a_run_that_the_worker_cannot_begin_has_failed_and_says_why(settings, leases, instance):
    """Nobody waits for ever for a run that is about to start."""
    run = run_of_missing_code(instance)
    assert worker_app(settings).tasks["execute_job"](packed(instance, run)) == 1
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.FAILURE
    assert any("no_such_module" in str(entry.dagster_event) for entry in instance.all_logs(run.run_id))
    assert not is_leased(leases, run.run_id)


def test_a_task_that_is_handed_out_twice_is_executed_once(settings, leases, instance):
    run = run_of_missing_code(instance)
    task = worker_app(settings).tasks["execute_job"]
    with psycopg.connect(leases) as other:
        other.execute(f"select pg_advisory_lock({_LOCK})", [run.run_id])
        with pytest.raises(Ignore):
            task(packed(instance, run))
    assert instance.get_run_by_id(run.run_id).status is dg.DagsterRunStatus.STARTING
