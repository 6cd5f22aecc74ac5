import os
import shutil
import subprocess
import sys
import threading
from pathlib import Path
from urllib.parse import unquote

import dagster as dg
import psycopg
import pytest
from dagster import DagsterInstance
from dagster._core.definitions.data_version import (
    DATA_VERSION_IS_USER_PROVIDED_TAG,
    DATA_VERSION_TAG,
    extract_data_version_from_entry,
)
from dagster._core.events import DagsterEventType
from dagster._core.instance.ref import InstanceRef
from psycopg.conninfo import conninfo_to_dict

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.dagster_storage import EmbeddedDagsterStorage, storage_url, with_data_version
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]
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


@dg.asset
def broken() -> None:
    """It fails."""
    raise ValueError("secret")


def test_readers_may_know_of_every_run_how_it_ended(project):
    settings = load_settings()
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(project))) as instance:
        dg.materialize([unhashed], instance=instance)
        dg.materialize([broken], instance=instance, raise_on_error=False)
        runs = {run.run_id: run.status.value for run in instance.get_runs()}
    with Database.from_settings(settings).connect() as connection:
        rows = connection.execute("SELECT run_id, state, failed_step, ended_at >= begun_at FROM metadata.runs")
        states = {run_id: (state, step, in_order) for run_id, state, step, in_order in rows.fetchall()}
    assert sorted(runs.values()) == ["FAILURE", "SUCCESS"]
    expected = {"SUCCESS": ("succeeded", None, True), "FAILURE": ("failed", "broken", True)}
    assert states == {run_id: expected[status] for run_id, status in runs.items()}


def test_the_process_of_a_run_has_its_lease_while_it_runs(project):
    """Else nobody could tell a run that takes long from one whose process is gone."""
    leased = []

    @dg.op
    def look(context: dg.OpExecutionContext):
        leased.append(context.instance.event_log_storage.is_leased(context.run_id))

    @dg.op
    def fail(context: dg.OpExecutionContext):
        look_at = context.instance.event_log_storage.is_leased(context.run_id)
        leased.append(look_at)
        raise dg.Failure("on purpose")

    with DagsterInstance.from_ref(InstanceRef.from_dir(str(project))) as instance:
        for op in (look, fail):
            job = dg.GraphDefinition(name=f"job_{op.name}", node_defs=[op]).to_job()
            run = job.execute_in_process(instance=instance, raise_on_error=False)
            assert run.success == (op is look)
            assert not instance.event_log_storage.is_leased(run.run_id)
    assert leased == [True, True]


WEEKLY = dg.WeeklyPartitionsDefinition(start_date="2010-01-04", day_offset=1)
WEEKS = ["2011-01-03", "2011-01-10", "2011-01-17"]


@dg.asset(partitions_def=WEEKLY, backfill_policy=dg.BackfillPolicy.single_run())
def hashed(context: dg.AssetExecutionContext) -> None:
    """Its weeks have content hashes, all but the last."""
    for number, week in enumerate(WEEKS[:2]):
        context.add_asset_metadata({"content_hash": f"hash-{number}", "rows": number}, partition_key=week)


@dg.asset
def unhashed() -> None:
    """It has no content hash."""


@pytest.mark.parametrize("batch_size", ["500", "0"])
def test_each_week_of_a_range_has_its_content_hash_as_its_data_version(project, monkeypatch, batch_size):
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", batch_size)
    week_range = {
        "dagster/asset_partition_range_start": WEEKS[0],
        "dagster/asset_partition_range_end": WEEKS[-1],
    }
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(project))) as instance:
        result = dg.materialize([hashed], instance=instance, tags=week_range)
        assert result.success
        by_week = instance.event_log_storage.get_latest_tags_by_partition(
            hashed.key, DagsterEventType.ASSET_MATERIALIZATION, [DATA_VERSION_TAG]
        )
        versions = {week: tags[DATA_VERSION_TAG] for week, tags in by_week.items()}
        assert versions[WEEKS[0]] == "hash-0" and versions[WEEKS[1]] == "hash-1"
        assert set(versions) == set(WEEKS) and len(set(versions.values())) == 3, "the last has Dagster's own"
        for week in WEEKS[:2]:
            record = instance.get_latest_data_version_record(hashed.key, partition_key=week)
            assert extract_data_version_from_entry(record.event_log_entry).value == versions[week]
            tags = record.event_log_entry.asset_materialization.tags
            assert tags[DATA_VERSION_IS_USER_PROVIDED_TAG] == "true"
            assert record.event_log_entry.asset_materialization.metadata["rows"].value == WEEKS.index(week)


def test_events_of_other_kinds_and_without_a_hash_stay_as_they_are(project):
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(project))) as instance:
        result = dg.materialize([unhashed], instance=instance)
        entries = instance.all_logs(result.run_id)
    assert entries
    assert all(with_data_version(entry) is entry for entry in entries)


def test_the_data_can_be_named_where_the_instance_is_opened(project, postgres):
    storage = {"module": EmbeddedDagsterStorage.__module__, "class": EmbeddedDagsterStorage.__name__}
    overrides = {"storage": {"custom": {**storage, "config": {"data_name": "another-city"}}}}
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(project), overrides=overrides)) as instance:
        assert instance.get_runs() == []
        assert "dagster_another_city" in instance.get_ref().storage.postgres_url
    with psycopg.connect(postgres.url("dagster_another_city")) as connection:
        assert connection.execute("SELECT to_regclass('runs') IS NOT NULL").fetchone() == (True,)


def test_a_server_by_url_is_used_too_and_its_password_not_told(project, postgres, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS__DATABASE__URL", postgres.url("postgres"))
    url = storage_url(load_settings())
    assert load_settings().dagster_database_name in url
    monkeypatch.setenv("FOOD_INSPECTIONS__DATABASE__URL", "postgresql://me:hunter2secret@127.0.0.1:1/things")
    with pytest.raises(FoodInspectionsError, match=r"127\.0\.0\.1:1 cannot be opened") as refusal:
        storage_url(load_settings())
    assert "hunter2secret" not in str(refusal.value)


@pytest.mark.parametrize("password", ["qx7%40kz9%2Fvw%25", "qx7kz9vw"])
def test_an_encoded_password_works_and_no_part_of_it_is_told(project, postgres, monkeypatch, password):
    socket = conninfo_to_dict(postgres.url("postgres"))["host"]
    monkeypatch.setenv("FOOD_INSPECTIONS__DATABASE__URL", f"postgresql://postgres:{password}@/postgres?host={socket}")
    with DagsterInstance.from_ref(InstanceRef.from_dir(str(project))) as instance:
        assert instance.get_runs() == []
    monkeypatch.setenv("FOOD_INSPECTIONS__DATABASE__URL", f"postgresql://me:{password}@127.0.0.1:1/things")
    with pytest.raises(FoodInspectionsError, match="cannot be opened") as refusal:
        storage_url(load_settings())
    assert [part for part in (password, unquote(password), "qx7", "kz9", "vw") if part in str(refusal.value)] == []
