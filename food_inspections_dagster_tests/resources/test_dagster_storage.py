import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import psycopg
import pytest
from dagster import DagsterInstance
from dagster._core.instance.ref import InstanceRef

from food_inspections_dagster import settings as settings_module
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.dagster_storage import EmbeddedDagsterStorage, storage_url
from food_inspections_dagster.settings import load_settings

ROOT = Path(settings_module.__file__).resolve().parents[2]
DEFINITIONS = """
import dagster as dg
WEEKLY = dg.WeeklyPartitionsDefinition(start_date="2010-01-04", day_offset=1)
@dg.asset(partitions_def=WEEKLY, backfill_policy=dg.BackfillPolicy.single_run())
def things(context) -> None: ...
defs = dg.Definitions(assets=[things])
"""


@pytest.fixture
def project(tmp_path, monkeypatch, postgres):
    """A project's folder with the real dagster.yaml, on the session's server, named after the test."""
    shutil.copytree(ROOT / "conf/base", tmp_path / "conf/base")
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    (tmp_path / "definitions.py").write_text(DEFINITIONS)
    for name in list(os.environ):
        if name.startswith(("FOOD_INSPECTIONS", "DAGSTER_")):
            monkeypatch.delenv(name)
    # setenv, so that what the storage sets is undone after the test
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
    monkeypatch.setenv("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", "true")
    monkeypatch.setenv("FOOD_INSPECTIONS_HOME", str(tmp_path))
    monkeypatch.setenv("FOOD_INSPECTIONS__PORTAL__NAME", "t" + tmp_path.name.replace("_", "-")[-20:].strip("-").lower())
    monkeypatch.setenv("FOOD_INSPECTIONS__DATABASE__EMBEDDED_DIRECTORY", str(postgres.directory))
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_instance_of_dagster_yaml_keeps_its_runs_in_the_project_s_postgres(project, postgres):
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(project))) as instance:
        assert instance.get_ref().storage_data.class_name == EmbeddedDagsterStorage.__name__
        assert instance.get_runs() == []
        assert not instance.telemetry_enabled
        # As Dagster hands an instance to its subprocesses.
        again = DagsterInstance.from_ref(instance.get_ref())
        assert again.get_runs_count() == 0
    name = load_settings().dagster_database_name
    with psycopg.connect(postgres.url(name)) as connection:
        tables = {row[0] for row in connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'public'")}
        assert connection.execute("SHOW synchronous_commit").fetchone() == ("off",)
    assert {"runs", "event_logs", "jobs"} <= tables


def test_storages_that_open_together_create_the_tables_once(project):
    opened, errors = [], []

    def open_storage():
        try:
            opened.append(EmbeddedDagsterStorage.from_config_value(None, {}))
        except Exception as error:
            errors.append(error)

    # Threads, each with connections of its own: to the server they are what processes are.
    threads = [threading.Thread(target=open_storage) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert errors == []
    assert [storage.run_storage.get_runs() for storage in opened] == [[]] * 4


def test_a_range_run_from_the_command_line_logs_one_plan_and_every_week(project):
    command = [str(Path(sys.executable).parent / "dagster"), "asset", "materialize", "-f", "definitions.py"]
    weeks = ["--select", "things", "--partition-range", "2011-01-03...2011-12-26"]
    run = subprocess.run(  # noqa: S603
        [*command, *weeks],
        capture_output=True,
        text=True,
        timeout=120,
        env={**os.environ, "DAGSTER_HOME": str(project)},
    )
    assert run.returncode == 0, run.stderr
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(project))) as instance:
        [dagster_run] = instance.get_runs()
        kinds = [e.dagster_event_type.value for e in instance.all_logs(dagster_run.run_id) if e.dagster_event_type]
    assert kinds.count("ASSET_MATERIALIZATION") == 52
    assert kinds.count("ASSET_MATERIALIZATION_PLANNED") == 1
    left = {path.name for path in project.iterdir()} - {
        "conf",
        "dagster.yaml",
        "definitions.py",
        "__pycache__",
        ".local",
    }
    assert left == set(), "all that Dagster keeps lies under .local"


def test_a_server_by_url_is_used_too_and_its_password_not_told(project, postgres, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS__DATABASE__URL", postgres.url("postgres"))
    url = storage_url(load_settings())
    assert load_settings().dagster_database_name in url
    monkeypatch.setenv("FOOD_INSPECTIONS__DATABASE__URL", "postgresql://me:hunter2secret@127.0.0.1:1/things")
    with pytest.raises(FoodInspectionsError, match=r"127\.0\.0\.1:1 cannot be opened") as refusal:
        storage_url(load_settings())
    assert "hunter2secret" not in str(refusal.value)
