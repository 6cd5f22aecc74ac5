"""Where tasks run: in threads of this process, or on a Dask cluster; the results are the same."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from food_inspections_dagster.parallel import side_by_side
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.workspace import Workspace, workspace
from food_inspections_dagster.settings import Settings

Task = Mapping[str, Any]
"""What a task is told, and what it tells: JSON-ready values, addresses and hashes rather than data."""
TaskFunction = Callable[[Task, Workspace], dict[str, Any]]
"""Does a task: a function of a module, so that its import path names it."""


class Compute:
    """Runs tasks side by side, in threads of this process."""

    def __init__(self, objects: ObjectStore, workers: int | None = None) -> None:
        """Give the object store that tasks read and write, and the number of threads: None, as many as processors."""
        self.objects = objects
        self.workers = workers

    @classmethod
    def from_settings(cls, settings: Settings, objects: ObjectStore) -> "Compute":
        """Return the way of running tasks that the settings name."""
        if not settings.compute.scheduler:
            return cls(objects)
        # Dask is imported for those who have a cluster, and is installed for them only.
        from food_inspections_dagster.resources.dask_cluster import DaskCluster

        return DaskCluster(objects, settings.compute, settings.root)

    @contextmanager
    def workspace(self) -> Iterator[Workspace]:
        """Give a folder for what tasks leave to each other; it is removed afterwards."""
        with workspace(self.objects) as made:
            yield made

    def map(self, function: TaskFunction, tasks: Sequence[Task], where: Workspace) -> list[dict[str, Any]]:
        """Return what the function tells of each task, in their order; the first error ends it.

        Raises:
            FoodInspectionsError: of a task, or where tasks cannot be run.
        """
        return side_by_side(lambda task: function(task, where), tasks, self.workers)
