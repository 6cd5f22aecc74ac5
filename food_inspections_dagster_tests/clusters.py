"""A Dask cluster of processes that have nothing in common but an S3 server; and tasks to give it."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

from food_inspections_dagster.resources.workspace import Workspace
from food_inspections_dagster_tests.world import variables_of

ROOT = Path(__file__).resolve().parents[1]


class Cluster:
    """A scheduler on loopback, and workers each in a folder of its own."""

    def __init__(self, folder: Path, stack: ExitStack, variables: Mapping[str, str], options: Sequence[str]) -> None:
        self._folder, self._stack, self._variables, self._options = folder, stack, variables, options
        self.workers: list[subprocess.Popen] = []
        scheme = "tls" if options else "tcp"
        facts = folder / "scheduler.json"
        listen = ("--host", f"{scheme}://127.0.0.1", "--port", "0", "--no-dashboard", "--scheduler-file", str(facts))
        scheduler = self._start("scheduler", "distributed.cli.dask_scheduler", *listen)
        while not (facts.exists() and facts.stat().st_size):
            assert scheduler.poll() is None, (folder / "scheduler/log").read_text()
            time.sleep(0.05)
        self.address = json.loads(facts.read_text())["address"]

    def add_worker(self, variables: Mapping[str, str] | None = None) -> None:
        """Start one more; without a nanny, so that one that is killed stays dead."""
        single = ("--no-nanny", "--nthreads", "1", "--no-dashboard")
        name = f"worker-{len(self.workers)}"
        self.workers.append(
            self._start(name, "distributed.cli.dask_worker", self.address, *single, variables=variables or {})
        )

    @property
    def alive(self) -> int:
        """How many workers live."""
        return sum(worker.poll() is None for worker in self.workers)

    def kill_one(self) -> None:
        """End a worker that is alive, as `kill -9` does."""
        worker = next(worker for worker in self.workers if worker.poll() is None)
        worker.kill()
        worker.wait()

    def _start(self, name: str, *command: str, variables: Mapping[str, str] | None = None) -> subprocess.Popen:
        inside = self._folder / name
        inside.mkdir(parents=True)
        log = self._stack.enter_context((inside / "log").open("wb"))
        environment = {**variables_of(os.environ), "PYTHONPATH": str(ROOT), **self._variables, **(variables or {})}
        process = subprocess.Popen(  # noqa: S603
            [sys.executable, "-m", *command, *self._options], cwd=inside, env=environment, stdout=log, stderr=log
        )
        self._stack.callback(process.wait)
        self._stack.callback(process.kill)
        return process


@contextmanager
def cluster(
    folder: Path, variables: Mapping[str, str] | None = None, workers: int = 3, options: Sequence[str] = ()
) -> Iterator[Cluster]:
    """Start a cluster.

    Args:
        variables: all that it knows of the project.
        options: of scheduler and workers both, for one that speaks TLS.
    """
    with ExitStack() as stack:
        made = Cluster(folder, stack, variables or {}, options)
        for _ in range(workers):
            made.add_worker()
        yield made


# ---------------------------------------------------------------------- tasks


def doubled(task: Mapping[str, Any], where: Workspace) -> dict[str, Any]:
    """Read a number at an address and leave its double at another."""
    number = int(where.get(task["address"]))
    return {"address": where.put(str(2 * number).encode()), "process": os.getpid()}


def doubled_but_dies_once(task: Mapping[str, Any], where: Workspace) -> dict[str, Any]:
    """Do the same; whichever worker comes first to the task that is marked is killed in the middle of it."""
    mark = f"{where.folder}/somebody-died"
    if task["kills"] and not where.objects.exists(mark):
        where.objects.put(mark, b"")
        os.kill(os.getpid(), signal.SIGKILL)
    return doubled(task, where)


def kills_every_worker(task: Mapping[str, Any], where: Workspace) -> dict[str, Any]:
    """End the worker, whichever it is."""
    os.kill(os.getpid(), signal.SIGKILL)
    return {}


def refuses(task: Mapping[str, Any], where: Workspace) -> dict[str, Any]:
    """Fail as tasks do, with a sentence."""
    where.get("0" * 64)
    return {}


def tells_its_key(task: Mapping[str, Any], where: Workspace) -> dict[str, Any]:
    """Tell which key the worker uses, to see that it is the worker's own."""
    key = where.objects.s3.access_key_id
    return {"key": key.get_secret_value() if key else None}
