"""A tracking server on this machine: as much of MLflow's REST as the project asks for, with its limits and faults."""

import json
import re
import threading
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

_NAME = re.compile(r"^[A-Za-z0-9_.:/ -]+$")
_API, _ARTIFACTS = "/api/2.0/mlflow/", "/api/2.0/mlflow-artifacts/artifacts/"


class Refused(Exception):
    """What the server answers with an error code."""


@dataclass
class TrackingServer:
    """What came in, and how it misbehaves.

    Attributes:
        runs: by id: status, name, tags, parameters and the set of metrics, which the real one keeps once too.
        files: artifacts by path.
        models: by name: aliases, and versions as dicts.
        requests: path of each request.
        logins: headers of authorization.
        fault: status (an int) of every answer, "hang" or "drip"; None: it is well.
        good_requests: after so many it fails with 500.
    """

    port: int = 0
    experiments: dict[str, str] = field(default_factory=dict)
    runs: dict[str, dict[str, Any]] = field(default_factory=dict)
    files: dict[str, bytes] = field(default_factory=dict)
    models: dict[str, dict[str, Any]] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    logins: set[str] = field(default_factory=set)
    fault: int | str | None = None
    good_requests: int | None = None
    closing: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def of(self, group: str, label: str) -> list[dict[str, Any]]:
        """Return the runs of a model group and label."""
        wanted = {"food_inspections.model_group": group, "food_inspections.label": label}
        return [run for run in self.runs.values() if wanted.items() <= run["tags"].items()]

    def facts(self) -> list[str]:
        """Return the facts that runs say they hold."""
        kinds = ("fit.", "decision.", "evaluation.", "audition.")
        return sorted(tag for run in self.runs.values() for tag in run["tags"] if tag.startswith(kinds))

    def version(self, name: str, alias: str) -> dict[str, Any]:
        """Return the version that an alias names."""
        model = self.models[name]
        return model["versions"][int(model["aliases"][alias]) - 1]

    # ------------------------------------------------------------------ answers

    def answer(self, method: str, path: str, query: dict[str, str], content: bytes) -> dict[str, Any]:
        """Return the JSON of an answer."""
        if path.startswith(_ARTIFACTS):
            assert method == "PUT", method
            self.files[unquote(path.removeprefix(_ARTIFACTS))] = content
            return {}
        given = {**query, **(json.loads(content) if content else {})}
        known = getattr(self, f"_{method}_{path.removeprefix(_API).replace('/', '_').replace('-', '_')}", None)
        if not path.startswith(_API) or known is None:
            raise Refused("ENDPOINT_NOT_FOUND")
        return known(given)

    def _GET_experiments_get_by_name(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given["experiment_name"]
        if name not in self.experiments:
            raise Refused("RESOURCE_DOES_NOT_EXIST")
        return {"experiment": {"experiment_id": self.experiments[name], "name": name, "lifecycle_stage": "active"}}

    def _POST_experiments_create(self, given: dict[str, Any]) -> dict[str, Any]:
        self.experiments[given["name"]] = str(len(self.experiments) + 1)
        return {"experiment_id": self.experiments[given["name"]]}

    def _POST_runs_create(self, given: dict[str, Any]) -> dict[str, Any]:
        # Not counted: MLflow's client keeps where a run's artifacts lie by this id, of one server or another.
        run_id = uuid.uuid4().hex
        tags = {tag["key"]: tag["value"] for tag in given.get("tags", [])}
        self.runs[run_id] = {
            **{"id": run_id, "experiment": given["experiment_id"], "status": "RUNNING", "name": given["run_name"]},
            **{"tags": tags, "parameters": {}, "metrics": set(), "datasets": set()},
        }
        return {"run": self._run(run_id)}

    def _GET_runs_get(self, given: dict[str, Any]) -> dict[str, Any]:
        return {"run": self._run(given["run_id"])}

    def _POST_runs_search(self, given: dict[str, Any]) -> dict[str, Any]:
        # Two at a time, so that whoever asks has to turn pages.
        start = int(given.get("page_token") or 0)
        ids = [run_id for run_id, run in self.runs.items() if run["experiment"] in given["experiment_ids"]]
        more = {"next_page_token": str(start + 2)} if start + 2 < len(ids) else {}
        return {"runs": [self._run(run_id) for run_id in ids[start : start + 2]], **more}

    def _POST_runs_update(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.runs[given["run_id"]]
        run["status"] = given.get("status", run["status"])
        return {"run_info": self._run(given["run_id"])["info"]}

    def _POST_runs_log_batch(self, given: dict[str, Any]) -> dict[str, Any]:
        run = self.runs[given["run_id"]]
        metrics, params, tags = (given.get(name, []) for name in ("metrics", "params", "tags"))
        if len(metrics) > 1_000 or len(params) > 100 or len(tags) > 100:
            raise Refused("INVALID_PARAMETER_VALUE")
        for one in (*metrics, *params, *tags):
            if not _NAME.match(one["key"]) or len(one["key"]) > 250:
                raise Refused("INVALID_PARAMETER_VALUE")
        for param in params:
            if run["parameters"].setdefault(param["key"], param["value"]) != param["value"]:
                raise Refused("INVALID_PARAMETER_VALUE")
        run["metrics"] |= {(m["key"], int(m.get("step", 0)), int(m["timestamp"]), m["value"]) for m in metrics}
        run["tags"] |= {tag["key"]: tag["value"] for tag in tags}
        return {}

    def _POST_runs_log_inputs(self, given: dict[str, Any]) -> dict[str, Any]:
        datasets = {(one["dataset"]["name"], one["dataset"]["digest"]) for one in given["datasets"]}
        self.runs[given["run_id"]]["datasets"] |= datasets
        return {}

    def _GET_registered_models_get(self, given: dict[str, Any]) -> dict[str, Any]:
        if given["name"] not in self.models:
            raise Refused("RESOURCE_DOES_NOT_EXIST")
        aliases = self.models[given["name"]]["aliases"]
        return {
            "registered_model": {
                "name": given["name"],
                "aliases": [{"alias": alias, "version": version} for alias, version in aliases.items()],
            }
        }

    def _POST_registered_models_create(self, given: dict[str, Any]) -> dict[str, Any]:
        assert given["name"] not in self.models
        self.models[given["name"]] = {"aliases": {}, "versions": []}
        return {"registered_model": {"name": given["name"]}}

    def _GET_model_versions_search(self, given: dict[str, Any]) -> dict[str, Any]:
        name = re.fullmatch(r"name = '(.+)'", given["filter"])
        assert name is not None
        return {"model_versions": self.models[name[1]]["versions"]}

    def _POST_model_versions_create(self, given: dict[str, Any]) -> dict[str, Any]:
        versions = self.models[given["name"]]["versions"]
        kept = {name: given[name] for name in ("name", "source", "run_id", "tags", "description")}
        versions.append({**kept, "version": str(len(versions) + 1), "status": "READY"})
        return {"model_version": versions[-1]}

    def _POST_registered_models_alias(self, given: dict[str, Any]) -> dict[str, Any]:
        self.models[given["name"]]["aliases"][given["alias"]] = given["version"]
        return {}

    def _DELETE_registered_models_alias(self, given: dict[str, Any]) -> dict[str, Any]:
        del self.models[given["name"]]["aliases"][given["alias"]]
        return {}

    def _run(self, run_id: str) -> dict[str, Any]:
        run = self.runs[run_id]
        info = {
            **{"run_id": run_id, "run_uuid": run_id, "experiment_id": run["experiment"], "status": run["status"]},
            **{"artifact_uri": f"mlflow-artifacts:/{run_id}", "lifecycle_stage": "active", "run_name": run["name"]},
        }
        return {
            "info": info,
            "data": {"tags": [{"key": key, "value": value} for key, value in run["tags"].items()]},
        }


@contextmanager
def tracking_server() -> Iterator[TrackingServer]:
    """Run a server."""
    server = TrackingServer()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def handle_one(self) -> None:
            content = self.rfile.read(int(self.headers.get("Content-Length") or 0))
            parts = urlsplit(self.path)
            server.requests.append(parts.path)
            server.logins.add(self.headers.get("Authorization") or "")
            fault = server.fault
            if server.good_requests is not None and len(server.requests) > server.good_requests:
                fault = 500
            if fault == "hang":
                server.closing.wait()
            elif fault == "drip":
                self._drip()
            elif isinstance(fault, int):
                secret = {"error_code": "INTERNAL_ERROR", "message": "postgresql://mlflow:very-secret@db refused"}
                self._send(fault, secret)
            else:
                query = {name: values[0] for name, values in parse_qs(parts.query).items()}
                try:
                    self._send(200, server.answer(self.command, parts.path, query, content))
                except Refused as refused:
                    code = 404 if str(refused) == "RESOURCE_DOES_NOT_EXIST" else 400
                    self._send(code, {"error_code": str(refused), "message": "very-secret words"})

        do_GET = do_POST = do_PUT = do_DELETE = do_PATCH = handle_one

        def _send(self, status: int, value: dict[str, Any]) -> None:
            content = json.dumps(value).encode()
            self.send_response(status)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def _drip(self) -> None:
            # A byte now and then: no single wait is long, and the answer never comes.
            self.send_response(200)
            self.send_header("Content-Length", "1000000")
            self.end_headers()
            while not server.closing.wait(0.1):
                try:
                    self.wfile.write(b" ")
                    self.wfile.flush()
                except OSError:
                    return

        def log_message(self, *args: Any) -> None:
            """Say nothing."""

    class Server(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, *args: Any) -> None:
            """Whoever gave up waiting is no error of the server."""

    with Server(("127.0.0.1", 0), Handler) as http:
        server.port = http.server_address[1]
        thread = threading.Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True)
        thread.start()
        try:
            yield server
        finally:
            server.closing.set()
            http.shutdown()
            thread.join()
