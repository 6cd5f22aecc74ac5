"""What is asked of Dagster's queue; workers execute it in integration/test_workers.py."""

import dagster as dg
import pytest
from dagster._core.origin import JobPythonOrigin
from dagster._core.remote_origin import RemoteJobOrigin
from dagster._utils.hosted_user_process import recon_job_from_origin

from food_inspections_dagster import definitions
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration import requests
from food_inspections_dagster.orchestration.requests import PLANNED_TAG, Origins, RunQueue, _waiting, run_queue
from food_inspections_dagster.orchestration.runs import PlannedRun, Report
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK
from food_inspections_dagster_tests.resources.test_celery_app import CELERY

pytestmark = pytest.mark.usefixtures("project_settings")
RUN = PlannedRun(
    ("raw_inspections", "inspections", "violations", "rejected_inspections"), (FIRST_WEEK, FIRST_WEEK + WEEK)
)
Status = dg.DagsterRunStatus


class NoLedger:
    """For what asks no ledger."""


@pytest.fixture(scope="module")
def parts():
    settings = load_settings()
    graph = definitions.graph_for(settings)
    return settings, graph, definitions.stages_for(settings, graph, PortalClient.from_settings(settings))


@pytest.fixture
def instance(monkeypatch):
    # Runs of an instance without a queue would be launched at once.
    with dg.DagsterInstance.ephemeral() as opened:
        monkeypatch.setattr(opened, "submit_run", lambda run_id, workspace: submit(opened, run_id))
        yield opened


def submit(instance, run_id):
    run = instance.get_run_by_id(run_id)
    instance.report_dagster_event(dg.DagsterEvent.job_enqueue(run), run_id)


@pytest.fixture
def queue(parts, instance):
    settings, graph, stages = parts
    return RunQueue(graph, stages, instance, NoLedger(), Origins.of_workspace(settings))


def test_the_code_is_where_the_daemon_and_a_worker_look_for_it(parts):
    origins = Origins.of_workspace(parts[0])
    assert isinstance(origins.remote, RemoteJobOrigin) and isinstance(origins.python, JobPythonOrigin)
    assert origins.remote.location_name == "food_inspections_dagster.definitions"
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(definitions, "load_settings", lambda: parts[0])
        job = recon_job_from_origin(origins.python).get_definition()
    assert job.name == "weekly" and len(list(job.asset_layer.selected_asset_keys)) > 10


def test_a_run_that_is_asked_for_waits_in_the_queue_with_what_it_makes(queue, instance):
    run = instance.get_run_by_id(queue.ask(RUN))
    assert run.status is Status.QUEUED
    assert {key.to_user_string() for key in run.asset_selection} == set(RUN.assets)
    rules = [rule for stage in queue.graph.stages for rule in stage.rules if rule.asset in RUN.assets]
    in_memory = {rule.spec.key for rule in rules if not rule.of_store}
    assert run.asset_check_selection == in_memory, "checks of the store come after all parts"
    assert len(in_memory) < len(rules)
    assert run.tags[PLANNED_TAG] == "yes" and run.tags["dagster/max_retries"] == "0"
    assert run.tags["dagster/asset_partition_range_end"] == (FIRST_WEEK + WEEK).isoformat()
    # A step that asks hands on where its own code is.
    assert Origins.of_run(run) == queue.origins


def test_who_asks_next_waits_for_what_has_not_ended_and_asks_for_what_was_only_created(queue, instance, monkeypatch):
    first, second = queue.ask(RUN), queue.ask(RUN)
    with monkeypatch.context() as patch:
        patch.setattr(instance, "submit_run", lambda run_id, workspace: None)
        third = queue.ask(RUN)
    instance.report_run_failed(instance.get_run_by_id(second))
    assert instance.get_run_by_id(third).status is Status.NOT_STARTED
    assert queue.unfinished() == [first, third]
    assert instance.get_run_by_id(third).status is Status.QUEUED


def test_the_end_of_each_run_is_waited_for_and_the_first_failure_told(queue, instance, monkeypatch):
    monkeypatch.setattr(requests, "_LOOK_SECONDS", 0.0)
    lost, failed, report, heard = queue.ask(RUN), queue.ask(RUN), Report(), []
    looks = iter(range(10))

    def listen(words, moment, seconds):
        heard.append(words)
        if next(looks) == 1:
            instance.report_run_failed(instance.get_run_by_id(lost), "Detected run worker status FAILED: 'gone'.")
        if len(heard) == 3:
            instance.report_run_failed(instance.get_run_by_id(failed), "The worker cannot execute the run: no code")

    with pytest.raises(FoodInspectionsError, match=rf"^Run {failed} failed before its first step \(The worker cannot"):
        queue.wait([lost, failed], report, listen)
    assert report.run_ids == [lost, failed]
    assert heard[0] == "waiting for 2 runs: 2 in the queue of Dagster's daemon"
    assert heard[-1] == "waiting for 1 runs: 1 in the queue of Dagster's daemon"
    assert queue.wait([lost], Report()) == [lost]


def test_what_is_waited_for_is_said_until_all_runs_have_begun():
    assert _waiting([Status.STARTED, Status.CANCELING]) == ""
    assert _waiting([Status.STARTED, Status.STARTING]) == "waiting for 2 runs: 1 handed over, not begun"


def test_only_where_other_machines_execute_runs_are_they_asked_for(parts, monkeypatch):
    settings, graph, stages = parts
    assert run_queue(settings, graph, stages, None, NoLedger()) is None
    celery = load_settings(CELERY)
    with pytest.raises(FoodInspectionsError, match=r"do not see what was given on the command line: give it in conf"):
        run_queue(celery, graph, stages, None, NoLedger())
    monkeypatch.setattr(requests, "load_settings", lambda: celery)
    assert isinstance(run_queue(celery, graph, stages, None, NoLedger()), RunQueue)
