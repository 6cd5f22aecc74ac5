from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.modeling.folds import fold_recipes, folded_anchors
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule, ValidationRule
from food_inspections_dagster.modeling.schemas import CROSS_VALIDATIONS
from food_inspections_dagster.schemas import validated
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.cases import CRITICAL, FAILED, recipe, training_rows

FEATURES: Features = (("rate", "numeric"), ("failures", "numeric"), ("kind", "categorical"))
RULE = ValidationRule(folds=3, folds_every_fits=2)
WEEKS = week_range(date(2010, 1, 4), date(2011, 2, 21))
#: Every second fit of the calendar; the window of the first, 2010-01-04, has too few rows.
FOLDED = [date(2010, 7, 5), date(2011, 1, 3)]
RIDGE = AlgorithmSpec("ridge", "ridge", {"alpha": 100.0})
CHANCE = AlgorithmSpec("chance", "baseline", {"feature": "noise"})


def _folded(
    rows: pd.DataFrame, schedule: Schedule, rule: ValidationRule = RULE, spec: AlgorithmSpec = RIDGE
) -> pd.DataFrame:
    features = (*FEATURES, ("noise", "numeric"))
    recipes = [recipe(spec, features, FAILED, CRITICAL)]
    return fold_recipes(recipes, schedule, training_rows(rows, features, schedule), WEEKS, rule)


@pytest.fixture(scope="module")
def folded(rows: pd.DataFrame, schedule: Schedule) -> pd.DataFrame:
    return _folded(rows, schedule)


def test_training_windows_are_folded_at_every_so_many_fits(schedule: Schedule) -> None:
    assert folded_anchors(WEEKS, schedule, RULE) == [date(2010, 1, 4), *FOLDED]
    assert folded_anchors(WEEKS[::-1], schedule, RULE) == [date(2010, 1, 4), *FOLDED]
    every = folded_anchors(WEEKS, schedule, replace(RULE, folds_every_fits=1))
    assert every == [date(2010, 1, 4) + 13 * at * WEEK for at in range(5)]
    # They depend on the calendar, not on the weeks that are asked for with them.
    assert folded_anchors(WEEKS[14:40], schedule, RULE) == FOLDED[:1]
    assert folded_anchors(WEEKS[1:13], schedule, RULE) == []


def test_each_fold_of_each_label_and_window_has_a_row(folded: pd.DataFrame) -> None:
    assert len(validated(CROSS_VALIDATIONS, folded)) == len(folded)
    key = list(folded[["week", "label", "model_group", "fold"]].itertuples(index=False, name=None))
    labels = ("failed", "critical_violation")
    assert key == [(week, label, "ridge", fold) for week in FOLDED for label in labels for fold in (1, 2, 3)]


def test_folds_part_the_window_by_establishment_and_share_the_positives(
    folded: pd.DataFrame, rows: pd.DataFrame
) -> None:
    for (week, label), folds in folded.groupby(["week", "label"]):
        window = rows.loc[(rows["week"] > week - 26 * WEEK) & (rows["week"] <= week)]
        assert folds["rows"].sum() == len(window) and folds["positives"].sum() == window[label].sum()
        assert (folds["rows"] + folds["training_rows"] == len(window)).all()
        # Were an establishment in two folds, it would be counted in both.
        assert folds["establishments"].sum() == window["establishment_id"].nunique()
        share = (folds["positives"] / folds["rows"]).to_numpy(float)
        assert share == pytest.approx(np.full(3, window[label].mean()), abs=0.01)


def test_the_same_rows_give_the_same_folds_in_any_order(
    folded: pd.DataFrame, rows: pd.DataFrame, schedule: Schedule
) -> None:
    again = _folded(rows.sample(frac=1, random_state=2), schedule)
    pd.testing.assert_frame_equal(again, folded, check_exact=True)
    other = _folded(rows, schedule, spec=replace(RIDGE, seed=1))
    assert other["positives"].sum() == folded["positives"].sum() and not other["roc_auc"].equals(folded["roc_auc"])


def test_what_is_learnt_outside_of_a_fold_tells_who_fails_in_it(
    folded: pd.DataFrame, rows: pd.DataFrame, schedule: Schedule
) -> None:
    learnt = folded.loc[folded["label"] == "failed"]
    assert (learnt["roc_auc"] > 0.65).all() and (learnt["calibration_error"] < 0.1).all()
    chance = _folded(rows, schedule, spec=CHANCE)
    assert (chance["roc_auc"] < 0.57).all() and set(chance["model_group"]) == {"chance"}


def test_an_establishment_is_judged_by_what_others_taught(rows: pd.DataFrame, schedule: Schedule) -> None:
    """Five rows alike of one place, the outcome of places by chance: only who saw the place could tell it."""
    rng = np.random.default_rng(4)
    place = np.arange(len(rows)) // 5
    noise, fails = rng.normal(size=len(rows))[place], (rng.random(len(rows)) < 0.3)[place]
    changed = rows.assign(
        establishment_id=pd.Series([f"P{p}" for p in place], rows.index).astype(rows["establishment_id"].dtype),
        noise=pd.Series(noise, rows.index).astype(rows["noise"].dtype),
        failed=pd.Series(fails, rows.index).astype(rows["failed"].dtype),
    )
    knn = AlgorithmSpec("knn", "knn", {"n_neighbors": 5, "selected_columns": 1, "components": 1})
    features: Features = (("noise", "numeric"),)
    inputs = training_rows(changed, features, schedule)
    table = fold_recipes([recipe(knn, features)], schedule, inputs, WEEKS, RULE)
    assert len(table) == 6 and table["roc_auc"].mean() == pytest.approx(0.5, abs=0.06)


def test_a_window_with_too_few_rows_or_positive_establishments_is_left_out(
    rows: pd.DataFrame, schedule: Schedule
) -> None:
    many = _folded(rows, replace(schedule, min_training_rows=10_000))
    assert many.empty and len(validated(CROSS_VALIDATIONS, many)) == 0
    # Two establishments fail, and three folds are asked for; the other label has enough.
    two = rows["establishment_id"].isin(["L1", "L2"])
    rare = rows.assign(failed=two.astype(rows["failed"].dtype))
    assert set(_folded(rare, schedule)["label"]) == {"critical_violation"}


def test_intervals_and_bins_are_those_of_the_rule(folded: pd.DataFrame, rows: pd.DataFrame, schedule: Schedule) -> None:
    other = _folded(rows, schedule, replace(RULE, confidence=0.5, calibration_bins=2))
    assert other["roc_auc"].equals(folded["roc_auc"])
    assert (other["roc_auc_low"] > folded["roc_auc_low"]).all()
    assert (other["roc_auc_high"] < folded["roc_auc_high"]).all()
    assert not other["calibration_error"].equals(folded["calibration_error"])
