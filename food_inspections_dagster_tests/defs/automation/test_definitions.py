from food_inspections_dagster.definitions import definitions_for, graph_for, stages_for
from food_inspections_dagster.defs.automation.definitions import automation_for
from food_inspections_dagster.defs.automation.jobs import UP_TO_DATE
from food_inspections_dagster.settings import load_settings


def test_schedule_and_sensor_request_the_one_job_that_asks_the_planner():
    settings = load_settings()
    graph = graph_for(settings)
    automation = automation_for(settings, graph, stages_for(settings, graph))
    (job, prune), (schedule, of_prune), (sensor,) = automation.jobs, automation.schedules, automation.sensors
    assert job.name == schedule.job_name == sensor.job_name == UP_TO_DATE
    assert prune.name == of_prune.job_name == "prune"


def test_they_stand_in_the_graph_of_the_settings():
    repository = definitions_for(load_settings()).get_repository_def()
    assert UP_TO_DATE in repository.job_names
