"""Cross-validation inside a training window, beside the temporal split: how much do folds differ by chance?

Folds mix past and future, so they judge recipes against each other, never what a list will find.
"""

import math
from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
from sklearn.model_selection import StratifiedGroupKFold

from food_inspections_dagster import schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.metrics import Estimate
from food_inspections_dagster.modeling.schemas import CROSS_VALIDATIONS
from food_inspections_dagster.modeling.segments import Groups, Placed, Segments, calibration_error

#: Fits on rows at the first positions and scores those at the second: float64, probabilities.
FitPredict = Callable[[np.ndarray, np.ndarray], np.ndarray]


def folds_of(
    label: np.ndarray, establishment: np.ndarray, folds: int, seed: int
) -> list[tuple[np.ndarray, np.ndarray]]:
    """Return positions to fit on and to judge, by fold: shares of the label alike, each establishment on one side.

    Args:
        label: bool (rows,).
        establishment: integers (rows,).

    Raises:
        FoodInspectionsError: where there are fewer establishments with a positive, or with a negative row, than folds.
    """
    for value, words in ((True, "a positive"), (False, "a negative")):
        several = len(np.unique(establishment[label == value]))
        if several < folds:
            raise FoodInspectionsError(
                f"{folds} folds need as many establishments with {words} row, and there are {several}: "
                "ask for fewer folds, or for a longer training window."
            )
    splitter = StratifiedGroupKFold(folds, shuffle=True, random_state=seed)
    return list(splitter.split(np.empty((len(label), 0)), label, establishment))


def cross_validate(
    fit_predict: FitPredict,
    label: np.ndarray,
    establishment: np.ndarray,
    week: date,
    label_name: str,
    model_group: str,
    folds: int = 5,
    seed: int = 20100104,
    confidence: float = 0.95,
    bins: int = 10,
) -> pd.DataFrame:
    """Judge a recipe on stratified folds of a training window.

    Args:
        fit_predict: gets positions to fit on and to judge, and returns the scores of the second.
        label, establishment: of the rows of the window, see ``folds_of``.
        week: Monday of the fit.

    Returns:
        rows of CROSS_VALIDATIONS, one per fold.
    """
    records = []
    for fold, (fit_on, judged) in enumerate(folds_of(label, establishment, folds, seed), start=1):
        score = np.asarray(fit_predict(fit_on, judged), dtype=np.float64)
        truth, of = label[judged], np.unique(establishment[judged], return_inverse=True)[1]
        auc = Estimate.of(
            metrics.roc_auc(score, truth), metrics.clustered_auc_se(score, truth, of), confidence, (0.0, 1.0)
        )
        segments = Segments.of([np.arange(len(judged))], of)
        placed = Placed.of(
            Groups.of(segments, None, np.zeros(len(judged), dtype=np.int64)), np.unique(score, return_inverse=True)[1]
        )
        free = metrics.threshold_free(score, truth)
        records.append(
            {
                "week": week,
                "label": label_name,
                "model_group": model_group,
                "fold": fold,
                "training_rows": len(fit_on),
                "rows": len(judged),
                "positives": int(truth.sum()),
                "establishments": int(segments.clusters[0]),
                "roc_auc_low": auc.low,
                "roc_auc_high": auc.high,
                "calibration_error": float(calibration_error(placed, score, truth, bins)[0]),
                **{name: math.nan if value is None else value for name, value in free.items()},
            }
        )
    return schemas.typed(pd.DataFrame.from_records(records), CROSS_VALIDATIONS)
