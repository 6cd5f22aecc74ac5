"""What `make mlflow` does: a tracking server on the project's Postgres and object store, in its own environment."""

import os
import sys
from collections.abc import Mapping
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.dagster_storage import server_url
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.settings import Settings

#: Dagster and MLflow both have a table `alembic_version`, so they never share a database.
DATABASE = "mlflow"


def command(port: int) -> list[str]:
    """Return the command of the server, which holds no secret: every user can read the arguments of a process."""
    # One worker: each takes 400 MB, and a pipeline sends one request after the other.
    options = ["--host", "127.0.0.1", "--port", str(port), "--workers", "1", "--serve-artifacts"]
    return [sys.executable, "-m", "mlflow", "server", *options]


def environment(settings: Settings, outside: Mapping[str, str]) -> dict[str, str]:
    """Return the environment in which the server finds database, objects and keys; the database is there afterwards.

    Raises:
        FoodInspectionsError: where Postgres cannot be used.
    """
    s3 = settings.storage.s3
    secrets = {
        "AWS_ACCESS_KEY_ID": s3.access_key_id,
        "AWS_SECRET_ACCESS_KEY": s3.secret_access_key,
        "AWS_SESSION_TOKEN": s3.session_token,
    }
    given = {
        "MLFLOW_BACKEND_STORE_URI": database_url(settings).replace("postgresql://", "postgresql+psycopg2://", 1),
        "MLFLOW_ARTIFACTS_DESTINATION": artifacts(settings),
        "MLFLOW_S3_ENDPOINT_URL": s3.endpoint_url or "",
        "AWS_DEFAULT_REGION": s3.region or "",
        **{name: secret.get_secret_value() if secret else "" for name, secret in secrets.items()},
        # It would tell its makers who starts it, and try so without a network too.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false",  # seven processes for what it calls GenAI
    }
    return {**outside, **{name: value for name, value in given.items() if value}}


def database_url(settings: Settings) -> str:
    """Create the server's database where it is absent, and return its URL, which may hold a password.

    Raises:
        FoodInspectionsError: where Postgres cannot be used.
    """
    server = settings.database.server
    if server is None:
        postgres = EmbeddedPostgres(settings.embedded_directory)
        postgres.start()
        return postgres.ensure_database(DATABASE)
    return server_url(server, DATABASE, "MLflow")


def artifacts(settings: Settings) -> str:
    """Return where the server keeps files: beside the zones in the bucket, else a folder of the project."""
    if settings.objects_url.startswith("s3://"):
        return f"{settings.objects_url}/mlflow"
    folder = settings.root / Path(".local/mlflow")
    folder.mkdir(parents=True, exist_ok=True)
    return folder.as_uri()


def serve(settings: Settings, port: int) -> None:
    """Become the server.

    Raises:
        FoodInspectionsError: where MLflow's server is not installed, or Postgres cannot be used.
    """
    try:
        version("mlflow")  # the client alone is another distribution
    except PackageNotFoundError:
        raise FoodInspectionsError(
            "MLflow's server is not in this environment, for it wants other versions than the pipeline: start it by "
            "`make mlflow`, which gives it one of its own."
        ) from None
    arguments = command(port)
    os.execve(arguments[0], arguments, environment(settings, os.environ))  # noqa: S606 - our own interpreter
