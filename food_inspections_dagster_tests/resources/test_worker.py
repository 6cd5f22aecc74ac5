import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources import worker
from food_inspections_dagster.resources.workspace import workspace

pytestmark = pytest.mark.usefixtures("project_settings")
DOUBLED = "food_inspections_dagster_tests.clusters:doubled"


@pytest.fixture
def header(tmp_path):
    url = str(tmp_path / "objects")
    return {"fingerprint": worker.fingerprint(), "url": url, "portal": "simulated-test", "folder": "temporary/x"}


@pytest.fixture(autouse=True)
def no_store_of_another_test():
    worker._objects.cache_clear()
    yield
    worker._objects.cache_clear()


def test_a_task_runs_by_the_path_of_its_function_on_the_store_that_it_names(header):
    with workspace(worker._objects(header["url"], header["portal"])) as where:
        header["folder"] = where.folder
        told = worker.run_task(DOUBLED, {"address": where.put(b"21")}, header)
        assert where.get(told["address"]) == b"42"


def test_keys_are_the_workers_own(header, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS__STORAGE__S3__ACCESS_KEY_ID", "of-the-worker")
    told = worker.run_task("food_inspections_dagster_tests.clusters:tells_its_key", {}, header)
    assert told == {"key": "of-the-worker"}


def test_tasks_of_other_code_are_refused(header):
    with pytest.raises(FoodInspectionsError, match=r"has other code, Python or libraries \(\w{16}\) than the run"):
        worker.run_task(DOUBLED, {"address": "x"}, {**header, "fingerprint": "0" * 16})


def test_code_and_libraries_are_in_the_fingerprint(monkeypatch):
    before = worker.fingerprint.__wrapped__()
    assert before == worker.fingerprint.__wrapped__()
    monkeypatch.setattr(worker, "version", lambda name: "0.1")
    assert worker.fingerprint.__wrapped__() != before
