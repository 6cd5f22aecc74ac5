"""The code location: the stages of `defs`, with the resources of the environment. It knows no logic."""

import dagster as dg

from food_inspections_dagster import defs as stages
from food_inspections_dagster.resources import resources_for
from food_inspections_dagster.settings import load_settings

defs = dg.Definitions.merge(
    dg.load_definitions_from_package_module(stages),
    dg.Definitions(
        resources=resources_for(load_settings()),
        # A range of weeks is one process: steps hand over tables of hundreds of megabytes through the stores,
        # and a process per step would import everything anew for each.
        executor=dg.in_process_executor,
    ),
)
