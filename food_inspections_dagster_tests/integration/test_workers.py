"""Runs on workers that share nothing but Redis, Postgres and S3: the same tables, whoever dies on the way."""

import os
import re
import signal
import subprocess
import sys
import threading
import uuid
from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import dagster as dg
import matplotlib
import yaml

from food_inspections_dagster.orchestration.requests import PLANNED_TAG, RunQueue, run_queue
from food_inspections_dagster.orchestration.runs import PlannedRun, Report
from food_inspections_dagster.settings import HOME_VARIABLE, load_settings
from food_inspections_dagster_tests.conftest import BUCKET, KEYS
from food_inspections_dagster_tests.defs.city import CITY, SETTINGS, small_city
from food_inspections_dagster_tests.services import PASSWORD, postgres_server, redis_server, wait_until
from food_inspections_dagster_tests.world import ROOT, World, variables_of, write_home

WEEKS = CITY[:14]
PARTS = 2
STORES = "feature_matrix"  # in the middle of this asset's run a worker is killed


@dataclass
class Machines:
    """Processes with folders of their own."""

    folder: Path
    layers: dict
    logs: dict[str, Path] = field(default_factory=dict)

    def home(self, name: str) -> Path:
        """Make a project folder; Dagster looks at its queue and its runs every second."""
        home = write_home(self.folder / name, self.layers)
        content = yaml.safe_load((home / "dagster.yaml").read_text())
        content["run_monitoring"]["poll_interval_seconds"] = 1
        content["run_coordinator"].setdefault("config", {})["dequeue_interval_seconds"] = 1
        (home / "dagster.yaml").write_text(yaml.safe_dump(content))
        (home / "workspace.yaml").write_text((ROOT / "workspace.yaml").read_text())
        return home

    @contextmanager
    def process(self, name: str, *command: str) -> Iterator[subprocess.Popen]:
        """Run a program of the project in a folder of its own."""
        home = self.home(name)
        variables = {
            **variables_of(os.environ),
            **{"HOME": str(home), HOME_VARIABLE: str(home), "DAGSTER_HOME": str(home), "PYTHONPATH": str(ROOT)},
            "MPLCONFIGDIR": matplotlib.get_cachedir(),  # a list of fonts costs each a few seconds
            "PYTHONUNBUFFERED": "1",
        }
        self.logs[name] = home / "log"
        with self.logs[name].open("wb") as log:
            program = [sys.executable, "-m", *command]
            process = subprocess.Popen(program, cwd=home, env=variables, stdout=log, stderr=log)  # noqa: S603
            try:
                yield process
            finally:
                process.kill()
                process.wait()

    def worker(self, name: str) -> AbstractContextManager[subprocess.Popen]:
        """Run a worker."""
        return self.process(name, "food_inspections_dagster.command_line.app", "worker", "--name", name)


