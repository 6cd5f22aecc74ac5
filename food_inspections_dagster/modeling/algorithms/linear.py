"""Linear models over preprocessed columns, which algorithms share."""

from typing import Any

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import Pipeline

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.inputs import Design, Inputs
from food_inspections_dagster.modeling.algorithms.preprocessing import as_classes


def fit_logistic(
    scaled: np.ndarray, target: np.ndarray, C: float, max_iter: int, balance: str = "none"
) -> LogisticRegression:
    """Fit by L-BFGS, which draws nothing at random, in float32, which takes it a third of the time.

    Raises:
        FoodInspectionsError: where it did not converge.
    """
    rows, label, weights = as_classes(scaled, target, balance)
    model = LogisticRegression(C=C, max_iter=max_iter)
    model.fit(rows, label, weights)
    # Not by turning the warning into an error: warnings' filters belong to all threads of the process.
    if int(model.n_iter_[0]) >= max_iter:
        raise FoodInspectionsError("The logistic regression did not converge: raise its parameter max_iter or lower C.")
    return model


def total(pipeline: Pipeline, scaled: np.ndarray) -> np.ndarray:
    """Return the linear predictor, float64 (rows,).

    Terms are added column by column: in a matrix product the last bits of a row depend on the other rows.
    """
    weights, intercept = coefficients(pipeline)
    values = np.full(len(scaled), intercept)
    for column, weight in zip(scaled.T, weights, strict=True):
        values += column * weight
    return values


def contributions(pipeline: Pipeline, design: Design, inputs: Inputs) -> np.ndarray:
    """Return coefficient times distance from the training mean, by column of the design, float64 (rows, columns)."""
    prepare = pipeline["prepare"]
    distance = prepare.transform(design, inputs) - prepare.centre_
    return by_column(pipeline, distance, prepare.origin_, len(design.owners))


def by_column(pipeline: Pipeline, distance: np.ndarray, origins: np.ndarray, columns: int) -> np.ndarray:
    """Add coefficient times distance (rows, outputs) to the column that each output was made from."""
    weights, _ = coefficients(pipeline)
    terms = np.zeros((len(distance), columns))
    for column, weight, origin in zip(distance.T, weights, origins, strict=True):
        terms[:, origin] += column * weight
    return terms


def coefficients(pipeline: Pipeline) -> tuple[np.ndarray, Any]:
    """Return the weights, float64 (outputs,), and the intercept."""
    model = pipeline["model"]
    return np.ravel(model.coef_).astype(np.float64), np.float64(np.ravel(model.intercept_)[0])
