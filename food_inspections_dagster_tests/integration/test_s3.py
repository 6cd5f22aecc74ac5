"""The same graph with an S3 server, which checks signatures, as the object store."""

import uuid

from food_inspections_dagster import catalog
from food_inspections_dagster.definitions import graph_for, resources_for
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.world import WEEKS as ALL_WEEKS
from food_inspections_dagster_tests.world import small_world

WEEKS = ALL_WEEKS[:29]
# The bucket and the keys of the fixture `rclone_s3`.
BUCKET, KEYS = "inspections", ("access-key", "very-secret-key")


def test_the_whole_graph_runs_on_s3_and_goes_on_from_there(postgres, rclone_s3, tmp_path):
    s3 = {"endpoint_url": rclone_s3, "region": "us-east-1", "access_key_id": KEYS[0], "secret_access_key": KEYS[1]}
    storage = {"objects_url": f"s3://{BUCKET}/{uuid.uuid4().hex}", "s3": s3}
    with small_world(tmp_path / "home", postgres, {"storage": storage}) as world:
        world.weeks = list(WEEKS)
        world.make(WEEKS)
        stored = world.objects.list_objects("")
        weekly = [catalog.stored_rows(entry) for name, entry in catalog.FIXED.items() if name in MIRRORED]
        for entry in (*weekly, catalog.model("xgboost"), catalog.SELECTED_MODEL):
            assert sum(path.startswith(f"{entry.prefix}/week=") for path in stored) == len(WEEKS)
        assert any(path.endswith("/model.ubj") for path in stored)
        assert not (world.home / ".local/objects").exists()
        assert len(world.table("predictions.scores")) > 500
        assert world.stale() == {} and world.plan(WEEKS) == []
        steps = [stage.stage for stage in world.remake(WEEKS[-1:], "xgboost_model", "selected_model").stages]
        assert {"models", "selected_model"} <= set(steps)
        assert world.objects.list_objects("") == stored
        settings = load_settings()
        resources = resources_for(settings, graph_for(settings), PortalClient.from_settings(settings))
        assert KEYS[1] not in repr(resources) + repr(vars(resources["rows"].stored.objects))


MIRRORED = ("raw_inspections", "inspections", "violations", "rejected_inspections", "feature_matrix")
