"""A model as files, without pickle: ``model.json`` (the card) beside ``model.ubj`` or ``model.skops``.

The same model gives the same bytes. A file that was cut, changed or made by something else is refused before
anything of it is built; the checksums say that a file is whole, not who wrote it, so whoever can write to the
object store is trusted as far as the types listed here go, and no further.
"""

import hashlib
import io
import json
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from types import MappingProxyType
from typing import Any

import numpy as np
import pandas as pd
import skops.io
import xgboost
from sklearn.pipeline import Pipeline

from food_inspections_dagster.digests import canonical_json, content_hash
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import (
    THREADS,
    BoosterEstimator,
    Design,
    Estimator,
    Inputs,
    OutlierClipper,
    PipelineEstimator,
    TakeColumn,
    sum_by_feature,
)
from food_inspections_dagster.modeling.rules import Features

FORMAT = "food_inspections_dagster.model/1"
CARD = "model.json"
#: Types beyond those of scikit-learn and numpy that skops trusts by itself.
TRUSTED = (
    *(f"{kind.__module__}.{kind.__qualname__}" for kind in (OutlierClipper, TakeColumn)),
    "numpy.dtype",
    "sklearn.feature_selection._univariate_selection.f_classif",
)
#: Libraries whose version can change a model.
LIBRARIES = ("numpy", "scikit-learn", "scipy", "skops", "xgboost")
#: What makes a model the model that it is; ``model_id`` is a hash over these entries of the card.
IDENTITY = (
    "format",
    "algorithm",
    "parameters",
    "seed",
    "features",
    "label",
    "inspection_types",
    "training_window",
    "data_hash",
    "code_version",
    "libraries",
)
#: And what makes its group, the recipe.
GROUP_IDENTITY = ("format", "algorithm", "parameters", "seed", "features", "label", "inspection_types")


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that can change a model."""
    return {name: version(name) for name in LIBRARIES}


def model_id_of(card: Mapping[str, Any]) -> str:
    """Return the hash of the card's identity."""
    return content_hash({key: card[key] for key in IDENTITY})


def model_group_id_of(card: Mapping[str, Any]) -> str:
    """Return the hash of the recipe."""
    return content_hash({key: card[key] for key in GROUP_IDENTITY})


@dataclass(frozen=True)
class FittedModel:
    """A fit with its card.

    Attributes:
        card: JSON-ready facts: model_id, model_group_id, model_group (its name), algorithm, parameters, seed,
            features, categories, label, inspection_types, training_window (first_week, last_week, rows,
            positives), training_metrics, data_hash, code_version, libraries.
    """

    card: Mapping[str, Any]
    estimator: Estimator

    @property
    def model_id(self) -> str:
        """The content hash of recipe, data, code version and library versions."""
        return self.card["model_id"]

    @cached_property
    def features(self) -> Features:
        """(name, kind) in the model's order."""
        return tuple((name, kind) for name, kind in self.card["features"])

    @cached_property
    def design(self) -> Design:
        """The design matrix as it was fitted."""
        return Design(self.features, {name: tuple(values) for name, values in self.card["categories"]})

    def predict(self, rows: pd.DataFrame | Inputs) -> np.ndarray:
        """Return the probability of the label, float64 (rows,), in [0, 1]."""
        return self.estimator.predict(self.design.matrix(self._inputs(rows)))

    def contributions(self, rows: pd.DataFrame | Inputs) -> np.ndarray:
        """Return what each feature adds to the log-odds of each row, float64 (rows, features)."""
        matrix = self.design.matrix(self._inputs(rows))
        return sum_by_feature(self.estimator.contributions(matrix), self.design.owners, self.features)

    def _inputs(self, rows: pd.DataFrame | Inputs) -> Inputs:
        return rows if isinstance(rows, Inputs) else Inputs.of(rows, self.features)


# ---------------------------------------------------------------------- writing


