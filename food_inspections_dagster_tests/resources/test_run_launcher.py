import uuid

import dagster as dg
import pytest
from dagster._core.instance.ref import InstanceRef
from dagster._core.launcher import DefaultRunLauncher, WorkerStatus
from dagster_celery.launcher import CeleryRunLauncher

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources import run_launcher
from food_inspections_dagster.resources.run_launcher import PLANNER_TAG, SettingsRunLauncher
from food_inspections_dagster.resources.run_lease import end_lease
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.resources.test_celery_app import CELERY
from food_inspections_dagster_tests.resources.test_dagster_storage import project  # noqa: F401


@pytest.fixture
def instance(project):  # noqa: F811
    """The instance of the project's dagster.yaml, on the session's server."""
    with dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(project))) as opened:
        yield opened


@pytest.fixture
def launcher(instance):
    assert isinstance(instance.run_launcher, SettingsRunLauncher)
    return instance.run_launcher


@pytest.fixture
def celery(monkeypatch):
    """The settings say celery, wherever the instance lies."""
    monkeypatch.setattr(run_launcher, "load_settings", lambda: load_settings(CELERY))


def started(instance, **tags):
    run = dg.DagsterRun("weekly", str(uuid.uuid4()), status=dg.DagsterRunStatus.STARTED, tags=tags)
    return instance.run_storage.add_run(run)


def test_dagster_yaml_launches_on_this_machine_by_default(launcher):
    assert isinstance(launcher.chosen, DefaultRunLauncher) and launcher.chosen is launcher.local
    assert launcher.chosen.has_instance
    assert not launcher.supports_resume_run


def test_workers_get_every_run_but_those_that_plan(launcher, instance, celery):
    assert isinstance(launcher.chosen, CeleryRunLauncher) and launcher.chosen.has_instance
    assert launcher._launcher_for(started(instance)) is launcher.chosen
    assert launcher._launcher_for(started(instance, **{PLANNER_TAG: "yes"})) is launcher.local
    assert "hunter2" not in repr(instance.get_ref()), "it travels with each task"


def test_a_cluster_needs_to_be_described(launcher, monkeypatch):
    k8s = {**CELERY, "execution": {"launcher": "k8s"}}
    monkeypatch.setattr(run_launcher, "load_settings", lambda: load_settings(k8s))
    with pytest.raises(FoodInspectionsError, match=r"deploy/kubernetes/values\.yaml, or give run_launcher"):
        _ = launcher.chosen
    described = SettingsRunLauncher({"service_account_name": 5})
    described.register_instance(launcher._instance)
    with pytest.raises(FoodInspectionsError, match=r"run_launcher\.config\.kubernetes in dagster\.yaml is not usable"):
        _ = described.chosen


def test_a_run_without_a_process_is_seen_at_the_second_look(launcher, instance):
    """After a restart of Postgres a process takes its lease again; one look would end its run."""
    run = started(instance)
    assert launcher.supports_check_run_worker_health
    looks = [launcher.check_run_worker_health(run).status for _ in range(3)]
    assert looks == [WorkerStatus.RUNNING, WorkerStatus.FAILED, WorkerStatus.RUNNING]


def test_a_run_whose_process_is_alive_is_well_however_long_it_takes(launcher, instance):
    run = started(instance)
    assert launcher.check_run_worker_health(run).status is WorkerStatus.RUNNING
    assert instance.event_log_storage.take_lease(run.run_id)
    try:
        assert {launcher.check_run_worker_health(run).status for _ in range(3)} == {WorkerStatus.RUNNING}
    finally:
        end_lease(run.run_id)
    looks = [launcher.check_run_worker_health(run).status for _ in range(2)]
    assert looks == [WorkerStatus.RUNNING, WorkerStatus.FAILED]
