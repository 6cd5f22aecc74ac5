"""Fit once up to a day, and score what followed until another: how the City evaluated its model.

train until 2014-08-31   rows of weeks that had ended by then; calibrated on the year before, as always
test  until 2014-10-31   every inspection from 2014-09-01 on, with features as of the Monday of its week
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms.threads import one_blas_thread
from food_inspections_dagster.modeling.persistence import answers, load
from food_inspections_dagster.modeling.rules import Schedule
from food_inspections_dagster.modeling.schemas import BACKTEST_SCORES
from food_inspections_dagster.modeling.splits import weeks_needed
from food_inspections_dagster.modeling.training import Recipe, TrainingRows, train
from food_inspections_dagster.weeks import WEEK, monday


@dataclass(frozen=True)
class Holdout:
    """A test period: the days after ``train_until`` up to ``test_until``, both dates included where they end."""

    train_until: date
    test_until: date

    def __post_init__(self) -> None:
        if self.test_until <= self.train_until:
            raise FoodInspectionsError(
                f"The test ends on {self.test_until}, before it begins (after {self.train_until}): give a later day."
            )

    @property
    def anchor(self) -> date:
        """The newest week that had ended by ``train_until``."""
        return monday(self.train_until + timedelta(days=1)) - WEEK

    def schedule(self, schedule: Schedule) -> Schedule:
        """Return a calendar of fits that has one at ``anchor``."""
        weeks = (self.anchor - schedule.first_week).days // 7
        return replace(schedule, first_week=schedule.first_week + WEEK * (weeks % schedule.update_weeks))

    def weeks(self, schedule: Schedule, chained_fits: int = 1) -> tuple[date, date]:
        """Return the first and last week of rows that fits and tests read."""
        return weeks_needed([self.anchor], self.schedule(schedule), chained_fits)[0], monday(self.test_until)


def score_holdout(
    holdout: Holdout,
    recipes: Sequence[Recipe],
    schedule: Schedule,
    rows: TrainingRows,
    surroundings: float,
    code_version: str,
) -> pd.DataFrame:
    """Return the columns of ``BACKTEST_SCORES`` of the test period's inspections.

    Args:
        holdout: the days.
        recipes: the model groups to compare.
        schedule: training window and calibration; its calendar is moved so that there is a fit at the last week before
            the test.
        rows: of the weeks that ``Holdout.weeks`` names.
        surroundings: their weight in the priority; see ``persistence.answers``.
        code_version: part of the models' identity.

    Raises:
        FoodInspectionsError: where there is nothing to test, or too little to learn from.
    """
    dates = frames.days(rows.frame["inspection_date"])
    inside = (dates > np.datetime64(holdout.train_until)) & (dates <= np.datetime64(holdout.test_until))
    at = np.flatnonzero(inside)
    if not len(at):
        raise FoodInspectionsError(
            f"No inspection lies after {holdout.train_until} and up to {holdout.test_until}: choose other days."
        )
    calendar, asked = holdout.schedule(schedule), rows.inputs.take(at)

    of_rows = rows.frame.iloc[at]
    parts = []
    for recipe in recipes:
        trained = train(recipe, calendar, rows, [holdout.anchor], code_version)
        absent = next((entry for entry in trained.weeks if entry.model_id is None), None)
        if absent is not None:
            raise FoodInspectionsError(
                f"{recipe.spec.name} cannot learn {absent.label} until {holdout.train_until}: {absent.reason}."
            )
        models = [load(trained.models[str(entry.model_id)]) for entry in trained.weeks]
        with one_blas_thread():
            scores = answers(models, asked, surroundings)
        for entry, of_model in zip(trained.weeks, scores, strict=True):
            texts = {"model_group": recipe.spec.name, "label": entry.label, "model_id": str(entry.model_id)}
            columns = {
                **{name: of_rows[name] for name in of_rows.columns},
                **{name: pa.array([text] * len(at), pa.string()) for name, text in texts.items()},
                **of_model._asdict(),
                "outcome": rows.outcomes[entry.label][at],
            }
            parts.append(frames.table(columns, schemas.arrow_types(BACKTEST_SCORES)))
    return pd.concat(parts, ignore_index=True)
