"""Stages on a Dask cluster store what they store in one process, byte for byte, whoever dies meanwhile."""

import time
import uuid
from threading import Thread

import pytest

from food_inspections_dagster.catalog import FEATURE_MATRIX, MODELS, TEMPORARY
from food_inspections_dagster_tests.clusters import cluster
from food_inspections_dagster_tests.conftest import BUCKET, KEYS
from food_inspections_dagster_tests.defs.city import CITY, SETTINGS
from food_inspections_dagster_tests.world import small_world

MODEL_ASSETS = ("xgboost_model", "logistic_regression_model", "ridge_model", "knn_model", "baseline_model")


@pytest.fixture(scope="module")
def s3(rclone_s3):
    return {"endpoint_url": rclone_s3, "region": "us-east-1", "access_key_id": KEYS[0], "secret_access_key": KEYS[1]}


@pytest.fixture(scope="module")
def city(postgres, s3, tmp_path_factory):
    """A city on S3 with everything up to the models, made in this process."""
    storage = {"objects_url": f"s3://{BUCKET}/{uuid.uuid4().hex}", "s3": s3}
    home = tmp_path_factory.mktemp("cluster") / "home"
    with small_world(home, postgres, {**SETTINGS, "storage": storage}) as world:
        world.weeks = CITY
        for asset in MODEL_ASSETS:
            world.make(CITY, until=asset)
        yield world


def test_what_a_cluster_makes_is_what_one_process_makes_though_a_worker_is_killed(city, s3, tmp_path):
    stored, hashes = city.objects_stored(), city.hashes()
    files = [path for path in stored if path.startswith((f"{MODELS}/", f"{FEATURE_MATRIX.prefix}/"))]
    assert sum(path.endswith("/model.ubj") for path in files) > 5
    city.objects.delete(files)
    variables = {f"FOOD_INSPECTIONS__STORAGE__S3__{name.upper()}": value for name, value in s3.items()}
    with cluster(tmp_path / "dask", variables) as dask:
        there = city.reconfigured({"compute": {"scheduler": dask.address}})

        def kill_in_the_middle():
            # The first model is stored once all fits are done, while others are being calibrated.
            while not city.objects.list_objects(MODELS):
                time.sleep(0.05)
            dask.kill_one()

        killer = Thread(target=kill_in_the_middle)
        killer.start()
        there.remake(CITY, "feature_matrix")
        assert city.hashes() == hashes
        there.remake(CITY, *MODEL_ASSETS)
        killer.join()
        assert dask.alive == 2
    assert there.objects_stored() == stored and there.hashes() == hashes
    assert there.objects.list_objects(TEMPORARY) == {}
    assert there.stale(CITY, until="xgboost_model") == {}, "what a cluster made is current without one"
