"""The code location as a whole: a snapshot that diffs cleanly, and what every asset and check says of itself."""

import ast
import json
import os
import subprocess
import sys
from pathlib import Path

import dagster as dg
import pytest
import yaml

import food_inspections_dagster
import food_inspections_portal
from food_inspections_dagster import definitions
from food_inspections_dagster.catalog import FEATURE_MATRIX
from food_inspections_dagster.definitions import definitions_for, graph_for
from food_inspections_dagster.settings import HOME_VARIABLE, load_settings
from food_inspections_dagster_tests.world import ROOT, variables_of, write_home

SNAPSHOT = Path(__file__).with_name("definitions.snapshot.json")
PACKAGES = [Path(package.__file__).parent for package in (food_inspections_dagster, food_inspections_portal)]


@pytest.fixture(scope="module")
def defs() -> dg.Definitions:
    # A session's world in the same worker has set its own home; the snapshot is of the project's settings.
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv(HOME_VARIABLE, raising=False)
        return definitions_for(load_settings())


@pytest.fixture(scope="module")
def graph(defs):
    return defs.resolve_asset_graph()


def assets_of(graph) -> list[dg.AssetKey]:
    return sorted(graph.get_all_asset_keys(), key=lambda key: key.to_user_string())


def described(defs: dg.Definitions) -> dict[str, object]:
    repository, graph = defs.get_repository_def(), defs.resolve_asset_graph()
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
                    check.name: "blocks" if graph.get_check_spec(check).blocking else "warns"
                    for check in sorted(node.check_keys, key=lambda check: check.name)
                },
            }
            for key in assets_of(graph)
            for node in [graph.get(key)]
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


def test_snapshot(defs):
    """After a wanted change: UPDATE_SNAPSHOT=1 make test, and commit the difference."""
    now = json.dumps(described(defs), indent=1, sort_keys=True) + "\n"
    if os.environ.get("UPDATE_SNAPSHOT"):
        SNAPSHOT.write_text(now)
    assert json.loads(now) == json.loads(SNAPSHOT.read_text())


def test_every_asset_says_what_it_is(graph):
    assert len(assets_of(graph)) > 10
    for key in assets_of(graph):
        node = graph.get(key)
        assert node.description and "Grain:" in node.description and "Source:" in node.description, key
        assert node.owners and node.kinds and node.code_version, key
        assert node.group_name != "default", key
        assert node.check_keys, f"{key} is an asset without a check"
        assert node.backfill_policy == dg.BackfillPolicy.single_run(), key


def test_what_has_a_new_week_every_monday_is_late_when_it_was_not_made(graph):
    """What has no date lies in the first week only, and is made again when it changes."""
    without = {"police_stations", "community_areas"}
    for key in assets_of(graph):
        expected = key.to_user_string().removeprefix("raw_") not in without
        assert (graph.get(key).freshness_policy is not None) == expected, key


def test_one_run_at_a_time_asks_the_portal(graph):
    asking = {key.to_user_string() for key in assets_of(graph) if graph.get(key).pools}
    assert asking == {key.to_user_string() for key in assets_of(graph) if key.to_user_string().startswith("raw_")}
    assert {pool for key in assets_of(graph) for pool in graph.get(key).pools or ()} == {"portal"}


def test_ranges_are_split_where_the_settings_say_so(project_settings):
    stages = definitions.stages_for(
        settings := load_settings({"execution": {"max_partitions_per_run": 26}}), graph_for(settings)
    )
    graph = stages.resolve_asset_graph()
    policies = {graph.get(key).backfill_policy for key in assets_of(graph)}
    assert policies == {dg.BackfillPolicy.multi_run(26)}


def test_every_check_says_what_it_guards_against(graph):
    for key in graph.asset_check_keys:
        description = graph.get_check_spec(key).description
        assert description and len(description) > 40, key


def test_the_weekly_job_holds_every_asset_and_every_check(defs, graph):
    layer = defs.resolve_job_def("weekly").asset_layer
    assert set(layer.selected_asset_keys) == set(assets_of(graph))
    assert set(layer.asset_graph.asset_check_keys) == set(graph.asset_check_keys)


def test_what_touches_the_network_is_tried_again(defs):
    for name in ("raw_inspections", "raw_inspections_checks"):
        node = defs.resolve_job_def("weekly").graph.node_named(name)
        assert node.definition.retry_policy.max_retries >= 1, name


def test_definitions_can_be_loaded(defs):
    dg.Definitions.validate_loadable(defs)


def environment(home: Path) -> dict[str, str]:
    path = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    return {**variables_of(os.environ), HOME_VARIABLE: str(home), "DAGSTER_HOME": str(home), "PYTHONPATH": path}


