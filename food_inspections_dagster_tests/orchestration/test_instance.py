import os
import shutil
from pathlib import Path

import psycopg
import pytest
from dagster import DagsterInstance

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.instance import instance_for
from food_inspections_dagster.settings import load_settings

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project's folder with the real dagster.yaml; the process runs in another."""
    for name in ("conf/base", "elsewhere"):
        (tmp_path / name).mkdir(parents=True)
    shutil.copytree(ROOT / "conf/base", tmp_path / "conf/base", dirs_exist_ok=True)
    shutil.copy(ROOT / "dagster.yaml", tmp_path)
    for name in list(os.environ):
        if name.startswith(("FOOD_INSPECTIONS", "DAGSTER_")):
            monkeypatch.delenv(name)
    # setenv, so that what the storage sets is undone after the test
    monkeypatch.setenv("DAGSTER_EVENT_BATCH_SIZE", "500")
    monkeypatch.setenv("DAGSTER_EMIT_PARTITION_SUBSET_IN_PLANNED_EVENTS", "true")
    monkeypatch.setenv("FOOD_INSPECTIONS_HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path / "elsewhere")
    return tmp_path


def settings_of(name, postgres):
    return load_settings(
        {
            "portal": {"url": "http://127.0.0.1:8123", "name": name},
            "database": {"embedded_directory": str(postgres.directory)},
        }
    )


def test_two_instances_of_one_process_keep_to_their_own_data(project, postgres):
    urls = {}
    for name in ("city-one", "city-two"):
        with instance_for(settings_of(name, postgres)) as instance:
            assert instance.get_runs_count() == 0
            # As Dagster hands an instance to its subprocesses.
            with DagsterInstance.from_ref(instance.get_ref()) as again:
                urls[name] = again.get_ref().storage.postgres_url
    assert "dagster_city_one" in urls["city-one"] and "dagster_city_two" in urls["city-two"]
    with psycopg.connect(postgres.url("dagster_city_two")) as connection:
        assert connection.execute("SELECT count(*) FROM runs").fetchone() == (0,)


def test_all_that_it_keeps_lies_in_the_project_s_folder(project, postgres):
    with instance_for(settings_of("city-three", postgres)) as instance:
        assert Path(instance.root_directory) == project / ".local/dagster"
        assert not instance.telemetry_enabled
    assert list((project / "elsewhere").iterdir()) == []


def test_what_cannot_be_handed_on_is_refused(project, postgres):
    url = postgres.url("postgres")
    with pytest.raises(FoodInspectionsError, match="FOOD_INSPECTIONS__DATABASE__URL"):
        instance_for(load_settings({"database": {"url": url}}))
    (project / "dagster.yaml").unlink()
    with pytest.raises(FoodInspectionsError, match=r"dagster\.yaml cannot be read"):
        instance_for(settings_of("city-four", postgres))


def test_a_server_by_url_needs_the_data_s_name_only(project, postgres, monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS__DATABASE__URL", postgres.url("postgres"))
    settings = load_settings({"portal": {"url": "http://127.0.0.1:8123", "name": "city-five"}})
    with instance_for(settings) as instance:
        assert "dagster_city_five" in instance.get_ref().storage.postgres_url
        assert "embedded_directory" not in instance.get_ref().storage_data.config_yaml


def test_in_a_cluster_the_instance_is_that_of_the_chart(project, tmp_path, monkeypatch):
    """The chart writes dagster.yaml into a folder of its own, and names it."""
    home = tmp_path / "chart"
    home.mkdir()
    (home / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    shared = {
        "database": {"url": "postgresql://me@db.example.org/x"},
        "storage": {"objects_url": "s3://bucket/x"},
        "execution": {"launcher": "k8s"},
    }
    monkeypatch.setenv("DAGSTER_HOME", str(home))
    with instance_for(load_settings(shared)) as instance:
        assert Path(instance.root_directory) == home
