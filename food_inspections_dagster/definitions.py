"""The code location: the stages of `defs`, with the resources of the environment. It knows no logic."""

from dataclasses import replace
from importlib import import_module
from pkgutil import iter_modules
from typing import Any

import dagster as dg

from food_inspections_dagster import defs as stage_folders
from food_inspections_dagster.defs.automation.definitions import automation_for
from food_inspections_dagster.defs.automation.jobs import weekly_job
from food_inspections_dagster.io_managers.documents import DocumentsIOManager
from food_inspections_dagster.io_managers.pages import PagesIOManager
from food_inspections_dagster.io_managers.publication import PublicationIOManager
from food_inspections_dagster.io_managers.rows import RowsIOManager, TablesIOManager
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.compute import Compute
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings, load_settings


def graph_for(settings: Settings) -> Graph:
    """Return the stages as the settings describe them; every folder of `defs` with assets brings its own."""
    folders = [
        module.name for module in iter_modules(stage_folders.__path__) if module.ispkg and module.name != "automation"
    ]
    modules = [import_module(f"{stage_folders.__name__}.{folder}.assets") for folder in folders]
    most_weeks = settings.execution.max_partitions_per_run
    return Graph([replace(stage, most_weeks=most_weeks) for module in modules for stage in module.stages(settings)])


def resources_for(settings: Settings, graph: Graph, portal: PortalClient) -> dict[str, Any]:
    """Return the resources that the settings describe; local and production differ in nothing else."""
    database = Database.from_settings(settings)
    objects = ObjectStore.from_settings(settings)
    stored, compute = Stored(database, objects), Compute.from_settings(settings, objects)
    ledger = Ledger(database)
    # As they are: Dagster would make a new one of each for every run, and they share connections and the ledger.
    shared = {"portal": portal, "database": database, "stored": stored, "compute": compute, "ledger": ledger}
    return {
        **{name: dg.ResourceDefinition.hardcoded_resource(resource) for name, resource in shared.items()},
        "rows": RowsIOManager(graph, stored, ledger),
        "tables": TablesIOManager(graph, stored, ledger),
        "documents": DocumentsIOManager(graph, stored, ledger),
        "publication": PublicationIOManager(graph, stored, ledger),
        "pages": PagesIOManager(graph, stored, ledger),
    }


def stages_for(settings: Settings, graph: Graph, portal: PortalClient | None = None) -> dg.Definitions:
    """Return the assets and checks of the stages, the job over them, and their resources.

    Args:
        portal: the client to use, where the caller listens to its progress.
    """
    return dg.Definitions(
        assets=[stage.assets for stage in graph.stages],
        asset_checks=[check for stage in graph.stages for check in stage.checks],
        jobs=[weekly_job],
        resources=resources_for(settings, graph, portal or PortalClient.from_settings(settings)),
        # A range of weeks is one process: steps hand over tables of hundreds of megabytes through the stores,
        # and a process per step would import everything anew for each.
        executor=dg.in_process_executor,
    )


def definitions_for(settings: Settings) -> dg.Definitions:
    """Return the graph of the settings: its stages with their resources, jobs, schedule and sensor."""
    graph = graph_for(settings)
    stages = stages_for(settings, graph)
    return dg.Definitions.merge(stages, automation_for(settings, graph, stages))


@dg.definitions
def defs() -> dg.Definitions:
    """Return the graph of the current environment; Dagster calls it."""
    return definitions_for(load_settings())
