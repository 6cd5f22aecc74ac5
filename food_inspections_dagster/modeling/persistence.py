"""A model as files, without pickle: ``model.json`` (the card) beside the file of its algorithm.

The same model gives the same bytes. A file that was cut, changed or made by something else is refused before
anything of it is built; the checksums say that a file is whole, not who wrote it, so whoever can write to the
object store is trusted as far as the types go that the algorithms list, and no further.
"""

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from importlib.metadata import version
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from food_inspections_dagster.digests import canonical_json, content_hash
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms import Design, Inputs, sum_by_feature
from food_inspections_dagster.modeling.calibration import Calibration
from food_inspections_dagster.modeling.own_risk import Typical, neutralised
from food_inspections_dagster.modeling.rules import Features

FORMAT = "food_inspections_dagster.model/4"
CARD = "model.json"
#: What makes its group, the recipe; the ids are hashes over these entries of the card.
GROUP_IDENTITY = (
    *("format", "algorithm", "parameters", "seed", "features", "label", "target", "learnt_with", "inspection_types"),
)
#: What makes a fit the fit that it is, before it is calibrated.
FIT_IDENTITY = (*GROUP_IDENTITY, "training_window", "data_hash", "continues", "code_version", "libraries")
#: And what makes a model.
IDENTITY = (*FIT_IDENTITY, "about", "calibrated_by")


def library_versions(algorithm: str) -> dict[str, str]:
    """Return the versions of the libraries that can change a model of an algorithm."""
    return {name: _version(name) for name in sorted({"numpy", *algorithms.algorithm(algorithm).libraries})}


_version = cache(version)  # it parses the distribution's metadata anew each time


def model_id_of(card: Mapping[str, Any]) -> str:
    """Return the hash of the card's identity."""
    return content_hash({key: card[key] for key in IDENTITY})


def fit_id_of(card: Mapping[str, Any]) -> str:
    """Return the hash of what makes the fit, before it is calibrated."""
    return content_hash({key: card[key] for key in FIT_IDENTITY})


def model_group_id_of(card: Mapping[str, Any]) -> str:
    """Return the hash of the recipe."""
    return content_hash({key: card[key] for key in GROUP_IDENTITY})


@dataclass(frozen=True)
class FittedModel:
    """A fit with its card.

    Attributes:
        card: JSON-ready facts: model_id, fit_id, model_group_id, model_group (its name), algorithm, parameters, seed,
            features, categories, label, target, inspection_types, training_window (first_week, last_week, rows,
            positives), continues (fit_id of the fit that this one went on from, null where it began anew),
            training_metrics, about, typical, calibrated_by, calibration, data_hash, code_version, libraries.
        fitted: what the algorithm learnt; only its module reads it.
    """

    card: Mapping[str, Any]
    fitted: Any

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

    @property
    def algorithm(self) -> algorithms.Algorithm:
        """The algorithm that made it."""
        return algorithms.algorithm(self.card["algorithm"])

    @cached_property
    def calibration(self) -> Calibration:
        """How a score becomes a probability."""
        return Calibration.of(self.card["calibration"])

    def predict(self, rows: pd.DataFrame | Inputs) -> np.ndarray:
        """Return the probability of the label, float64 (rows,), in [0, 1]; a row's bits are its own."""
        return self.calibration.probability(self.algorithm.predict(self.fitted, self.design, self._inputs(rows)))

    def at_average(self, inputs: Inputs, weight: float = 0.0) -> Inputs:
        """Return rows of the model's features with what is not about the place at, or nearer to, its training average.

        Args:
            inputs: the model's features.
            weight: what is kept of the distance from the average, 0 to 1.
        """
        return neutralised(inputs, Typical.from_dict(self.card["typical"]), self.card["about"], weight)

    def probability(self, score: np.ndarray) -> np.ndarray:
        """Return the probabilities of scores that the algorithm gave."""
        return self.calibration.probability(score)

    def contributions(self, rows: pd.DataFrame | Inputs) -> np.ndarray:
        """Return what each feature adds to the log-odds of each row, float64 (rows, features)."""
        terms = self.algorithm.contributions(self.fitted, self.design, self._inputs(rows))
        return sum_by_feature(terms, self.design.owners, self.features)

    def _inputs(self, rows: pd.DataFrame | Inputs) -> Inputs:
        return rows.select(self.features) if isinstance(rows, Inputs) else Inputs.of(rows, self.features)


class Answers(NamedTuple):
    """What a model says of some rows, float64 (rows,) in [0, 1].

    Attributes:
        expected_find: the probability that a visit as usual finds the label.
        own_risk: the same at average surroundings, season and inspector: the place's own risk.
        priority: the same with the surroundings drawn towards the average by half, or as the settings say: what lists
            are ordered by.
    """

    expected_find: np.ndarray
    own_risk: np.ndarray
    priority: np.ndarray


def answers(models: Sequence[FittedModel], rows: Inputs, surroundings: float) -> list[Answers]:
    """Return what each of some models of one recipe says; models that learnt from the same rows share the work.

    Args:
        models: of one recipe, for several labels.
        rows: with the models' features, and maybe more.
        surroundings: weight of the surroundings in the priority, 0 to 1.
    """
    pairs = [(model.design, model.fitted) for model in models]
    inputs = rows.select(models[0].features)
    scores: dict[float, list[np.ndarray]] = {}
    for weight in dict.fromkeys((1.0, 0.0, surroundings)):
        asked = inputs if weight == 1 else models[0].at_average(inputs, weight)
        scores[weight] = algorithms.predict_all(models[0].algorithm, pairs, asked)
    return [
        Answers(*(model.probability(scores[weight][at]) for weight in (1.0, 0.0, surroundings)))
        for at, model in enumerate(models)
    ]


# ---------------------------------------------------------------------- writing


def dump(model: FittedModel) -> dict[str, bytes]:
    """Return the model's files by name; the same model gives the same bytes."""
    name, data = model.algorithm.file, model.algorithm.dump(model.fitted)
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
    missing = sorted({*IDENTITY, "model_id", "fit_id", "categories", "calibration", "typical", "artifact"} - set(card))
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
        fitted = algorithms.algorithm(card["algorithm"]).load(data)
    except Exception as error:
        raise _refuse(f"{name} of model {card['model_id']} cannot be read ({type(error).__name__}: {error})") from None
    facts = {key: value for key, value in card.items() if key not in ("artifact", "checksum")}
    return FittedModel(MappingProxyType(facts), fitted)
