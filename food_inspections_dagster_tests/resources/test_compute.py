import subprocess
import sys

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.compute import Compute
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.clusters import doubled, refuses

pytestmark = pytest.mark.usefixtures("project_settings")


def test_tasks_run_in_this_process_unless_a_scheduler_is_named():
    settings = load_settings()
    objects = ObjectStore.from_settings(settings)
    assert type(Compute.from_settings(settings, objects)) is Compute
    named = load_settings({"compute": {"scheduler": "tcp://127.0.0.1:1"}})
    assert type(Compute.from_settings(named, objects)).__name__ == "DaskCluster"


@pytest.mark.parametrize("workers", [1, 3])
def test_results_stand_in_the_order_of_the_tasks(object_store, workers):
    compute = Compute(object_store(), workers)
    with compute.workspace() as where:
        tasks = [{"address": where.put(str(number).encode())} for number in range(7)]
        told = compute.map(doubled, tasks, where)
        assert [where.get(one["address"]) for one in told] == [str(2 * number).encode() for number in range(7)]
        with pytest.raises(FoodInspectionsError, match="does not exist"):
            compute.map(refuses, [{}, {}], where)


def test_dask_is_imported_for_those_who_have_a_cluster_only():
    code = (
        "import sys; from food_inspections_dagster.definitions import definitions_for; "
        "from food_inspections_dagster.settings import load_settings; definitions_for(load_settings()); "
        "print('distributed' in sys.modules)"  # other libraries import dask itself where it is installed
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603
    assert run.stdout.strip() == "False"
