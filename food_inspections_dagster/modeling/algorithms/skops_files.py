"""A scikit-learn pipeline as bytes, by skops: no pickle, only listed types, and the same bytes for the same fit."""

import hashlib
import io
import json
import threading
import zipfile
from typing import Any, ClassVar

import numpy as np
import skops.io
from sklearn.pipeline import Pipeline

from food_inspections_dagster.modeling.algorithms.protocol import Algorithm

#: Types beyond those of scikit-learn and numpy that skops trusts by itself; an algorithm adds its own.
TRUSTED = ("numpy.dtype",)
#: numpy parses the head of an array's file as Python, and Python 3.11 fails now and then where two threads parse
#: ("AST constructor recursion depth mismatch", https://github.com/python/cpython/issues/106905).
_PARSING = threading.Lock()


def dump(pipeline: Pipeline) -> bytes:
    """Return the pipeline as a skops file.

    skops names parts by memory address and zip stores the clock; here parts are named by their content, which has no
    gaps of unwritten memory, objects are numbered in order, and the clock stands still. Shared objects become equal
    ones, which estimators do not mind.
    """
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(pipeline))) as archive:
        schema = json.loads(archive.read("schema.json"))
        parts = {name: _clean(archive.read(name)) for name in archive.namelist() if name != "schema.json"}
    names = {
        name: hashlib.sha256(part).hexdigest()[:32] + "." + name.rsplit(".", 1)[-1] for name, part in parts.items()
    }
    numbers = iter(range(1, 1_000_000_000))

    def rename(node: Any) -> Any:
        if isinstance(node, list):
            return [rename(item) for item in node]
        if not isinstance(node, dict):
            return node
        node = {key: rename(value) for key, value in node.items()}
        if "__id__" in node:
            node["__id__"] = next(numbers)
        if node.get("file") in names:
            node["file"] = names[node["file"]]
        return node

    files = {"schema.json": json.dumps(rename(schema), indent=1).encode()}
    files |= {names[name]: part for name, part in sorted(parts.items(), key=lambda item: names[item[0]])}
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", compression=zipfile.ZIP_STORED) as archive:
        for name, part in files.items():
            entry = zipfile.ZipInfo(name, date_time=(1980, 1, 1, 0, 0, 0))
            entry.external_attr = 0o644 << 16
            archive.writestr(entry, part)
    return out.getvalue()


def _clean(part: bytes) -> bytes:
    """Return an array's file with zeros between the fields of its records, where memory holds anything."""
    if not part.startswith(b"\x93NUMPY") or b"'descr': [" not in part[:128]:
        return part
    with _PARSING:
        records = np.load(io.BytesIO(part), allow_pickle=False)
    clean = np.zeros(records.shape, dtype=records.dtype)
    for field in records.dtype.names:
        clean[field] = records[field]
    out = io.BytesIO()
    np.save(out, clean, allow_pickle=False)
    return out.getvalue()


def untrusted(data: bytes, types: tuple[Any, ...]) -> list[str]:
    """Return the types of a skops file that ``load`` would refuse, sorted."""
    with _PARSING:
        asked = skops.io.get_untrusted_types(data=data)
    return sorted(set(asked) - set(_names(types)))


def load(data: bytes, types: tuple[Any, ...]) -> Pipeline:
    """Build the pipeline; what names other types than scikit-learn's and ``types`` (types, functions) is refused.

    Raises:
        Exception: of skops or zipfile, or TypeError where the file holds something else.
    """
    with _PARSING:
        pipeline = skops.io.loads(data, trusted=_names(types))
    if not isinstance(pipeline, Pipeline):
        raise TypeError(f"it holds a {type(pipeline).__name__}, not a Pipeline")
    return pipeline


class SkopsFile(Algorithm):
    """An algorithm whose fit is a pipeline, which is stored as a skops file.

    Attributes:
        types: what its pipeline may hold beside scikit-learn's own types.
    """

    kind: ClassVar[str] = "scikitlearn"
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn", "scipy", "skops")
    file: ClassVar[str] = "model.skops"
    types: ClassVar[tuple[type, ...]]

    def dump(self, fitted: Pipeline) -> bytes:
        """Return a skops file."""
        return dump(fitted)

    def load(self, data: bytes) -> Pipeline:
        """Read a skops file."""
        return load(data, self.types)


def _names(types: tuple[Any, ...]) -> list[str]:
    return [*TRUSTED, *(f"{item.__module__}.{item.__qualname__}" for item in types)]