def test_dagster_dev_finds_the_code_location(tmp_path):
    """As `dagster dev` loads it: by the workspace, in a process of its own, with the settings of its folder."""
    home = write_home(tmp_path / "home", {})
    (home / "workspace.yaml").write_bytes((ROOT / "workspace.yaml").read_bytes())
    # Dagster's own storage is not asked: this one needs no Postgres.
    (home / "dagster.yaml").write_text(yaml.safe_dump({"telemetry": {"enabled": False}}))
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", "workspace.yaml"]
    answer = subprocess.run(  # noqa: S603
        command, cwd=home, env=environment(home), capture_output=True, text=True, timeout=300, check=False
    )
    assert answer.returncode == 0, answer.stderr
    assert (
        "Validation successful for code location food_inspections_dagster.definitions" in answer.stderr + answer.stdout
    )


def test_two_graphs_of_other_schedules_differ_in_their_mappings_and_share_nothing():
    usual = load_settings()
    schedule = usual.models.schedule
    longer = load_settings(
        {"models": {"schedule": {"training_window_weeks": schedule.training_window_weeks + 52}}},
    )
    graphs = [graph_for(settings) for settings in (usual, longer)]
    windows = [graph.by_asset["baseline_model"].inputs["feature_matrix"].window for graph in graphs]
    assert windows[0].first - windows[1].first == 52
    model, matrix = dg.AssetKey("baseline_model"), dg.AssetKey(FEATURE_MATRIX.asset)
    mappings = [
        definitions_for(settings).resolve_asset_graph().get(model).partition_mappings[matrix]
        for settings in (usual, longer)
    ]
    assert mappings[0].start_offset - mappings[1].start_offset == 52
    digests = [graph.by_asset["baseline_model"].outputs["baseline_model"].settings_digest for graph in graphs]
    assert digests[0] != digests[1]
    others = [graph.by_asset["inspections"].outputs["inspections"].settings_digest for graph in graphs]
    assert others[0] == others[1], "what does not read the schedule stays current"
    assert not {id(stage) for stage in graphs[0].stages} & {id(stage) for stage in graphs[1].stages}
    assert not {id(stage.assets) for stage in graphs[0].stages} & {id(stage.assets) for stage in graphs[1].stages}
    assert graph_for(usual).by_asset["baseline_model"].inputs["feature_matrix"].window == windows[0]


def modules() -> list[str]:
    """Return the names of all modules of both packages."""
    files = [file for package in PACKAGES for file in package.rglob("*.py") if file.name != "__main__.py"]
    parts = [file.relative_to(ROOT).with_suffix("").parts for file in files]
    return sorted(".".join(part for part in names if part != "__init__") for names in parts)


def test_nothing_reads_the_settings_at_import(tmp_path):
    """A folder whose settings are broken breaks what is asked of them, and no import."""
    home = write_home(tmp_path / "home", {})
    (home / "conf/base/settings.yaml").write_text("portal: {url: [")
    script = "\n".join(
        [
            "import importlib, food_inspections_dagster.settings as settings",
            f"for name in {modules()!r}: importlib.import_module(name)",
            "try: settings.load_settings()",
            "except Exception as error: print('refused', error)",
        ]
    )
    answer = subprocess.run(  # noqa: S603
        [sys.executable, "-c", script],
        cwd=tmp_path,
        env=environment(home),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert answer.returncode == 0, answer.stderr
    assert answer.stdout.startswith("refused"), "the settings are broken"


def test_the_graph_is_built_when_dagster_asks_and_not_before():
    assert not isinstance(definitions.defs, dg.Definitions)


def writes_of_the_environment(tree: ast.AST) -> list[int]:
    """Return the lines that change os.environ."""

    def is_environ(node: ast.AST) -> bool:
        return isinstance(node, ast.Attribute) and node.attr == "environ"

    lines = []
    for node in ast.walk(tree):
        changes = {"setdefault", "update", "pop", "clear", "popitem", "__setitem__"}
        if (
            (isinstance(node, ast.Subscript) and is_environ(node.value) and not isinstance(node.ctx, ast.Load))
            or (
                isinstance(node, ast.Attribute)
                and ((is_environ(node.value) and node.attr in changes) or node.attr in {"putenv", "unsetenv"})
            )
            or (isinstance(node, ast.AugAssign) and is_environ(node.target))
        ):
            lines.append(node.lineno)
    return sorted(lines)


# Switches that Dagster, and MLflow's client, read from nowhere else.
SWITCHES_OF_DAGSTER = "food_inspections_dagster/resources/dagster_storage.py"
SWITCHES_OF_MLFLOW = "food_inspections_dagster/tracking/client.py"


def test_no_argument_goes_through_the_environment():
    writing = {
        file.relative_to(ROOT).as_posix()
        for package in PACKAGES
        for file in package.rglob("*.py")
        if writes_of_the_environment(ast.parse(file.read_text()))
    }
    # A worker, whose process is its own, names the folder where Dagster looks for its instance.
    assert writing == {SWITCHES_OF_DAGSTER, SWITCHES_OF_MLFLOW, "food_inspections_dagster/resources/celery_app.py"}
    assert writes_of_the_environment(ast.parse("os.environ['A'] = 'b'\nos.environ |= {}\nos.putenv('A', 'b')")) == [
        1,
        2,
        3,
    ]
