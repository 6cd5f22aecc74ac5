"""MLflow's client, with the project's settings: few seconds for a server that is down, and no word of its secrets.

MLflow reads timeouts and passwords from variables of the environment, so they are set while it is asked. Its errors
hold URLs and what the server says of its own database; none of them is quoted.
"""

import logging
import os
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar
from urllib.parse import unquote

import requests

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import Tracking

#: Limits of one request.
MOST_METRICS, MOST_PARAMETERS, MOST_TAGS = 1_000, 100, 100
RUN_NAME = "mlflow.runName"
_T = TypeVar("_T")
_NOISY = ("urllib3.connectionpool", "mlflow")
_MEND = "see tracking.uri and the server; what waits is sent by the next run, or by `food-inspections track`"


class TrackingError(FoodInspectionsError):
    """The tracking server did not take something."""


def place(tracking: Tracking) -> str:
    """Return where the server is, for sentences: without user and password."""
    uri = tracking.uri.get_secret_value()
    scheme, _, rest = uri.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}".rstrip("/")


def variables(tracking: Tracking) -> dict[str, str]:
    """Return the variables that MLflow's client reads."""
    user, at, _ = tracking.uri.get_secret_value().partition("://")[2].rpartition("@")
    name, _, password = user.partition(":")
    login = {"MLFLOW_TRACKING_USERNAME": unquote(name), "MLFLOW_TRACKING_PASSWORD": unquote(password)} if at else {}
    return {
        **login,
        # Its own defaults are 7 retries of 120 seconds each.
        "MLFLOW_HTTP_REQUEST_TIMEOUT": str(tracking.timeout_seconds),
        "MLFLOW_HTTP_REQUEST_MAX_RETRIES": str(tracking.retries),
        "MLFLOW_HTTP_REQUEST_BACKOFF_FACTOR": "1",
        # It would tell its makers about each use, and try so without a network too.
        "MLFLOW_DISABLE_TELEMETRY": "true",
        "DO_NOT_TRACK": "true",
        "MLFLOW_SUPPRESS_PRINTING_URL_TO_STDOUT": "true",
    }


@contextmanager
def connected(tracking: Tracking) -> Iterator["Client"]:
    """Yield a client; every error inside is one sentence.

    Raises:
        TrackingError: where MLflow's client is missing, or the server does not answer or refuses.
    """
    where = place(tracking)
    before = {name: os.environ.get(name) for name in variables(tracking)}
    levels = {name: logging.getLogger(name).level for name in _NOISY}
    os.environ.update(variables(tracking))
    for name in _NOISY:  # each retry is a line, with the path that was asked for
        logging.getLogger(name).setLevel(logging.CRITICAL)
    try:
        try:
            from mlflow import MlflowClient
            from mlflow.exceptions import MlflowException
        except ImportError:
            raise TrackingError(
                "tracking.uri is given, but MLflow's client is not installed: install the project's extra `tracking` "
                "(mlflow-skinny), or empty the setting."
            ) from None
        try:
            yield Client(MlflowClient(tracking_uri=where, registry_uri=where))
        except (MlflowException, requests.RequestException) as error:
            raise TrackingError(f"MLflow at {where} {reason(error)}: {_MEND}.") from None
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def reason(error: Exception) -> str:
    """Return what went wrong, without a word of the server's."""
    status = getattr(getattr(error, "response", None), "status_code", None)
    if status is not None:
        return f"refused a request ({status})"
    # Of a request without an answer MLflow says INTERNAL_ERROR as well, and keeps its cause in the text only.
    refused = re.search(r"too many (\d{3}) error responses", str(error))
    if refused is not None:
        return f"refused a request ({refused[1]})"
    if "API request to" in str(error) and "failed with" in str(error) and "error code" not in str(error):
        return "does not answer"
    return f"refused a request ({getattr(error, 'error_code', type(error).__name__)})"


