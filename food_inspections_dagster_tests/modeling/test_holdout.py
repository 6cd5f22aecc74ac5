from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.holdout import Holdout, score_holdout
from food_inspections_dagster.modeling.persistence import answers, load
from food_inspections_dagster.modeling.rules import LABELS, AlgorithmSpec, Features, Schedule
from food_inspections_dagster.modeling.schemas import ANSWERS, BACKTEST_SCORES
from food_inspections_dagster.modeling.splits import anchor_of
from food_inspections_dagster.modeling.training import train
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.modeling.cases import CRITICAL, FAILED, recipe, training_rows

FEATURES: Features = (("rate", "numeric"), ("sparse", "numeric"), ("kind", "categorical"))
#: A Wednesday and a Thursday.
HOLDOUT = Holdout(date(2010, 11, 17), date(2010, 12, 30))
GROUPS = ("logistic_regression", "knn", "xgboost")


def _score(
    specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame, holdout: Holdout = HOLDOUT
) -> pd.DataFrame:
    recipes = [recipe(specs[name], FEATURES, FAILED, CRITICAL) for name in GROUPS]
    return score_holdout(holdout, recipes, schedule, training_rows(rows, FEATURES, schedule), 0.5, "v1")


@pytest.fixture(scope="module")
def scores(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> pd.DataFrame:
    return _score(specs, schedule, rows)


@given(day=st.dates(date(2011, 1, 1), date(2020, 1, 1)), update=st.integers(1, 30))
@settings(deadline=None)
def test_there_is_a_fit_at_the_last_week_that_had_ended(day: date, update: int) -> None:
    holdout, schedule = Holdout(day, day + timedelta(days=60)), Schedule(update_weeks=update)
    anchor, calendar = holdout.anchor, holdout.schedule(schedule)
    assert anchor.weekday() == 0
    assert anchor + timedelta(days=6) <= day < anchor + timedelta(days=13)
    assert anchor_of(anchor, calendar) == anchor
    assert schedule.first_week <= calendar.first_week < schedule.first_week + WEEK * update
    assert replace(calendar, first_week=schedule.first_week) == schedule
    first, last = holdout.weeks(schedule)
    assert last <= holdout.test_until < last + WEEK
    # Calibrating fits begin earlier still, but nothing before the calendar is read.
    assert calendar.first_week <= first <= max(calendar.first_week, anchor - WEEK * schedule.training_window_weeks)


def test_a_test_that_ends_before_it_begins_is_refused() -> None:
    for until in (date(2014, 8, 31), date(2014, 8, 1)):
        with pytest.raises(FoodInspectionsError, match=f"ends on {until}, before it begins"):
            Holdout(date(2014, 8, 31), until)


def test_every_inspection_of_the_period_is_scored_and_no_other(scores: pd.DataFrame, rows: pd.DataFrame) -> None:
    schemas.validated(BACKTEST_SCORES, scores)
    day = rows["inspection_date"]
    inside = rows.loc[(day > HOLDOUT.train_until) & (day <= HOLDOUT.test_until)].set_index("inspection_id")
    days = frames.days(inside["inspection_date"])
    assert days.min() == np.datetime64("2010-11-18") and days.max() == np.datetime64("2010-12-30")
    assert len(scores) == len(inside) * len(GROUPS) * len(LABELS)
    for (_, label), part in scores.groupby(["model_group", "label"]):
        assert sorted(part["inspection_id"]) == sorted(inside.index)
        assert part["outcome"].tolist() == inside.loc[part["inspection_id"], str(label)].tolist()
        assert part["model_id"].nunique() == 1


@pytest.mark.parametrize("name", GROUPS)
def test_one_fit_up_to_the_day_scores_all(
    name: str, scores: pd.DataFrame, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    of = recipe(specs[name], FEATURES, FAILED, CRITICAL)
    calendar = HOLDOUT.schedule(schedule)
    trained = train(of, calendar, training_rows(rows, FEATURES, schedule), [HOLDOUT.anchor], "v1")
    models = [load(trained.models[str(entry.model_id)]) for entry in trained.weeks]
    for model in models:
        assert model.card["training_window"]["last_week"] == "2010-11-08" == HOLDOUT.anchor.isoformat()
        assert model.calibration.basis == "earlier fits"
    part = scores.loc[(scores["model_group"] == name) & (scores["label"] == "failed")]
    asked = rows.set_index("inspection_id", drop=False).loc[part["inspection_id"]]
    for model, of_model in zip(models, answers(models, Inputs.of(asked, FEATURES), 0.5), strict=True):
        mine = scores.loc[(scores["model_group"] == name) & (scores["label"] == model.card["label"])]
        assert (mine["model_id"] == model.model_id).all()
        for answer in ANSWERS:
            assert np.array_equal(mine[answer].to_numpy(), getattr(of_model, answer))


def test_nothing_that_is_dated_after_the_fit_reaches_it(
    scores: pd.DataFrame, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    later = rows["week"] > HOLDOUT.anchor
    flipped = {label: rows[label].where(~later, ~rows[label]) for label in LABELS}
    changed = _score(specs, schedule, rows.assign(**flipped))
    assert (changed["outcome"] != scores["outcome"]).all()
    pd.testing.assert_frame_equal(changed.drop(columns="outcome"), scores.drop(columns="outcome"), check_exact=True)


def test_the_weeks_that_are_named_are_enough(
    scores: pd.DataFrame, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    first, last = HOLDOUT.weeks(schedule)
    needed = rows.loc[(rows["week"] >= first) & (rows["week"] <= last)]
    pd.testing.assert_frame_equal(_score(specs, schedule, needed), scores, check_exact=True)


def test_nothing_to_test_and_nothing_to_learn_are_said(
    specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    with pytest.raises(FoodInspectionsError, match="No inspection lies after 2012-01-01 and up to 2012-03-01"):
        _score(specs, schedule, rows, Holdout(date(2012, 1, 1), date(2012, 3, 1)))
    with pytest.raises(
        FoodInspectionsError, match="logistic_regression cannot learn failed until 2010-01-17: 60 training rows"
    ):
        _score(specs, schedule, rows, Holdout(date(2010, 1, 17), date(2010, 3, 1)))
