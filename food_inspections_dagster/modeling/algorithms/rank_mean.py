"""The mean of the ranks that other algorithms give, each among the scores of its training rows."""

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np

from food_inspections_dagster.digests import canonical_json
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.algorithms.protocol import Algorithm
from food_inspections_dagster.modeling.rules import AlgorithmSpec

#: The distribution of a member's scores is kept as so many quantiles, evenly spaced.
QUANTILES = 1_001
#: And learnt from at most so many of the training rows, evenly spaced.
SAMPLE_ROWS = 5_000


@dataclass(frozen=True)
class RankMean:
    """What the ensemble learnt.

    Attributes:
        names: the members' algorithms.
        fits: what each of them learnt.
        scores: for each of them the distinct quantiles of its scores in training, float64, ascending.
        ranks: the mean rank of each, float64 in [0, 1].
    """

    names: tuple[str, ...]
    fits: tuple[Any, ...]
    scores: tuple[np.ndarray, ...]
    ranks: tuple[np.ndarray, ...]


class RanksOfMembers(Algorithm):
    """Each member's score becomes its rank among the scores of training rows, and the ranks are averaged.

    So a row's score is its own, whatever it is scored with; it is a rank and no probability, until it is calibrated.
    ``members`` names algorithms and what differs from their defaults.
    """

    name: ClassVar[str] = "rank_mean"
    description: ClassVar[str] = "Mean of the ranks of other algorithms."
    kind: ClassVar[str] = "python"
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn", "scipy", "skops", "xgboost")
    file: ClassVar[str] = "model.members.json"
    explained_ranks: ClassVar[int | None] = 1_000
    log_odds: ClassVar[bool] = False
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType(
        {"members": MappingProxyType({"ridge": MappingProxyType({}), "xgboost": MappingProxyType({})})}
    )

    def members(self, parameters: Mapping[str, Any], seed: int) -> tuple[AlgorithmSpec, ...]:
        """Return the members' recipes, by name."""
        return tuple(
            AlgorithmSpec(name, name, dict(given), seed) for name, given in sorted(parameters["members"].items())
        )

    def fit(
        self,
        parameters: Mapping[str, Any],
        seed: int,
        design: Design,
        inputs: Inputs,
        target: np.ndarray,
        previous: Any | None = None,
    ) -> RankMean:
        """Fit the members and combine them."""
        fits = [
            algorithms.algorithm(spec.algorithm).fit(algorithms.resolve(spec), spec.seed, design, inputs, target)
            for spec in self.members(parameters, seed)
        ]
        return self.combine(parameters, design, inputs, fits)

    def combine(self, parameters: Mapping[str, Any], design: Design, inputs: Inputs, fits: Sequence[Any]) -> RankMean:
        """Learn the distribution of each member's scores."""
        names = tuple(sorted(parameters["members"]))
        sample = inputs.take(np.unique(np.linspace(0, len(inputs) - 1, SAMPLE_ROWS).astype(np.intp)))
        scores, ranks = [], []
        for name, fitted in zip(names, fits, strict=True):
            ordered = np.sort(algorithms.algorithm(name).predict(fitted, design, sample))
            at = np.rint(np.linspace(0, len(ordered) - 1, QUANTILES)).astype(np.intp)
            distinct = np.unique(ordered[at])
            below, until = np.searchsorted(ordered, distinct, "left"), np.searchsorted(ordered, distinct, "right")
            scores.append(distinct)
            ranks.append((below + until) / (2 * len(ordered)))
        return RankMean(names, tuple(fits), tuple(scores), tuple(ranks))

    def predict(self, fitted: RankMean, design: Design, inputs: Inputs) -> np.ndarray:
        """Return the mean rank."""
        total = np.zeros(len(inputs))
        for name, fit, known, ranks in zip(fitted.names, fitted.fits, fitted.scores, fitted.ranks, strict=True):
            total += np.interp(algorithms.algorithm(name).predict(fit, design, inputs), known, ranks)
        return total / len(fitted.fits)

    def contributions(self, fitted: RankMean, design: Design, inputs: Inputs) -> np.ndarray:
        """Return the mean of the members' contributions, each in deviations of its scores in training.

        So members that speak of log-odds and members that speak of scores count alike.
        """
        total = np.zeros((len(inputs), len(design.owners)))
        for name, fit, scores in zip(fitted.names, fitted.fits, fitted.scores, strict=True):
            member = algorithms.algorithm(name)
            total += member.contributions(fit, design, inputs) / _spread(scores, member.log_odds) / len(fitted.fits)
        return total

    def dump(self, fitted: RankMean) -> bytes:
        """Return JSON: the members' files in base64, and the distributions."""
        members = [
            {
                "algorithm": name,
                "file": base64.b64encode(algorithms.algorithm(name).dump(fit)).decode(),
                "scores": scores.tolist(),
                "ranks": ranks.tolist(),
            }
            for name, fit, scores, ranks in zip(fitted.names, fitted.fits, fitted.scores, fitted.ranks, strict=True)
        ]
        return canonical_json({"members": members})

    def load(self, data: bytes) -> RankMean:
        """Read JSON; each member builds its own part."""
        members = json.loads(data)["members"]
        return RankMean(
            tuple(member["algorithm"] for member in members),
            tuple(
                algorithms.algorithm(member["algorithm"]).load(base64.b64decode(member["file"], validate=True))
                for member in members
            ),
            tuple(np.array(member["scores"], dtype=np.float64) for member in members),
            tuple(np.array(member["ranks"], dtype=np.float64) for member in members),
        )

    def fault(self, parameters: Mapping[str, Any]) -> str:
        """Return what is wrong with a member."""
        if len(parameters["members"]) < 2:
            return "members names fewer than two algorithms"
        for name, given in parameters["members"].items():
            if name == self.name or name not in algorithms.ALGORITHMS:
                return f"members names '{name}', which is no other algorithm"
            member = algorithms.ALGORITHMS[name]
            fault = algorithms.fault_in(member, given)
            if fault:
                return f"its member {name} has {fault}"
            if member.chained_fits({**member.defaults, **given}) > 1:
                return f"its member {name} has chained fits, which only a model group of its own can have"
        return ""


def _spread(scores: np.ndarray, log_odds: bool) -> float:
    """Return the standard deviation of the quantiles of scores, in the units of the member's contributions."""
    if log_odds:
        inside = np.clip(scores, 1e-6, 1 - 1e-6)
        scores = np.log(inside / (1 - inside))
    return float(scores.std()) or 1.0


ALGORITHM = RanksOfMembers()
