"""The process that predicts: it loads a week once, and ends when the server is gone."""

import os
import signal
import subprocess
import sys
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import psutil
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.prediction import loading, worker
from food_inspections_dagster_tests.defs.city import CITY


@pytest.fixture
def ready(stored_city, monkeypatch):
    """The worker in this process, with nothing loaded."""
    monkeypatch.setattr(worker, "_settings", stored_city.settings)
    monkeypatch.setattr(worker, "_kept", {})
    loaded = []
    history = loading.history
    monkeypatch.setattr(loading, "history", lambda *of: (loaded.append(of[2]), history(*of))[1])
    return loaded


def test_a_week_is_loaded_once_and_anew_when_it_is_published_again(ready, question, listed):
    name = listed["establishment_id"].iloc[0]
    first = worker.ask(question(ids=[name]))
    assert worker.ask(question(ids=[name])) == first and ready == [CITY[-1]]
    other = worker.ask(question(ids=[name], label="critical_violation"))
    assert other[0]["expected_find"] != first[0]["expected_find"] and ready == [CITY[-1]]
    assert worker.ask(question(ids=[name], publication_id=2)) == first and len(ready) == 2
    assert worker._kept["key"] == (CITY[-1], 2)


def test_what_could_not_be_loaded_is_tried_again(ready, question, listed, monkeypatch):
    name, whole = listed["establishment_id"].iloc[0], loading.scorer

    def broken(*_):
        raise FoodInspectionsError("The store is away.")

    monkeypatch.setattr(loading, "scorer", broken)
    with pytest.raises(FoodInspectionsError, match="The store is away"):
        worker.ask(question(ids=[name]))
    monkeypatch.setattr(loading, "scorer", whole)
    assert worker.ask(question(ids=[name]))[0]["expected_find"]


def test_the_process_is_ready_when_it_has_its_settings(stored_city):
    with ProcessPoolExecutor(1, get_context("spawn"), worker.begin, (stored_city.settings,)) as pool:
        assert pool.submit(os.getpid).result() != os.getpid()


_SERVER = """
import os, sys, time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from food_inspections_dagster.serving.prediction import worker
if __name__ == "__main__":
    pool = ProcessPoolExecutor(1, get_context("spawn"), worker.begin, (None,))
    print(pool.submit(os.getpid).result(), flush=True)
    time.sleep(600)
"""


def test_the_process_ends_with_a_server_that_is_killed(tmp_path):
    (tmp_path / "server.py").write_text(_SERVER)
    command = [sys.executable, tmp_path / "server.py"]
    server = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    process = psutil.Process(int(server.stdout.readline()))
    server.send_signal(signal.SIGKILL)
    server.wait()
    deadline = time.monotonic() + 60
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < deadline, "the process outlives its server"
        time.sleep(0.05)
