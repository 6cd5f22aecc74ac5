"""What every algorithm is."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Protocol

import numpy as np

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.rules import AlgorithmSpec


class Algorithm(Protocol):
    """An algorithm: how it is fitted, asked, explained and stored. What ``fit`` returns only its methods read.

    Attributes:
        name: as recipes and assets name it.
        description: one sentence for people.
        kind: the library that does the work, as Dagster shows it.
        defaults: its parameters; the type of a default is the type of the parameter.
        choices: the values that a parameter can take, where they are names.
        libraries: distributions whose version can change a fit, beyond numpy.
        file: name of the stored file.
        explained_ranks: the first so many places of a list get reasons; all, where None.
        log_odds: whether contributions are in log-odds; else they are differences of the score.
        joint: whether the fits of ``fit_many`` depend on all targets, so that what names a model has to name them.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    kind: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]]
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = MappingProxyType({})
    libraries: ClassVar[tuple[str, ...]]
    file: ClassVar[str]
    explained_ranks: ClassVar[int | None] = None
    log_odds: ClassVar[bool] = True
    joint: ClassVar[bool] = False

    def fit(
        self,
        parameters: Mapping[str, Any],
        seed: int,
        design: Design,
        inputs: Inputs,
        target: np.ndarray,
        previous: Any | None = None,
    ) -> Any:
        """Fit on rows and their target; the same arguments give the same fit.

        Args:
            parameters: all of them, as ``algorithms.resolve`` gives them.
            seed: of what is drawn at random.
            design: of the rows; of ``previous`` where that is continued.
            inputs: the rows.
            target: float32 (rows,) in [0, 1]: hard (0 or 1), or soft, such as a share of severity.
            previous: the fit of an earlier window, where it is continued (``chained_fits``); else unused.
        """
        ...

    def fit_many(
        self,
        parameters: Mapping[str, Any],
        seed: int,
        design: Design,
        inputs: Inputs,
        targets: np.ndarray,
        previous: Sequence[Any | None] | None = None,
    ) -> list[Any]:
        """Return a fit for each of the targets, float32 (n, rows): what they can share is computed once.

        Unless the algorithm is ``joint``, each is the fit that ``fit`` gives, bit for bit.
        """
        before = previous or [None] * len(targets)
        return [
            self.fit(parameters, seed, design, inputs, target, fit) for target, fit in zip(targets, before, strict=True)
        ]

    def predict(self, fitted: Any, design: Design, inputs: Inputs) -> np.ndarray:
        """Return a score, float64 (rows,), in [0, 1]: an estimate of the target, to be calibrated by the caller.

        A row gets the same bits in whatever company it is asked for.
        """
        ...

    def predict_many(self, fits: Sequence[Any], design: Design, inputs: Inputs) -> np.ndarray:
        """Return the scores of several fits on the same rows, float64 (n, rows), each as ``predict`` gives them."""
        return np.array([self.predict(fit, design, inputs) for fit in fits]).reshape(len(fits), len(inputs))

    def contributions(self, fitted: Any, design: Design, inputs: Inputs) -> np.ndarray:
        """Return what each column of the design adds to each row, float64 (rows, columns).

        In score units of the algorithm (see ``log_odds``): what counts is their sign, and their order within a row.
        """
        ...

    def dump(self, fitted: Any) -> bytes:
        """Return the fit as bytes, the same for the same fit; no pickle."""
        ...

    def load(self, data: bytes) -> Any:
        """Build the fit from its bytes, and nothing else: types that are not its own are refused by an exception."""
        ...

    def fault(self, parameters: Mapping[str, Any]) -> str:
        """Return what is wrong with parameters together, as the end of a sentence, or nothing.

        Each of them alone is of the type of its default, and one of ``choices``.
        """
        return ""

    def chained_fits(self, parameters: Mapping[str, Any]) -> int:
        """Return how many fits are a chain, each but the first going on from the one before; 1 where none goes on."""
        return 1

    def members(self, parameters: Mapping[str, Any], seed: int) -> tuple[AlgorithmSpec, ...]:
        """Return the recipes that it combines; none for all but ensembles."""
        return ()

    def combine(self, parameters: Mapping[str, Any], design: Design, inputs: Inputs, fits: Sequence[Any]) -> Any:
        """Return an ensemble's fit from the fits of its ``members`` on the same rows and target, in their order."""
        raise FoodInspectionsError(f"The algorithm {self.name} has no members to combine: fit it on its rows.")


class FitsMany(Algorithm):
    """An algorithm whose fit on one target is ``fit_many`` on that alone, which it has to bring."""

    def fit(
        self,
        parameters: Mapping[str, Any],
        seed: int,
        design: Design,
        inputs: Inputs,
        target: np.ndarray,
        previous: Any | None = None,
    ) -> Any:
        """Fit on one target."""
        before = None if previous is None else [previous]
        return self.fit_many(parameters, seed, design, inputs, target[None], before)[0]
