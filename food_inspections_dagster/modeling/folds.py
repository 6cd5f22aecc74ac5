"""Model groups on stratified folds of a training window, beside the temporal split."""

from collections.abc import Sequence
from datetime import date

import numpy as np
import pandas as pd

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.modeling import algorithms
from food_inspections_dagster.modeling.calibration import Calibration
from food_inspections_dagster.modeling.resampling import cross_validate
from food_inspections_dagster.modeling.rules import Schedule, Target, ValidationRule
from food_inspections_dagster.modeling.schemas import CROSS_VALIDATIONS
from food_inspections_dagster.modeling.splits import audited_anchors, training_window
from food_inspections_dagster.modeling.training import Recipe, TrainingRows


def folded_anchors(weeks: Sequence[date], schedule: Schedule, rule: ValidationRule) -> list[date]:
    """Return those of some weeks in which models are fitted whose training window is folded, ascending."""
    every = schedule.update_weeks * rule.folds_every_fits
    return [a for a in audited_anchors(weeks, schedule) if (a - schedule.first_week).days // 7 % every == 0]


def fold_recipes(
    recipes: Sequence[Recipe], schedule: Schedule, rows: TrainingRows, weeks: Sequence[date], rule: ValidationRule
) -> pd.DataFrame:
    """Return ``CROSS_VALIDATIONS`` of the training windows that end in some weeks.

    A window with fewer rows than a fit needs, or fewer establishments of a class than folds, has no rows here.

    Args:
        rows: of all training windows, with the features of the recipes.
    """
    tables = [schemas.empty(CROSS_VALIDATIONS)]
    for anchor in folded_anchors(weeks, schedule, rule):
        window = rows.span(*training_window(anchor, schedule))
        if window.stop - window.start < schedule.min_training_rows:
            continue
        establishment = frames.codes(rows.frame["establishment_id"].iloc[window])
        for recipe in recipes:
            for target in recipe.targets:
                label = rows.outcomes[target.label][window]
                if min(len(np.unique(establishment[label == value])) for value in (True, False)) >= rule.folds:
                    fold = _Fold(recipe, target, rows, window)
                    table = cross_validate(
                        fold,
                        label,
                        establishment,
                        anchor,
                        target.label,
                        recipe.spec.name,
                        rule.folds,
                        recipe.spec.seed,
                        rule.confidence,
                        rule.calibration_bins,
                    )
                    tables.append(table)
    return pd.concat(tables, ignore_index=True)


class _Fold:
    """Fits a recipe on some rows of a window, and gives the probabilities of others."""

    def __init__(self, recipe: Recipe, target: Target, rows: TrainingRows, window: slice) -> None:
        self.recipe = recipe
        self.inputs = rows.inputs.take(window).select(recipe.features)
        self.goal = rows.target(target, window)
        self.label = rows.outcomes[target.label][window]

    def __call__(self, fit_on: np.ndarray, judged: np.ndarray) -> np.ndarray:
        algorithm = algorithms.algorithm(self.recipe.spec.algorithm)
        learnt = self.inputs.take(fit_on)
        design, fitted = algorithms.fit(self.recipe.spec, learnt, self.goal[fit_on])
        level = Calibration.of_level(algorithm.predict(fitted, design, learnt), self.label[fit_on])
        return level.probability(algorithm.predict(fitted, design, self.inputs.take(judged)))
