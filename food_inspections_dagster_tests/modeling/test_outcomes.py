import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.metrics import Estimate
from food_inspections_dagster.modeling.outcomes import judge, outcomes
from food_inspections_dagster.modeling.production import InUse
from food_inspections_dagster.modeling.rules import MonitoringRule
from food_inspections_dagster.modeling.schemas import ABOVE_PROMISE, AS_PROMISED, BELOW_PROMISE, OUTCOMES, TOO_FEW
from food_inspections_dagster.modeling.segments import Groups, Placed, Segments, calibration_error
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.conftest import FIRST, make_rows
from food_inspections_dagster_tests.modeling.production_cases import (
    decisions_of,
    production_of,
    promised,
    scores_of,
)

RULE = MonitoringRule(window_weeks=8, subset_attributes=("facility_type",), min_subset_rows=30, min_rows=100)
WEEKS = week_range(FIRST, FIRST + 59 * WEEK)
ANCHORS = {FIRST + 12 * WEEK: "baseline", FIRST + 25 * WEEK: "ridge"}
LATE, CAPACITY = FIRST + 50 * WEEK, 0.25


def made_of(rows, schedule, weeks=WEEKS, promise=None, scores=None, rule=RULE):
    decisions = decisions_of(WEEKS, schedule, ANCHORS, promise)
    return outcomes(production_of(rows, schedule, decisions, scores), weeks, rule, schedule, CAPACITY)


@pytest.fixture(scope="module")
def table(rows, schedule):
    return made_of(rows, schedule)


def row_of(table, week, label="failed", kind="all", name="all"):
    at = (
        (table["week"] == week) & (table["label"] == label) & (table["subset_kind"] == kind) & (table["subset"] == name)
    )
    (row,) = table[at].to_dict("records")
    return row


def window_of(rows, week, weeks=8):
    days = frames.days(rows["week"])
    here = (days <= np.datetime64(week)) & (days > np.datetime64(week - weeks * WEEK))
    return rows[here].sort_values(["week", "inspection_id"])


def scored(window, label="failed"):
    return np.clip(window["rate"].to_numpy(dtype=float), 0.01, 0.99), window[label].to_numpy(dtype=bool)


def test_it_keeps_its_schema_and_begins_with_the_first_list(table):
    assert len(schemas.validated(OUTCOMES, table))
    assert min(table["week"]) == FIRST + 13 * WEEK and max(table["week"]) == WEEKS[-1]


def test_the_week_is_counted_and_so_is_the_window(table, rows):
    row, week, window = row_of(table, LATE), window_of(rows, LATE, 1), window_of(rows, LATE)
    assert (row["inspections"], row["found"]) == (len(week), week["failed"].sum())
    assert row["expected"] == pytest.approx(scored(week)[0].sum())
    assert (row["window_inspections"], row["window_found"]) == (len(window), window["failed"].sum())
    assert row["predicted_share"] == pytest.approx(scored(window)[0].mean())
    assert row["found_share"] == pytest.approx(window["failed"].mean())
    assert row["gap"] == pytest.approx(row["predicted_share"] - row["found_share"])
    assert row["gap_low"] < row["gap"] < row["gap_high"]
    assert row["window_first"] == LATE - 7 * WEEK and row["decided"] == FIRST + 25 * WEEK


@pytest.mark.parametrize("label", ["failed", "critical_violation"])
def test_auc_and_calibration_are_those_of_the_libraries(table, rows, label):
    row, window = row_of(table, LATE, label), window_of(rows, LATE)
    score, outcome = scored(window, label)
    assert row["roc_auc"] == pytest.approx(roc_auc_score(outcome, score))
    cluster = frames.codes(window["establishment_id"])
    reach = metrics.z_of(0.95) * metrics.clustered_auc_se(score, outcome, cluster)
    assert row["roc_auc_high"] - row["roc_auc"] == pytest.approx(reach)
    segments = Segments.of([np.arange(len(window))], cluster)
    days = frames.days(window["inspection_date"]).astype(int)
    rank = np.unique(score, return_inverse=True)[1]
    placed = Placed.of(Groups.of(segments, None, days), rank)
    assert row["calibration_error"] == pytest.approx(calibration_error(placed, score, outcome)[0])


