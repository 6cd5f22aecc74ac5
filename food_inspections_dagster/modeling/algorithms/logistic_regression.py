"""Logistic regression."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from sklearn.pipeline import Pipeline

from food_inspections_dagster.modeling.algorithms import linear, skops_files
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.algorithms.protocol import Algorithm
from food_inspections_dagster.modeling.algorithms.scaling import Scaling


class LogisticRegressionL2(Algorithm):
    """Logistic regression with an L2 penalty on scaled columns."""

    name: ClassVar[str] = "logistic_regression"
    description: ClassVar[str] = "Logistic regression."
    kind: ClassVar[str] = "scikitlearn"
    libraries: ClassVar[tuple[str, ...]] = ("scikit-learn", "scipy", "skops")
    file: ClassVar[str] = "model.skops"
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"C": 0.002, "clip_quantile": 0.005, "max_iter": 500})

    def fit(
        self, parameters: Mapping[str, Any], seed: int, design: Design, inputs: Inputs, label: np.ndarray
    ) -> Pipeline:
        """Scale and fit."""
        scaling = Scaling(parameters["clip_quantile"])
        return linear.fit(scaling, design.matrix(inputs), label, parameters["C"], parameters["max_iter"])

    def predict(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return probabilities."""
        return linear.predict(fitted, design.matrix(inputs))

    def contributions(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return coefficient times distance from the training mean."""
        return linear.contributions(fitted, design.matrix(inputs))

    def dump(self, fitted: Pipeline) -> bytes:
        """Return a skops file."""
        return skops_files.dump(fitted)

    def load(self, data: bytes) -> Pipeline:
        """Read a skops file."""
        return skops_files.load(data, (Scaling,))


ALGORITHM = LogisticRegressionL2()
