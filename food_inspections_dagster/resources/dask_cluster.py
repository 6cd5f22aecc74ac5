"""Tasks on a Dask cluster: the only module that knows Dask.

Between processes Dask speaks pickle, so whoever reaches the scheduler can run code on the workers: it is one trust
domain. Ours are functions of this package by name, with plain values.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import CancelledError
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.compute import Compute, Task, TaskFunction
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.worker import fingerprint, run_task
from food_inspections_dagster.resources.workspace import Workspace
from food_inspections_dagster.settings import Computing

try:
    from distributed import Client, KilledWorker, Security
except ImportError:
    raise FoodInspectionsError(
        "compute.scheduler names a Dask cluster, and Dask is not installed: "
        "install food-inspections-dagster[cluster], or leave compute.scheduler empty."
    ) from None


class DaskCluster(Compute):
    """Runs tasks on the workers of a scheduler; a worker that dies costs nothing but time."""

    def __init__(self, objects: ObjectStore, settings: Computing, root: Path = Path()) -> None:
        """Give the object store that tasks read and write, the scheduler, and the folder of relative certificates."""
        super().__init__(objects)
        self.settings = settings
        self.root = root

    def map(self, function: TaskFunction, tasks: Sequence[Task], where: Workspace) -> list[dict[str, Any]]:
        """Return what the function tells of each task, in their order; the first error ends it.

        Raises:
            FoodInspectionsError: of a task, or where the scheduler cannot be reached, has no worker, or has one with
                other code.
        """
        if not tasks:
            return []
        path = f"{function.__module__}:{function.__qualname__}"
        header = {
            "fingerprint": fingerprint(),
            "url": where.objects.url,
            "portal": where.objects.portal,
            "folder": where.folder,
        }
        with self._client() as client:
            self._require_same_code(client)
            futures = client.map(
                run_task,
                [path] * len(tasks),
                [dict(task) for task in tasks],
                header=header,
                pure=False,  # what a task of an earlier step told is not asked for again: its files are gone
                retries=self.settings.retries,
                key=function.__name__,
            )
            try:
                return client.gather(futures)
            except KilledWorker:
                raise FoodInspectionsError(
                    f"A task {function.__name__} ended several workers of {self.settings.scheduler} one after the "
                    "other: see their logs, and give them more memory."
                ) from None
            except (CancelledError, OSError):
                raise self._lost() from None
            except RuntimeError as error:  # the scheduler takes the list of tasks apart, so it has to know their names
                raise FoodInspectionsError(
                    f"The Dask scheduler {self.settings.scheduler} cannot read the tasks ({error}): "
                    "install food-inspections-dagster where it runs too, the same version."
                ) from None

    @contextmanager
    def _client(self) -> Iterator[Client]:
        try:
            client = Client(
                self.settings.scheduler,
                timeout=self.settings.timeout_seconds,
                security=self._security(),
                set_as_default=False,
            )
        except (OSError, RuntimeError) as error:
            reason = f" ({error.__cause__ or error})" if self.settings.is_encrypted else ""
            raise FoodInspectionsError(
                f"The Dask scheduler {self.settings.scheduler} cannot be reached{reason}: "
                "start it, correct compute.scheduler, or leave it empty to compute on this machine."
            ) from None
        try:
            yield client
        finally:
            client.close()

    def _security(self) -> Security | None:
        given = self.settings
        if not (given.tls_ca_file and given.tls_certificate and given.tls_key):
            return None
        return Security(
            require_encryption=given.is_encrypted,
            tls_ca_file=str(self.root / given.tls_ca_file),
            tls_client_cert=str(self.root / given.tls_certificate),
            tls_client_key=str(self.root / given.tls_key),
        )

    def _require_same_code(self, client: Client) -> None:
        """Refuse workers with other code before the first task; one that joins later refuses its tasks itself."""
        try:
            client.wait_for_workers(1, timeout=self.settings.timeout_seconds)
        except TimeoutError:
            raise FoodInspectionsError(
                f"The Dask scheduler {self.settings.scheduler} has no worker: start one with "
                f"`dask worker {self.settings.scheduler} --nthreads 1`, or leave compute.scheduler empty."
            ) from None
        try:
            answers = client.run(fingerprint, on_error="return")
        except (CancelledError, OSError):
            raise self._lost() from None
        for address, answer in answers.items():
            if answer != fingerprint() and not isinstance(answer, OSError):  # a worker that has just died is none
                has = "does not have" if isinstance(answer, Exception) else f"has other code or libraries ({answer}) of"
                raise FoodInspectionsError(
                    f"The worker {address} {has} food-inspections-dagster as this run has it ({fingerprint()}): "
                    "install the same version on both."
                )

    def _lost(self) -> FoodInspectionsError:
        return FoodInspectionsError(
            f"The Dask scheduler {self.settings.scheduler} went away before the tasks were done: "
            "start it and run again; weeks that are stored stay."
        )