def test_precision_is_that_of_the_weekly_lists_and_days_earlier_that_of_the_window(table, rows):
    row, window = row_of(table, LATE), window_of(rows, LATE)
    score, outcome = scored(window)
    starts = np.unique(frames.days(window["week"]), return_index=True)[1]
    listed = metrics.list_probability(score, starts, CAPACITY)
    assert row["precision_at_k"] == pytest.approx(metrics.top_k(listed, outcome, starts).precision)
    assert row["list_precision_at_k"] == row["precision_at_k"], "this priority has the same order"
    days = frames.days(window["inspection_date"]).astype(int)
    earlier = metrics.Slots.of(days).reordered(score).days_earlier
    assert row["mean_days_earlier"] == pytest.approx(earlier[outcome].mean())
    of_week = frames.days(window["week"]) == np.datetime64(LATE)
    assert row["listed"] == pytest.approx(listed[of_week].sum())
    assert row["listed_found"] == pytest.approx((listed * outcome)[of_week].sum())
    kind = (window["facility_type"] == "Grocery Store").to_numpy(dtype=bool)
    groceries = row_of(table, LATE, kind="facility_type", name="Grocery Store")
    assert groceries["precision_at_k"] == pytest.approx((listed * outcome)[kind].sum() / listed[kind].sum())
    assert groceries["mean_days_earlier"] == pytest.approx(earlier[kind & outcome].mean()), "in the city's order"


def test_subsets_are_those_large_enough_and_add_up(table, rows, schedule):
    here = table[(table["week"] == LATE) & (table["label"] == "failed") & (table["subset_kind"] == "facility_type")]
    counts = window_of(rows, LATE)["facility_type"].value_counts()
    assert set(here["subset"]) == set(counts.index[counts >= 30]) == {"Restaurant", "Grocery Store", "School"}
    small = made_of(rows, schedule, [LATE], rule=MonitoringRule(window_weeks=8, min_subset_rows=1))
    parts = small[(small["label"] == "failed") & (small["subset_kind"] == "facility_type")]
    for name in ("inspections", "found", "window_inspections", "window_found", "training_inspections"):
        assert parts[name].sum() == row_of(small, LATE)[name], name
    assert here[["verdict", "roc_auc", "promised_roc_auc", "calibration_error"]].isna().all(axis=None)


def test_shares_in_training_are_those_of_the_models_in_use(table, rows):
    row, learnt = row_of(table, LATE), window_of(rows, FIRST + 25 * WEEK, 26)
    assert row["training_inspections"] == len(learnt)
    assert row["training_found_share"] == pytest.approx(learnt["failed"].mean())
    assert row["training_predicted_share"] == pytest.approx(scored(learnt)[0].mean())


def test_groups_that_follow_each_other_are_judged_as_they_were_in_use(table):
    """The first window under the new group holds weeks of the old one, whose scores were one and the same."""
    first = row_of(table, FIRST + 26 * WEEK)
    assert first["model_group"] == "ridge" and row_of(table, FIRST + 25 * WEEK)["model_group"] == "baseline"
    assert row_of(table, FIRST + 25 * WEEK)["roc_auc"] == 0.5
    assert first["roc_auc"] != 0.5