def _stable_skops(data: bytes) -> bytes:
    """Rewrite a skops file so that equal objects give equal bytes.

    skops names parts by memory address and zip stores the clock; here parts are named by their content,
    objects are numbered in order, and the clock stands still. Shared objects become equal ones, which
    estimators do not mind.
    """
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        schema = json.loads(archive.read("schema.json"))
        parts = {name: archive.read(name) for name in archive.namelist() if name != "schema.json"}
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


def _artifact(estimator: Estimator) -> tuple[str, bytes]:
    if isinstance(estimator, BoosterEstimator):
        return "model.ubj", bytes(estimator.booster.save_raw("ubj"))
    if isinstance(estimator, PipelineEstimator):
        return "model.skops", _stable_skops(skops.io.dumps(estimator.pipeline))
    raise TypeError(f"{type(estimator).__name__} has no file format")


def dump(model: FittedModel) -> dict[str, bytes]:
    """Return the model's files by name; the same model gives the same bytes."""
    name, data = _artifact(model.estimator)
    card = dict(model.card)
    card["artifact"] = {"name": name, "bytes": len(data), "sha256": hashlib.sha256(data).hexdigest()}
    card["checksum"] = content_hash({key: value for key, value in card.items() if key != "checksum"})
    return {CARD: canonical_json(card), name: data}


# ---------------------------------------------------------------------- reading


def _refuse(what: str) -> FoodInspectionsError:
    return FoodInspectionsError(
        f"This is not a model of this project, or it is damaged: {what}; "
        "delete its folder and materialise its week again."
    )


def read_card(files: Mapping[str, bytes]) -> dict[str, Any]:
    """Return the card of a model's files, without building the model.

    Raises:
        FoodInspectionsError: where the card is missing, foreign or changed.
    """
    if CARD not in files:
        raise _refuse(f"there is no {CARD} among {sorted(files) or 'no files'}")
    try:
        card = json.loads(files[CARD])
    except (ValueError, UnicodeDecodeError):
        raise _refuse(f"{CARD} is not JSON") from None
    if not isinstance(card, dict) or card.get("format") != FORMAT:
        raise _refuse(f"{CARD} does not say that it is '{FORMAT}'")
    checksum = content_hash({key: value for key, value in card.items() if key != "checksum"})
    if card.get("checksum") != checksum:
        raise _refuse(f"{CARD} was changed after it was written (its checksum does not match)")
    missing = sorted({*IDENTITY, "model_id", "categories", "artifact"} - set(card))
    if missing:
        raise _refuse(f"{CARD} lacks {missing[0]}")
    if card["model_id"] != model_id_of(card):
        raise _refuse(f"{CARD} names the model {card['model_id']}, but describes the model {model_id_of(card)}")
    return card


def load(files: Mapping[str, bytes]) -> FittedModel:
    """Build a model from its files.

    Raises:
        FoodInspectionsError: where a file is missing, foreign, cut or changed.
    """
    card = read_card(files)
    name = card["artifact"]["name"]
    if name not in files:
        raise _refuse(f"{name} of model {card['model_id']} is missing")
    data = bytes(files[name])
    if hashlib.sha256(data).hexdigest() != card["artifact"]["sha256"]:
        raise _refuse(
            f"{name} of model {card['model_id']} was cut or changed (its checksum does not match; "
            f"{len(data)} bytes of {card['artifact']['bytes']})"
        )
    try:
        estimator = _build(name, data)
    except Exception as error:
        raise _refuse(f"{name} of model {card['model_id']} cannot be read ({type(error).__name__}: {error})") from None
    facts = {key: value for key, value in card.items() if key not in ("artifact", "checksum")}
    return FittedModel(MappingProxyType(facts), estimator)


def _build(name: str, data: bytes) -> Estimator:
    if name == "model.ubj":
        booster = xgboost.Booster({"nthread": THREADS})
        booster.load_model(bytearray(data))
        return BoosterEstimator(booster)
    pipeline = skops.io.loads(data, trusted=list(TRUSTED))
    if not isinstance(pipeline, Pipeline):
        raise TypeError(f"it holds a {type(pipeline).__name__}, not a Pipeline")
    return PipelineEstimator(pipeline)
