"""Logistic regression."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit
from sklearn.pipeline import Pipeline

from food_inspections_dagster.modeling.algorithms import linear, preprocessing
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.algorithms.preprocessing import Preprocessing
from food_inspections_dagster.modeling.algorithms.protocol import FitsMany
from food_inspections_dagster.modeling.algorithms.scaling import Scaling
from food_inspections_dagster.modeling.algorithms.skops_files import SkopsFile


class LogisticRegressionL2(FitsMany, SkopsFile):
    """Logistic regression with an L2 penalty on scaled columns."""

    name: ClassVar[str] = "logistic_regression"
    description: ClassVar[str] = "Logistic regression."
    types: ClassVar[tuple[type, ...]] = (Preprocessing, Scaling)
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({**preprocessing.DEFAULTS, "C": 0.002, "max_iter": 500})
    choices: ClassVar[Mapping[str, tuple[str, ...]]] = preprocessing.CHOICES

    def fit_many(
        self,
        parameters: Mapping[str, Any],
        seed: int,
        design: Design,
        inputs: Inputs,
        targets: np.ndarray,
        previous: Sequence[Any | None] | None = None,
    ) -> list[Pipeline]:
        """Fit on several targets: their columns are prepared once, unless that depends on the target."""
        fits = []
        for prepare, scaled, target in preprocessing.prepared(parameters, design, inputs, targets):
            rows, values = preprocessing.resample(scaled, target, parameters["balance"], seed)
            model = linear.fit_logistic(rows, values, parameters["C"], parameters["max_iter"], parameters["balance"])
            fits.append(Pipeline([("prepare", prepare), ("model", model)]))
        return fits

    def predict(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return probabilities."""
        return np.asarray(expit(linear.total(fitted, fitted["prepare"].transform(design, inputs))))

    def contributions(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return coefficient times distance from the training mean, in log-odds."""
        return linear.contributions(fitted, design, inputs)

    def fault(self, parameters: Mapping[str, Any]) -> str:
        """Return what is wrong with the preprocessing."""
        return preprocessing.fault(parameters)


ALGORITHM = LogisticRegressionL2()
