import pytest

from food_inspections_dagster.defs.training.assets import stages
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK


@pytest.mark.parametrize(("training_window_weeks", "update_weeks"), [(156, 13), (12, 5)])
def test_the_rows_of_the_fit_before_last_are_within_reach(training_window_weeks, update_weeks):
    schedule = {"training_window_weeks": training_window_weeks, "update_weeks": update_weeks}
    (stage,) = stages(load_settings({"models": {"schedule": schedule}}))
    week = FIRST_WEEK + 400 * WEEK
    reached = stage.inputs["feature_matrix"].window.weeks(week)
    # A list of the last week before an update was made by the fit of the anchor before: its rows end there.
    assert reached[0] <= week - (2 * update_weeks - 1 + training_window_weeks - 1) * WEEK and reached[-1] == week


def test_each_group_can_be_made_without_the_others_and_reads_its_parameters_only():
    usual, changed = (
        stages(load_settings(layer))[0] for layer in ({}, {"models": {"parameters": {"knn": {"n_neighbors": 7}}}})
    )
    assert usual.units == [(f"{name}_model",) for name in ALGORITHMS]
    differing = {
        name for name in usual.outputs if usual.outputs[name].settings_digest != changed.outputs[name].settings_digest
    }
    assert differing == {"knn_model"}
