"""What every algorithm is."""

from collections.abc import Mapping
from typing import Any, ClassVar, Protocol

import numpy as np

from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs


class Algorithm(Protocol):
    """An algorithm: how it is fitted, asked, explained and stored. What ``fit`` returns only its methods read.

    Attributes:
        name: as recipes and assets name it.
        description: one sentence for people.
        kind: the library that does the work, as Dagster shows it.
        defaults: its parameters.
        libraries: distributions whose version can change a fit, beyond numpy.
        file: name of the stored file.
        explained_ranks: the first so many places of a list get reasons; all, where None.
    """

    name: ClassVar[str]
    description: ClassVar[str]
    kind: ClassVar[str]
    defaults: ClassVar[Mapping[str, Any]]
    libraries: ClassVar[tuple[str, ...]]
    file: ClassVar[str]
    explained_ranks: ClassVar[int | None] = None

    def fit(self, parameters: Mapping[str, Any], seed: int, design: Design, inputs: Inputs, label: np.ndarray) -> Any:
        """Fit on rows and their label (int8, 0 and 1); the same arguments give the same fit."""
        ...

    def predict(self, fitted: Any, design: Design, inputs: Inputs) -> np.ndarray:
        """Return the probability of the label, float64 (rows,), in [0, 1].

        A row gets the same bits in whatever company it is asked for.
        """
        ...

    def contributions(self, fitted: Any, design: Design, inputs: Inputs) -> np.ndarray:
        """Return what each column of the design adds to the log-odds of each row, float64 (rows, columns)."""
        ...

    def dump(self, fitted: Any) -> bytes:
        """Return the fit as bytes, the same for the same fit; no pickle."""
        ...

    def load(self, data: bytes) -> Any:
        """Build the fit from its bytes, and nothing else: types that are not its own are refused by an exception."""
        ...
