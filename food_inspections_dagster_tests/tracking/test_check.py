import logging

import dagster as dg

from food_inspections_dagster.catalog import PUBLISHED_LIST
from food_inspections_dagster.definitions import definitions_for
from food_inspections_dagster.defs.automation.jobs import UP_TO_DATE
from food_inspections_dagster.tracking.check import NAME, tell, tracked
from food_inspections_dagster.tracking.projection import Outcome
from food_inspections_dagster_tests.tracking.mlflow_server import TrackingServer
from food_inspections_dagster_tests.world import World

KEY = dg.AssetCheckKey(dg.AssetKey(PUBLISHED_LIST.asset), NAME)


def judge(world: World) -> dg.AssetCheckEvaluation:
    shared = {"stored": world.stored, "ledger": world.ledger}
    resources = {name: dg.ResourceDefinition.hardcoded_resource(one) for name, one in shared.items()}
    defs = dg.Definitions(asset_checks=tracked(world.settings), resources=resources)
    job = defs.resolve_implicit_global_asset_job_def()
    result = job.execute_in_process(
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}, instance=world.scratch
    )
    assert result.success, "a check that warns fails nothing"
    (evaluation,) = result.get_asset_check_evaluations()
    return evaluation


def test_the_check_sends_what_is_missing_and_passes(city: World, server: TrackingServer):
    evaluation = judge(city)
    assert evaluation.passed, evaluation.description
    assert evaluation.metadata["sent"].value == len(server.facts()) > 0
    assert evaluation.metadata["waiting"].value == 0


def test_it_warns_where_the_server_fails(city: World, server: TrackingServer):
    server.fault = 500
    evaluation = judge(city)
    assert not evaluation.passed and evaluation.severity is dg.AssetCheckSeverity.WARN
    assert "refused a request (500)" in evaluation.description


def test_the_job_of_the_list_succeeds_whatever_the_server_does(city: World, server: TrackingServer):
    server.fault = 500
    job = definitions_for(city.settings).resolve_job_def(UP_TO_DATE)
    result = job.execute_in_process(
        run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}, instance=city.instance
    )
    assert result.success
    logged = [log.user_message for log in city.instance.all_logs(result.run_id) if log.level == logging.WARNING]
    assert any("refused a request (500)" in line for line in logged)
    record = city.instance.event_log_storage.get_latest_asset_check_execution_by_key([KEY])[KEY]
    assert not record.event.dagster_event.asset_check_evaluation_data.passed


def test_it_stands_in_the_graph_only_where_models_are_tracked(stored_city: World, city: World):
    def checks(world: World) -> set[dg.AssetCheckKey]:
        return set(definitions_for(world.settings).resolve_asset_graph().asset_check_keys)

    assert KEY in checks(city) and KEY not in checks(stored_city)


def test_what_a_command_learnt_is_the_checks_newest_result(city: World):
    tell(city.instance, Outcome("http://127.0.0.1:9", 3, 5, problem="It does not answer."))
    record = city.instance.event_log_storage.get_latest_asset_check_execution_by_key([KEY])[KEY]
    evaluation = record.event.dagster_event.asset_check_evaluation_data
    assert not evaluation.passed and not evaluation.blocking
    assert evaluation.description == "It does not answer. 5 fits, decisions and evaluations wait."
    assert {name: one.value for name, one in evaluation.metadata.items()} == {"sent": 3, "waiting": 5}