def test_two_workers_make_what_one_process_makes_though_one_is_killed(postgres, rclone_s3, tmp_path, monkeypatch):
    with ExitStack() as stack:
        broker = stack.enter_context(redis_server(tmp_path))
        database = stack.enter_context(postgres_server(tmp_path / "postgres"))
        embedded = stack.enter_context(small_city(tmp_path / "embedded", postgres, weeks=len(WEEKS)))
        embedded.make(WEEKS)
        s3 = {"endpoint_url": rclone_s3, "region": "us-east-1", "access_key_id": KEYS[0], "secret_access_key": KEYS[1]}
        machines = Machines(
            tmp_path / "machines",
            {
                **SETTINGS,
                "portal": {"url": embedded.settings.portal.url, "name": embedded.settings.portal.name},
                "database": {"url": database},
                "storage": {"objects_url": f"s3://{BUCKET}/{uuid.uuid4().hex}", "s3": s3},
                "execution": {
                    "launcher": "celery",
                    "broker_url": broker,
                    "max_partitions_per_run": len(WEEKS) // PARTS,
                },
            },
        )
        home = machines.home("planner")
        monkeypatch.setenv(HOME_VARIABLE, str(home))
        monkeypatch.setenv("DAGSTER_HOME", str(home))
        world = World(home, load_settings(), embedded.server, WEEKS)
        stack.callback(world.instance.dispose)
        workers = {name: stack.enter_context(machines.worker(name)) for name in ("one", "two")}
        stack.enter_context(machines.process("daemon", "dagster._daemon", "run", "-w", "workspace.yaml"))
        queue = run_queue(world.settings, world.graph, world.stages, world.instance, world.ledger)
        # Who asked for the first runs has died, before anybody took them.
        earlier = [queue.ask(run) for run in world.plan(WEEKS)]
        assert len(earlier) == PARTS
        killed: list[str] = []
        killer = threading.Thread(target=kill_a_worker, args=[world, workers, killed], daemon=True)
        killer.start()
        told: list[str] = []
        report = world.make(WEEKS, queue=queue, announce=told.append)
        killer.join()
        assert world.plan(WEEKS) == []
        assert world.hashes() == embedded.hashes()
        assert world.bytes_stored() == embedded.bytes_stored()
        assert report.run_ids[: len(earlier)] == earlier
        assert told[: len(earlier)] == [f"Waiting for {run_id}, asked for before" for run_id in earlier]
        assert len(killed) == 1
        assert [words for words in told if "was lost" in words] == [
            f"Run {killed[0]} was lost with its process: what it has not stored is made again"
        ]
        assert world.instance.get_run_by_id(killed[0]).status is dg.DagsterRunStatus.FAILURE
        asked = world.instance.get_runs(dg.RunsFilter(tags={PLANNED_TAG: "yes"}))
        assert {run.run_id for run in asked} == set(report.run_ids), "nothing was asked for twice"
        (worker,) = [one for one in workers.values() if one.poll() is None]
        with in_the_middle_of_a_run(world, queue) as run_id:
            worker.terminate()
            # It ends by itself, and breaks the run off before.
            wait_until(lambda: worker.poll() is not None, "the worker has stopped")
        assert queue.wait([run_id], Report()) == [run_id]
        for name, log in machines.logs.items():
            words = log.read_text()
            assert PASSWORD not in words and KEYS[1] not in words, name


@contextmanager
def in_the_middle_of_a_run(world: World, queue: RunQueue) -> Iterator[str]:
    """Yield a run that has made everything and waits for its turn to store it."""
    with world.ledger.opened(STORES, [], "test"):
        run_id = queue.ask(PlannedRun((STORES,), tuple(WEEKS[:1])))
        wait_until(lambda: waits_to_store(world), "the run waits")
        yield run_id


def waits_to_store(world: World) -> bool:
    """Return whether a run waits for the lock of who writes an asset."""
    waiting = "select 1 from pg_locks where locktype = 'advisory' and not granted and mode = 'ExclusiveLock'"
    return not world.database.query(waiting).empty


def kill_a_worker(world: World, workers: dict[str, subprocess.Popen], killed: list[str]) -> None:
    """Kill -9 a worker that makes its part of the features, which nobody can store meanwhile."""
    pids = {worker.pid: worker for worker in workers.values()}
    with world.ledger.opened(STORES, [], "test"):
        wait_until(lambda: makes_features(world.instance) and waits_to_store(world), "features wait to be stored")
        run_id, pid = makes_features(world.instance)[0]
        os.kill(pid, signal.SIGKILL)
        assert pids[pid].wait() == -signal.SIGKILL
        killed.append(run_id)


def makes_features(instance: dg.DagsterInstance) -> list[tuple[str, int]]:
    """Return the runs that are making features, with their processes."""
    making = []
    for run in instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED])):
        kinds = {dg.DagsterEventType.STEP_START, dg.DagsterEventType.ENGINE_EVENT}
        events = [entry.dagster_event for entry in instance.all_logs(run.run_id, of_type=kinds)]
        if any(one.event_type is dg.DagsterEventType.STEP_START and one.step_key == STORES for one in events):
            making += [
                (run.run_id, int(pid[1])) for one in events if (pid := re.search(r"pid: (\d+)", str(one.message)))
            ]
    return making
