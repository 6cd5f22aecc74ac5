"""Temporal splits: which weeks a model learns from and which weeks it is judged on.

With 13-week updates, the list for the week of 2012-04-09 was made by the fit at anchor
``anchor_of(2012-04-02)`` = 2012-04-02, which saw weeks up to and including 2012-04-02. So the rows of
2012-04-09 are out of sample for it, and they are the rows of that week on which it is judged.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date

import numpy as np
import pandas as pd

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.rules import Schedule, ValidationRule
from food_inspections_dagster.weeks import WEEK


def anchor_of(week: date, schedule: Schedule) -> date | None:
    """Return the newest anchor at or before ``week``, or None where the calendar has not begun."""
    if week < schedule.first_week:
        return None
    weeks = (week - schedule.first_week).days // 7
    return schedule.first_week + WEEK * (weeks - weeks % schedule.update_weeks)


def backtest_anchor_of(week: date, schedule: Schedule) -> date | None:
    """Return the anchor of the model in force when the list for ``week`` was made, a week before."""
    return anchor_of(week - WEEK, schedule)


def training_window(anchor: date, schedule: Schedule) -> tuple[date, date]:
    """Return the first and last week, both included, of the rows that the fit at ``anchor`` learns from."""
    first = anchor - WEEK * (schedule.training_window_weeks - 1)
    return max(first, schedule.first_week), anchor


def evaluation_window(week: date, weeks: int) -> tuple[date, date]:
    """Return the first and last of the ``weeks`` weeks that end with ``week``."""
    return week - WEEK * (weeks - 1), week


def calibration_window(anchor: date, schedule: Schedule) -> tuple[date, date]:
    """Return the first and last week, both included, whose out-of-sample scores calibrate the fit at ``anchor``."""
    return anchor - WEEK * (schedule.calibration_weeks - 1), anchor


def anchors_before(anchor: date, schedule: Schedule) -> list[date]:
    """Return the anchors, ascending, of the fits that scored weeks of the calibration window of ``anchor``.

    A fit is in force for the lists of the ``update_weeks`` weeks that follow it.
    """
    first = max(calibration_window(anchor, schedule)[0], schedule.first_week + WEEK)
    weeks = range((anchor - first).days // 7 + 1)
    anchors = {backtest_anchor_of(first + number * WEEK, schedule) for number in weeks}
    return sorted(a for a in anchors if a is not None and a < anchor)


def chain_start(anchor: date, schedule: Schedule, chained_fits: int) -> date:
    """Return the anchor at which the chain of fits begins that the one at ``anchor`` is in.

    Chains begin at the first anchor of the calendar and at every ``chained_fits``-th after it, whatever rows there are.
    """
    number = (anchor - schedule.first_week).days // 7 // schedule.update_weeks
    return anchor - WEEK * (number % chained_fits * schedule.update_weeks)


def weeks_needed(weeks: Sequence[date], schedule: Schedule, chained_fits: int = 1) -> tuple[date, date]:
    """Return the first and last week whose feature rows the models of ``weeks`` need."""
    anchor = anchor_of(min(weeks), schedule)
    if anchor is None:
        return min(weeks), max(weeks)
    oldest = next(iter(anchors_before(anchor, schedule)), anchor)
    return training_window(chain_start(oldest, schedule, chained_fits), schedule)[0], max(weeks)


def weeks_back(schedule: Schedule, chained_fits: int = 1) -> int:
    """Return the most weeks, its own included, that the models of one week learn from and are calibrated on."""
    carried = calibrated = schedule.update_weeks - 1
    chained = (chained_fits - 1) * schedule.update_weeks
    return carried + calibrated + chained + schedule.calibration_weeks + schedule.training_window_weeks


def needed_anchors(weeks: Sequence[date], schedule: Schedule) -> list[date]:
    """Return the anchors, ascending, of the models that ``weeks`` carry."""
    anchors = {anchor_of(week, schedule) for week in weeks}
    return sorted(a for a in anchors if a is not None)


def audited_anchors(weeks: Sequence[date], schedule: Schedule) -> list[date]:
    """Return those of some weeks in which models are fitted, and so selected and audited, ascending."""
    return sorted({week for week in weeks if anchor_of(week, schedule) == week})


@dataclass(frozen=True)
class Period:
    """A test period: weeks on which the model groups of an anchor are judged, ``first`` to ``last``, both included.

    The first is the week after the anchor: its list is the first that the new models make. A period that is longer than
    ``update_weeks`` goes on with the models of the anchors that follow, as the lists did.
    """

    anchor: date
    first: date
    last: date

    @property
    def weeks(self) -> int:
        return (self.last - self.first).days // 7 + 1


def periods_ending(weeks: Sequence[date], schedule: Schedule, validation: ValidationRule) -> list[Period]:
    """Return the test periods that end in one of ``weeks``, by their last week and length.

    A period is evaluated in the partition of its last week. With fits and periods of 13 weeks each, every week from the
    one after the first anchor is in exactly one.
    """
    periods = []
    for last in sorted(set(weeks)):
        for duration in sorted(validation.test_durations):
            anchor = last - WEEK * duration
            if anchor == anchor_of(anchor, schedule):
                periods.append(Period(anchor, anchor + WEEK, last))
    return periods


def temporal_config(schedule: Schedule, validation: ValidationRule) -> dict[str, object]:
    """Return the calendar in triage's vocabulary, as its ``temporal_config`` section."""
    return {
        "feature_start_time": schedule.first_week.isoformat(),
        "label_start_time": schedule.first_week.isoformat(),
        "model_update_frequency": f"{schedule.update_weeks}week",
        "max_training_histories": [f"{schedule.training_window_weeks}week"],
        "training_as_of_date_frequencies": ["1week"],
        "training_label_timespans": [validation.label_timespan],
        "test_as_of_date_frequencies": ["1week"],
        "test_durations": [f"{weeks}week" for weeks in validation.test_durations],
        "test_label_timespans": [validation.label_timespan],
    }


def assert_no_overlap(training: pd.DataFrame, scored: pd.DataFrame) -> None:
    """Check on the rows themselves, not on the schedule, that every scored row comes after every training
    row.

    Args:
        training, scored: rows with ``inspection_id`` and ``inspection_date``.

    Raises:
        FoodInspectionsError: where a training row is as late as the first scored one, or in both.
    """
    if training.empty or scored.empty:
        return
    newest, oldest = frames.days(training["inspection_date"]).max(), frames.days(scored["inspection_date"]).min()
    if newest >= oldest:
        raise FoodInspectionsError(
            f"A model was about to be judged on rows of {oldest} although it had learnt from rows "
            f"up to {newest}: the temporal split is broken, so nothing was kept; "
            "report this with your settings."
        )
    both = np.intersect1d(
        training["inspection_id"].to_numpy(dtype="int64"), scored["inspection_id"].to_numpy(dtype="int64")
    )
    if both.size:
        raise FoodInspectionsError(
            f"Inspection {both[0]} (and {both.size - 1} more) is both a training row and a scored row: "
            "the feature matrix holds it under two weeks; materialise inspections and feature_matrix again."
        )
