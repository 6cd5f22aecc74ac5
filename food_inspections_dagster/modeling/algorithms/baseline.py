"""Rank by one feature: what any other model has to beat."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Any, ClassVar

import numpy as np
from scipy.special import expit
from scipy.stats import rankdata
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import Pipeline

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import linear
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.algorithms.scaling import Scaling
from food_inspections_dagster.modeling.algorithms.skops_files import SkopsFile


class TakeColumn(TransformerMixin, BaseEstimator):
    """Keep one column of the design matrix."""

    def __init__(self, column: int = 0):
        self.column = column

    def transform(self, X: np.ndarray) -> np.ndarray:
        """Return (rows, 1)."""
        return X[:, [self.column]]


class Baseline(SkopsFile):
    """Log-odds are a straight line in one feature, with a level of its own where it is unknown."""

    name: ClassVar[str] = "baseline"
    description: ClassVar[str] = "Rank by one feature: what any other model has to beat."
    types: ClassVar[tuple[type, ...]] = (TakeColumn, Scaling)
    defaults: ClassVar[Mapping[str, Any]] = MappingProxyType({"feature": None})

    def fit(
        self,
        parameters: Mapping[str, Any],
        seed: int,
        design: Design,
        inputs: Inputs,
        target: np.ndarray,
        previous: Any | None = None,
    ) -> Pipeline:
        """Fit; the direction of the rank is learnt too."""
        numeric = [name for name, kind in design.features if kind == "numeric"]
        feature = parameters["feature"]
        if feature is not None and feature not in numeric:
            raise FoodInspectionsError(
                f"The baseline ranks by the feature '{feature}', which is no numeric feature: name one in its "
                "parameter 'feature', or none, and it takes the one that ranks the training rows best."
            )
        column = _best(inputs.numeric, target) if feature is None else numeric.index(feature)
        matrix = design.matrix(inputs, np.array([column]))
        scaling = Scaling(quantile=None)
        scaled = scaling.fit_transform(matrix)
        if not scaled.shape[1]:
            raise FoodInspectionsError(
                f"The baseline ranks by the feature '{numeric[column]}', which has one value in all {len(target)} "
                "training rows: name another in its parameter 'feature', or train on more weeks."
            )
        model = linear.fit_logistic(scaled, target, C=1e6, max_iter=100)
        return Pipeline([("rank_by", TakeColumn(column)), ("scale", scaling), ("model", model)])

    def predict(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return probabilities."""
        return np.asarray(expit(linear.total(fitted, self._scaled(fitted, design, inputs))))

    def contributions(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        """Return what the feature adds to the log-odds; zeros for every other column."""
        scaled = self._scaled(fitted, design, inputs)
        origins = np.full(scaled.shape[1], fitted["rank_by"].column)
        return linear.by_column(fitted, scaled, origins, len(design.owners))

    def _scaled(self, fitted: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
        return fitted["scale"].transform(design.matrix(inputs, np.array([fitted["rank_by"].column])))


def _best(numeric: np.ndarray, target: np.ndarray) -> int:
    """Return the column that ranks the target best by itself: the first with the largest rank correlation."""
    goal = rankdata(target) - (len(target) + 1) / 2
    strength = np.zeros(numeric.shape[1])
    for column in range(numeric.shape[1]):
        values = numeric[:, column]
        ranks = rankdata(np.where(np.isnan(values), np.nanmedian(values) if not np.isnan(values).all() else 0, values))
        spread = np.square(ranks - ranks.mean()).sum()
        strength[column] = abs(goal @ (ranks - ranks.mean())) / np.sqrt(spread) if spread else 0.0
    return int(strength.argmax())


ALGORITHM = Baseline()
