import psycopg
import pytest

from food_inspections_dagster.command_line import tracking_server
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.world import World

SECRET = "very-secret"  # noqa: S105 - of no server


def test_no_secret_stands_in_the_command(made: World):
    command = tracking_server.command(5001)
    assert command[1:4] == ["-m", "mlflow", "server"] and "127.0.0.1" in command and "5001" in command
    assert not any("://" in part for part in command)


def test_the_server_gets_a_database_and_a_folder_of_its_own(made: World):
    given = tracking_server.environment(made.settings, {"PATH": "/bin"})
    assert given["PATH"] == "/bin" and given["MLFLOW_DISABLE_TELEMETRY"] == "true"
    assert given["MLFLOW_BACKEND_STORE_URI"].startswith("postgresql+psycopg2://")
    url = given["MLFLOW_BACKEND_STORE_URI"].replace("+psycopg2", "")
    with psycopg.connect(url) as connection:
        assert connection.execute("select current_database()").fetchone() == (tracking_server.DATABASE,)
    folder = made.home / ".local/mlflow"
    assert given["MLFLOW_ARTIFACTS_DESTINATION"] == folder.as_uri() and folder.is_dir()
    assert not any(name.startswith("AWS_") for name in given)


def test_in_a_bucket_files_lie_beside_the_zones_with_the_keys_of_the_settings(made: World, monkeypatch):
    s3 = {"endpoint_url": "https://s3.example.org", "access_key_id": "key", "secret_access_key": SECRET, "region": "x"}
    settings = load_settings({"storage": {"objects_url": "s3://bucket/inspections", "s3": s3}})
    given = tracking_server.environment(settings, {})
    assert given["MLFLOW_ARTIFACTS_DESTINATION"] == "s3://bucket/inspections/mlflow"
    assert given["MLFLOW_S3_ENDPOINT_URL"] == "https://s3.example.org"
    assert (given["AWS_ACCESS_KEY_ID"], given["AWS_SECRET_ACCESS_KEY"]) == ("key", SECRET)


def test_a_server_of_postgres_that_is_down_is_named_without_its_password(made: World):
    url = f"postgresql://ana:{SECRET}@127.0.0.1:9/food"
    settings = load_settings({"database": {"url": url}})
    with pytest.raises(FoodInspectionsError, match=r"MLflow's database mlflow at 127\.0\.0\.1:9") as told:
        tracking_server.environment(settings, {})
    assert SECRET not in str(told.value)


def test_where_the_server_is_not_installed_its_verb_is_named(made: World, monkeypatch):
    monkeypatch.setattr(tracking_server.os, "execve", None)  # it would take the place of the tests
    with pytest.raises(FoodInspectionsError, match="make mlflow"):
        tracking_server.serve(made.settings, 5001)
