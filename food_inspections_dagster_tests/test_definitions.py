"""The code location as a whole: a snapshot that diffs cleanly, and the rules that every asset keeps."""

import json
import os
from pathlib import Path

import dagster as dg
import pytest

from food_inspections_dagster.definitions import defs

SNAPSHOT = Path(__file__).with_name("definitions.snapshot.json")
GRAPH = defs.resolve_asset_graph()
ASSETS = sorted(GRAPH.get_all_asset_keys(), key=lambda key: key.to_user_string())


def described() -> dict[str, object]:
    repository = defs.get_repository_def()
    return {
        "assets": {
            key.to_user_string(): {
                "group": node.group_name,
                "kinds": sorted(node.kinds),
                "owners": list(node.owners),
                "partitions": str(node.partitions_def),
                "upstream": {
                    parent.to_user_string(): str(node.partition_mappings.get(parent, "same week"))
                    for parent in sorted(node.parent_keys)
                },
                "backfill_policy": str(node.backfill_policy),
                "checks": {
                    check.name: "blocks" if GRAPH.get_check_spec(check).blocking else "warns"
                    for check in sorted(node.check_keys, key=lambda check: check.name)
                },
            }
            for key in ASSETS
            for node in [GRAPH.get(key)]
        },
        "jobs": {
            name: sorted(key.to_user_string() for key in defs.resolve_job_def(name).asset_layer.selected_asset_keys)
            for name in repository.job_names
            if not name.startswith("__")
        },
        "schedules": {
            schedule.name: f"{schedule.cron_schedule} {schedule.execution_timezone} -> {schedule.job_name}"
            for schedule in repository.schedule_defs
        },
        "sensors": {
            sensor.name: f"every {sensor.minimum_interval_seconds} s -> "
            + ", ".join(sorted(target.job_name for target in sensor.targets))
            for sensor in repository.sensor_defs
        },
    }


def test_snapshot():
    """After a wanted change: UPDATE_SNAPSHOT=1 make test, and commit the difference."""
    now = json.dumps(described(), indent=1, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(now)
    assert json.loads(now) == json.loads(SNAPSHOT.read_text())


@pytest.mark.parametrize("key", ASSETS, ids=lambda key: key.to_user_string())
def test_every_asset_says_what_it_is(key):
    node = GRAPH.get(key)
    assert node.description and "Grain:" in node.description and "Source:" in node.description
    assert node.owners and node.kinds and node.code_version
    assert node.group_name != "default"
    assert node.check_keys, "an asset without a check"
    assert node.backfill_policy == dg.BackfillPolicy.single_run()


def test_every_check_says_what_it_guards_against():
    for key in GRAPH.asset_check_keys:
        description = GRAPH.get_check_spec(key).description
        assert description and len(description) > 40, key


def test_the_weekly_job_holds_every_asset_and_every_check():
    layer = defs.resolve_job_def("weekly").asset_layer
    assert set(layer.selected_asset_keys) == set(ASSETS)
    assert set(layer.asset_graph.asset_check_keys) == set(GRAPH.asset_check_keys)


def test_what_touches_the_network_is_tried_again():
    for name in ("raw_inspections", "raw_inspections_checks"):
        node = defs.resolve_job_def("weekly").graph.node_named(name)
        assert node.definition.retry_policy.max_retries >= 1, name


def test_definitions_can_be_loaded():
    dg.Definitions.validate_loadable(defs)
