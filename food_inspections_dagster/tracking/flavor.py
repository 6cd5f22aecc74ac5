"""A stored model as MLflow serves it: the model's own files, no pickle, and this module to load them.

`mlflow models serve` and `mlflow.pyfunc.load_model` call ``_load_pyfunc``, in an environment in which this project is
installed. The answers are those of ``modeling.persistence.answers``.
"""

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from platform import python_version
from typing import Any

import orjson
import pandas as pd
import yaml

from food_inspections_dagster.digests import digest
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.persistence import FittedModel, answers, load

SURROUNDINGS = "surroundings_weight"
#: The form of what is registered; another one makes new versions.
FORM = 1
_TYPES = {"numeric": "double", "categorical": "string"}


class Predictor:
    """What MLflow calls."""

    def __init__(self, model: FittedModel, surroundings: float) -> None:
        self._model = model
        self._surroundings = surroundings

    def predict(self, model_input: pd.DataFrame, params: Mapping[str, Any] | None = None) -> pd.DataFrame:
        """Return expected_find, own_risk and priority of feature rows, one row each.

        Raises:
            FoodInspectionsError: where a feature is missing, infinite or of the wrong type.
        """
        inputs = Inputs.of(model_input, self._model.features)
        return pd.DataFrame(answers([self._model], inputs, self._surroundings)[0]._asdict(), index=model_input.index)


def _load_pyfunc(path: str, model_config: Mapping[str, Any] | None = None) -> Predictor:
    files = {file.name: file.read_bytes() for file in Path(path).iterdir()}
    return Predictor(load(files), float((model_config or {})[SURROUNDINGS]))


def model_digest(model_id: str, surroundings: float) -> str:
    """Return a hash of what is registered of a model."""
    return digest([FORM, model_id, surroundings])


def model_folder(files: Mapping[str, bytes], anchor: date, surroundings: float) -> dict[str, bytes]:
    """Return the files of an MLflow model by path; the same model gives the same bytes.

    Args:
        files: of ``modeling.persistence``, by name.
        anchor: the week of the fit.
        surroundings: weight of the surroundings in the priority, 0 to 1.
    """
    card = orjson.loads(files["model.json"])
    signature = {
        "inputs": [{"name": n, "type": _TYPES[kind], "required": True} for n, kind in card["features"]],
        "outputs": [
            {"name": name, "type": "double", "required": True} for name in ("expected_find", "own_risk", "priority")
        ],
    }
    model = {
        "flavors": {
            "python_function": {
                "loader_module": __name__,
                "python_version": python_version(),
                "data": "data",
                "config": {SURROUNDINGS: surroundings},
                "env": {},
            }
        },
        "model_uuid": model_digest(card["model_id"], surroundings) * 2,
        "signature": {name: orjson.dumps(columns).decode() for name, columns in signature.items()},
        "utc_time_created": f"{anchor} 00:00:00.000000",
        "metadata": {name: card[name] for name in ("model_id", "model_group", "label", "data_hash", "code_version")},
    }
    return {"MLmodel": yaml.safe_dump(model, sort_keys=True).encode(), **{f"data/{n}": c for n, c in files.items()}}