class Client:
    """What the project asks of MLflow."""

    def __init__(self, client: Any) -> None:
        self._client = client

    # ------------------------------------------------------------------ runs

    def experiment(self, name: str) -> str:
        """Return the id of an experiment, which is made where it is absent."""
        there = self._client.get_experiment_by_name(name)
        return there.experiment_id if there is not None else self._client.create_experiment(name)

    def runs(self, experiment: str) -> list[Any]:
        """Return all runs of an experiment, with their tags."""
        runs, token = [], None
        while True:
            page = self._client.search_runs([experiment], max_results=1_000, page_token=token)
            runs += page
            token = page.token
            if not token:
                return runs

    def create_run(self, experiment: str, name: str, tags: Mapping[str, str], parameters: Mapping[str, str]) -> Any:
        """Begin a run."""
        from mlflow.entities import Param

        run = self._client.create_run(experiment, tags=dict(tags), run_name=name)
        for part in _parts([Param(key, value) for key, value in sorted(parameters.items())], MOST_PARAMETERS):
            self._client.log_batch(run.info.run_id, params=part)
        return run

    def log(self, run_id: str, metrics: Sequence[tuple[str, float, int, int]], files: Mapping[str, bytes]) -> None:
        """Send files, and metrics as (name, value, timestamp, step)."""
        from mlflow.entities import Metric

        if files:
            with tempfile.TemporaryDirectory() as folder:
                write(Path(folder), files)
                self._client.log_artifacts(run_id, folder)
        for part in _parts([Metric(*metric) for metric in metrics], MOST_METRICS):
            self._client.log_batch(run_id, metrics=part)

    def log_datasets(self, run_id: str, datasets: Sequence[tuple[str, str]]) -> None:
        """Send names and hashes of data."""
        from mlflow.entities import Dataset, DatasetInput

        inputs = [DatasetInput(Dataset(name, digest, "object_store", "{}"), []) for name, digest in datasets]
        if inputs:
            self._client.log_inputs(run_id, inputs)

    def tag(self, run_id: str, tags: Mapping[str, str]) -> None:
        """Send tags."""
        from mlflow.entities import RunTag

        for part in _parts([RunTag(key, value) for key, value in sorted(tags.items())], MOST_TAGS):
            self._client.log_batch(run_id, tags=part)

    def finish(self, run_id: str) -> None:
        """End a run."""
        self._client.set_terminated(run_id, "FINISHED")

    # ------------------------------------------------------------------ registry

    def registered(self, name: str) -> dict[str, str]:
        """Return the aliases of a registered model, which is made where it is absent, with their versions."""
        from mlflow.exceptions import MlflowException

        try:
            return dict(self._client.get_registered_model(name).aliases)
        except MlflowException as error:
            if error.error_code != "RESOURCE_DOES_NOT_EXIST":
                raise
        self._client.create_registered_model(name)
        return {}

    def versions(self, name: str) -> list[Any]:
        """Return the versions of a registered model."""
        versions, token = [], None
        while True:
            page = self._client.search_model_versions(f"name = '{name}'", max_results=1_000, page_token=token)
            versions += page
            token = page.token
            if not token:
                return versions

    def create_version(self, name: str, run: Any, folder: str, tags: Mapping[str, str], description: str) -> str:
        """Register a folder of a run's artifacts; return the version."""
        made = self._client.create_model_version(
            name,
            f"{run.info.artifact_uri}/{folder}",
            run.info.run_id,
            tags=dict(tags),
            description=description,
            await_creation_for=0,  # a proxied folder is there at once, and waiting prints
        )
        return str(made.version)

    def set_alias(self, name: str, alias: str, version: str) -> None:
        """Let an alias name a version."""
        self._client.set_registered_model_alias(name, alias, version)

    def delete_alias(self, name: str, alias: str) -> None:
        """Let an alias name nothing."""
        self._client.delete_registered_model_alias(name, alias)


def write(folder: Path, files: Mapping[str, bytes]) -> None:
    """Write files below a folder."""
    for path, content in files.items():
        target = folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)


def _parts(items: Sequence[_T], most: int) -> Iterator[list[_T]]:
    for start in range(0, len(items), most):
        yield list(items[start : start + most])
