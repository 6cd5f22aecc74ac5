"""Logistic regression over scaled columns, which algorithms share."""

from typing import Any

import numpy as np
from scipy.special import expit
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.scaling import Scaling


def fit(scaling: Scaling, matrix: np.ndarray, label: np.ndarray, C: float, max_iter: int) -> Pipeline:
    """Fit by L-BFGS, which draws nothing at random, in float32, which takes it a third of the time.

    Raises:
        FoodInspectionsError: where it did not converge.
    """
    model = LogisticRegression(C=C, max_iter=max_iter)
    model.fit(scaling.fit_transform(matrix), label)
    # Not by turning the warning into an error: warnings' filters belong to all threads of the process.
    if int(model.n_iter_[0]) >= max_iter:
        raise FoodInspectionsError("The logistic regression did not converge: raise its parameter max_iter or lower C.")
    return Pipeline([("scale", scaling), ("model", model)])


def predict(pipeline: Pipeline, matrix: np.ndarray) -> np.ndarray:
    """Return probabilities, float64 (rows,).

    Terms are added column by column: in a matrix product the last bits of a row depend on the other rows.
    """
    weights, intercept = _coefficients(pipeline)
    total = np.full(len(matrix), intercept)
    for column, weight in zip(pipeline["scale"].transform(matrix).T, weights, strict=True):
        total += column * weight
    return np.asarray(expit(total))


def contributions(pipeline: Pipeline, matrix: np.ndarray) -> np.ndarray:
    """Return coefficient times distance from the training mean, by column, float64 (rows, columns)."""
    weights, _ = _coefficients(pipeline)
    scaling = pipeline["scale"]
    terms = np.zeros(matrix.shape)
    for column, weight, origin in zip(scaling.transform(matrix).T, weights, scaling.origin_, strict=True):
        terms[:, origin] += column * weight
    return terms


def _coefficients(pipeline: Pipeline) -> tuple[np.ndarray, Any]:
    model = pipeline["model"]
    return model.coef_[0].astype(np.float64), np.float64(model.intercept_[0])
