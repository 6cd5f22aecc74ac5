"""The code location: the stages of `defs`, with the resources of the environment. It knows no logic."""

from typing import Any

import dagster as dg

from food_inspections_dagster import defs as stages
from food_inspections_dagster.io_managers.objects import DocumentsIOManager, ParquetObjectsIOManager
from food_inspections_dagster.io_managers.postgres import PostgresIOManager
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import Settings, load_settings


def resources_for(settings: Settings) -> dict[str, Any]:
    """Return the resources that the settings describe; local and production differ in nothing else."""
    objects = ObjectStore.from_settings(settings)
    database = Database.from_settings(settings)
    return {
        "settings": dg.ResourceDefinition.hardcoded_resource(settings),
        "portal": PortalClient.from_settings(settings),
        "objects": objects,
        "database": database,
        "raw_objects": ParquetObjectsIOManager(objects=objects),
        "documents": DocumentsIOManager(objects=objects),
        "postgres": PostgresIOManager(database=database),
    }


def definitions_for(settings: Settings) -> dg.Definitions:
    """Return the stages with the resources that the settings describe."""
    return dg.Definitions.merge(
        dg.load_definitions_from_package_module(stages),
        dg.Definitions(
            resources=resources_for(settings),
            # A range of weeks is one process: steps hand over tables of hundreds of megabytes through the stores,
            # and a process per step would import everything anew for each.
            executor=dg.in_process_executor,
        ),
    )


defs = definitions_for(load_settings())
