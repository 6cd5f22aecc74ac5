from datetime import date

import numpy as np
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.metrics import Estimate
from food_inspections_dagster.modeling.production import in_use
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.conftest import FIRST
from food_inspections_dagster_tests.modeling.production_cases import decisions_of, production_of, scores_of

ANCHORS = {FIRST + 12 * WEEK: "ridge", FIRST + 25 * WEEK: "baseline"}
WEEKS = week_range(FIRST, FIRST + 59 * WEEK)


def document(selected="ridge", metrics=None):
    auc = {"value": 0.6, "standard_error": 0.01, "low": 0.58, "high": 0.62}
    decision = {
        "week": "2010-04-05",
        "first_week": "2010-01-11",
        "selected": selected,
        "candidates": [
            {"group": "baseline", "metrics": {}},
            {"group": "ridge", "metrics": {"roc_auc": auc} if metrics is None else metrics},
        ],
    }
    return {"labels": {"failed": decision}}


def test_the_list_of_a_week_rests_on_the_decision_of_the_week_before():
    monday = date(2010, 4, 12)
    (week, used), *others = in_use({monday: document()}, "failed").items()
    assert week == monday + WEEK and not others
    assert (used.model_group, used.decided, used.first_week) == ("ridge", date(2010, 4, 5), date(2010, 1, 11))
    assert used.promised["roc_auc"] == Estimate(0.6, 0.01, 0.58, 0.62)
    assert used.promised["precision_at_k"] == Estimate(None), "nothing was promised"


def test_a_week_without_a_choice_has_no_list():
    assert in_use({FIRST: document(selected=None)}, "failed") == {}
    assert in_use({FIRST: document()}, "critical_violation") == {}
    assert in_use({FIRST: {"labels": {}}}, "failed") == {}


@pytest.fixture(scope="module")
def production(rows, schedule):
    return production_of(rows, schedule, decisions_of(WEEKS, schedule, ANCHORS))


def test_each_inspection_was_foreseen_by_the_group_that_was_in_use(production, rows):
    by_id = rows.set_index("inspection_id").loc[production.rows.ids]
    rate = np.clip(by_id["rate"].to_numpy(dtype=float), 0.01, 0.99)
    number = ((production.weeks - np.datetime64(FIRST)).astype(int)) // 7
    expected = np.where(number <= 12, np.nan, np.where(number <= 25, rate, 0.3))
    for label in ("failed", "critical_violation"):
        np.testing.assert_array_equal(production.foreseen[label]["expected_find"], expected)
        np.testing.assert_array_equal(production.foreseen[label]["priority"], expected / 2 + 0.1)


def test_what_a_group_foresaw_is_known_for_the_weeks_in_which_it_was_not_in_use_too(production):
    assert not np.isnan(production.groups["failed"]["ridge"]).any()
    assert set(production.groups["failed"]["baseline"]) == {0.3}


def test_subsets_are_those_of_the_inspections(production, rows):
    codes, names = production.subsets["facility_type"]
    by_id = rows.set_index("inspection_id").loc[production.rows.ids]
    assert names[codes].tolist() == frames.texts(by_id["facility_type"]).tolist()
    assert list(production.subsets) == ["facility_type", "zip"]


def test_scores_of_inspections_that_are_not_looked_at_are_passed_over(rows, schedule, production):
    late = rows[frames.days(rows["week"]) >= np.datetime64(FIRST + 30 * WEEK)]
    of_late = production_of(late, schedule, decisions_of(WEEKS, schedule, ANCHORS), scores_of(rows))
    begins = len(production.rows.ids) - len(late)
    for answer, values in of_late.foreseen["failed"].items():
        np.testing.assert_array_equal(values, production.foreseen["failed"][answer][begins:])


def test_an_inspection_that_moved_to_another_week_is_not_taken_for_the_one_that_was_scored(rows, schedule):
    scores = scores_of(rows)
    weeks = frames.days(scores["week"])
    moved = scores.assign(
        week=frames.table({"week": weeks + np.timedelta64(7, "D")}, {"week": scores["week"].dtype.pyarrow_dtype})[
            "week"
        ]
    )
    made = production_of(rows, schedule, decisions_of(WEEKS, schedule, ANCHORS), moved)
    assert np.isnan(made.foreseen["failed"]["expected_find"]).all()


def test_without_an_inspection_there_is_nothing(rows, schedule):
    decisions = decisions_of(WEEKS, schedule, ANCHORS)
    none = rows.assign(inspection_type="Complaint").convert_dtypes(dtype_backend="pyarrow")
    made = production_of(none.astype(rows.dtypes), schedule, decisions, scores_of(rows))
    assert len(made.weeks) == 0 and len(made.foreseen["failed"]["priority"]) == 0
