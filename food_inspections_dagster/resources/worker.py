"""What runs on the workers of a cluster: a task by the import path of its function, on the store that it names.

Keys and endpoint of the store are the worker's, from its environment or its conf/local: nobody sends them.
"""

import hashlib
import platform
from collections.abc import Mapping
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import version
from pathlib import Path
from typing import Any

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.workspace import Workspace
from food_inspections_dagster.settings import load_settings

#: Libraries whose version can change the bytes of a result.
_LIBRARIES = ("numpy", "pandas", "pyarrow", "scikit-learn", "scipy", "skops", "xgboost")


@cache
def fingerprint() -> str:
    """Return 16 hexadecimal digits that change with the code of this package, Python, and the libraries it rests on."""
    root = Path(__file__).parents[1]
    digest = hashlib.sha256(platform.python_version().encode())
    for file in sorted(root.rglob("*")):
        if file.suffix in (".py", ".csv", ".html"):
            digest.update(file.relative_to(root).as_posix().encode())
            digest.update(file.read_bytes())
    for name in _LIBRARIES:
        digest.update(f"{name}={version(name)};".encode())
    return digest.hexdigest()[:16]


def run_task(path: str, task: Mapping[str, Any], header: Mapping[str, str]) -> dict[str, Any]:
    """Do a task of somebody else's process.

    Args:
        path: of its function, ``module:name``.
        header: ``fingerprint`` of who sent it, ``url`` and ``portal`` of the object store, ``folder`` of the workspace.

    Raises:
        FoodInspectionsError: where the sender's code is another.
    """
    if header["fingerprint"] != fingerprint():
        raise FoodInspectionsError(
            f"A worker on {platform.node()} has other code, Python or libraries ({fingerprint()}) than the run "
            f"({header['fingerprint']}): install the same version of food-inspections-dagster on both."
        )
    module, _, name = path.partition(":")
    function = getattr(import_module(module), name)
    return function(task, Workspace(_objects(header["url"], header["portal"]), header["folder"]))


@lru_cache(maxsize=4)
def _objects(url: str, portal: str) -> ObjectStore:
    return ObjectStore.from_settings(load_settings()).model_copy(update={"url": url, "portal": portal})