def test_nothing_in_a_week_changes_when_later_weeks_do(table, rows, schedule):
    until = FIRST + 40 * WEEK
    later = frames.days(rows["week"]) > np.datetime64(until)
    other = rows.copy()
    for name in ("failed", "critical_violation"):
        other[name] = (rows[name].to_numpy(dtype=bool) ^ later).astype(bool)
    other["facility_type"] = rows["facility_type"].where(~later, "Elsewhere")
    scores = scores_of(rows)
    after = frames.days(scores["week"]) > np.datetime64(until)
    scores["expected_find"] = np.where(after, 0.9, scores["expected_find"].to_numpy(dtype=float))
    changed = made_of(other.astype(rows.dtypes), schedule, scores=scores.astype(scores_of(rows).dtypes))
    before = lambda frame: frame[frame["week"] <= until].reset_index(drop=True)  # noqa: E731
    pd.testing.assert_frame_equal(before(changed), before(table), check_exact=True)
    assert not changed.equals(table)


@pytest.mark.parametrize("week", [FIRST + 13 * WEEK, FIRST + 26 * WEEK, LATE])
def test_a_week_alone_has_the_bits_that_it_has_among_others(table, rows, schedule, week):
    days = frames.days(rows["week"])
    needed = rows[(days <= np.datetime64(week)) & (days > np.datetime64(week - 52 * WEEK))]
    alone = made_of(needed, schedule, [week])
    pd.testing.assert_frame_equal(alone, table[table["week"] == week].reset_index(drop=True), check_exact=True)


def test_a_week_without_an_inspection_is_a_row_of_zeros(rows, schedule):
    silent = FIRST + 45 * WEEK
    made = made_of(rows[rows["week"] != silent], schedule)
    row = row_of(made, silent)
    assert (row["inspections"], row["found"], row["expected"]) == (0, 0, 0)
    assert row["window_inspections"] == 7 * 60, "the weeks before it are still there"
    nothing = made_of(rows[rows["week"] <= FIRST + 30 * WEEK], schedule, [FIRST + 50 * WEEK])
    empty = row_of(nothing, FIRST + 50 * WEEK)
    assert empty["window_inspections"] == 0 and empty["verdict"] == TOO_FEW
    assert len(schemas.validated(OUTCOMES, nothing)) == 2


def test_without_a_choice_there_are_no_rows(rows, schedule):
    made = made_of(rows, schedule, WEEKS[:10])
    assert len(made) == 0 and list(made.columns) == list(OUTCOMES.columns)


def used(auc, error=0.01):
    return InUse("ridge", FIRST, FIRST, promised(auc, error))


def came(auc, error, precision=0.4):
    return {"roc_auc": Estimate.of(auc, error, 0.95), "precision_at_k": Estimate.of(precision, 0.02, 0.95)}


@pytest.mark.parametrize(
    ("value", "error", "precision", "rows", "verdict"),
    [
        (0.60, 0.02, 0.40, 500, AS_PROMISED),
        (0.56, 0.02, 0.40, 500, AS_PROMISED),  # below, but not surely: 1.96 x 0.022 is more
        (0.55, 0.02, 0.40, 500, BELOW_PROMISE),
        (0.66, 0.02, 0.40, 500, ABOVE_PROMISE),
        (0.60, 0.02, 0.30, 500, BELOW_PROMISE),  # of the precision alone
        (0.66, 0.02, 0.30, 500, BELOW_PROMISE),  # the worse of both
        (0.40, 0.02, 0.10, 99, TOO_FEW),
    ],
)
def test_a_promise_is_broken_where_what_came_is_surely_less(value, error, precision, rows, verdict):
    assert judge(used(0.6), came(value, error, precision), rows, RULE) == verdict


def test_what_has_no_error_is_not_judged():
    assert judge(used(0.6, None), came(0.3, 0.01), 500, RULE) == TOO_FEW


def test_a_model_that_has_gone_blind_breaks_its_promise(schedule):
    rows = make_rows(weeks=45, per_week=80, seed=3)
    table = made_of(rows, schedule, WEEKS[40:44], promise=promised(0.9))
    city = table[(table["subset_kind"] == "all") & (table["label"] == "failed")]
    assert set(city["verdict"]) == {BELOW_PROMISE}
    assert (city["promised_roc_auc"] == 0.9).all()
