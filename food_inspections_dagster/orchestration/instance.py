"""Dagster's instance for settings that hold arguments of the command line.

``dg.DagsterInstance.get()`` opens the instance of the current folder's files and variables; this one opens that of
the settings it is given, with the same ``dagster.yaml``.
"""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import dagster as dg
import yaml
from dagster._core.instance.ref import InstanceRef

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.dagster_storage import EmbeddedDagsterStorage
from food_inspections_dagster.settings import Settings, load_settings


def instance_for(settings: Settings) -> dg.DagsterInstance:
    """Open Dagster's instance for the data of ``settings``; to be closed by the caller, or used in a ``with``.

    Relative paths of ``dagster.yaml`` are taken from the project's folder, wherever the process runs.

    Raises:
        FoodInspectionsError: where the project's folder has no ``dagster.yaml``, or where ``database.url`` was given
            on the command line: Dagster hands the instance to its processes as text, which may hold no password.
    """
    if settings.execution.launcher == "k8s" and os.environ.get("DAGSTER_HOME"):
        return dg.DagsterInstance.get()  # the Helm chart writes the file of a cluster, and names its folder so
    file = settings.root / "dagster.yaml"
    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8")) or {}
    except (OSError, UnicodeDecodeError, yaml.YAMLError):
        raise FoodInspectionsError(f"{file} cannot be read: restore it from the repository.") from None
    overrides = {name: _under(settings.root, entry) for name, entry in content.items()}
    if _is_ours(content.get("storage")):
        overrides["storage"]["custom"]["config"] = _storage_config(settings)
    instance = dg.DagsterInstance.from_ref(InstanceRef.from_dir(str(settings.root), overrides=overrides))
    # Keeps connections open, as the webserver does: a run of the graph tells a thousand events, and a connection for
    # each took a tenth of a small run. No statement times out.
    instance.optimize_for_webserver(statement_timeout=0, pool_recycle=3600, max_overflow=20)
    if not instance.get_python_log_dagster_handler_config():
        # For each run Dagster configures all of Python's logging anew, be there nothing to configure. That closes the
        # handlers of runs in other threads under the lock of the logging module, for which a handler that is just
        # storing an event may wait: two runs in two threads of one process hung for ever.
        instance.get_yaml_python_handlers = list  # type: ignore[method-assign, assignment]
    return instance


def _is_ours(storage: Any) -> bool:
    custom = storage.get("custom") if isinstance(storage, Mapping) else None
    return isinstance(custom, Mapping) and custom.get("class") == EmbeddedDagsterStorage.__name__


def _storage_config(settings: Settings) -> dict[str, str]:
    config = {"data_name": settings.data_name, "database": settings.database_name}
    if settings.database.is_embedded:
        return {**config, "embedded_directory": str(settings.embedded_directory)}
    if load_settings().database.url != settings.database.url:
        raise FoodInspectionsError(
            "Dagster's processes do not get database.url from the command line: give it in conf/local, or as the "
            "variable FOOD_INSPECTIONS__DATABASE__URL."
        )
    return config


def _under(root: Path, entry: Any) -> Any:
    """Return an entry of dagster.yaml with its directories absolute."""
    if isinstance(entry, Mapping):
        return {
            key: str(root / value) if key == "base_dir" and isinstance(value, str) else _under(root, value)
            for key, value in entry.items()
        }
    return entry
