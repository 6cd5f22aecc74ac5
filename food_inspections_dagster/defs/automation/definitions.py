"""The jobs, the schedule and the sensors of a graph."""

import dagster as dg

from food_inspections_dagster.defs.automation.alerts import alert_sensors
from food_inspections_dagster.defs.automation.jobs import Clock, bring_up_to_date_job, now, prune_job
from food_inspections_dagster.defs.automation.schedules import monday_morning, sunday_night
from food_inspections_dagster.defs.automation.sensors import portal_updates
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.tracking.check import tracked


def automation_for(settings: Settings, graph: Graph, stages: dg.Definitions, clock: Clock = now) -> dg.Definitions:
    """Return what makes the stages; ``stages`` holds their assets and the job over them."""
    job = bring_up_to_date_job(settings, graph, stages, clock)
    sensors = [portal_updates(settings, graph, job, clock), *alert_sensors(settings, clock)]
    prune = prune_job(settings, graph, clock)
    return dg.Definitions(
        asset_checks=tracked(settings),
        jobs=[job, prune],
        schedules=[monday_morning(job), sunday_night(prune)],
        sensors=sensors,
    )
