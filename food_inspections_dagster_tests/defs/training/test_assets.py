import pytest

from food_inspections_dagster.defs.training.assets import stages
from food_inspections_dagster.defs.training.tasks import known_to
from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK
from food_inspections_dagster_tests.defs.city import CITY


@pytest.mark.parametrize(
    ("training_window_weeks", "update_weeks", "calibration_weeks"), [(156, 13, 52), (12, 5, 6), (20, 4, 4)]
)
def test_the_rows_of_the_fits_that_calibrate_are_within_reach(training_window_weeks, update_weeks, calibration_weeks):
    schedule = {
        "training_window_weeks": training_window_weeks,
        "update_weeks": update_weeks,
        "calibration_weeks": calibration_weeks,
    }
    (stage,) = stages(load_settings({"models": {"schedule": schedule}}))
    week = FIRST_WEEK + 400 * WEEK
    reached = stage.inputs["feature_matrix"].window.weeks(week)
    # The last week before an update carries a fit of update_weeks - 1 weeks ago; the first week of those that calibrate
    # it was scored by as many fits before.
    earlier_fits = -(-calibration_weeks // update_weeks)
    first_fit = update_weeks - 1 + earlier_fits * update_weeks
    assert reached[0] <= week - (first_fit + training_window_weeks - 1) * WEEK and reached[-1] == week


def test_each_algorithm_can_be_made_without_the_others_and_reads_its_parameters_only():
    usual, changed = (
        stages(load_settings(layer))[0] for layer in ({}, {"models": {"parameters": {"knn": {"n_neighbors": 7}}}})
    )
    assert usual.units == [(f"{name}_model",) for name in load_settings().models.algorithms]
    differing = {
        name for name in usual.outputs if usual.outputs[name].settings_digest != changed.outputs[name].settings_digest
    }
    assert differing == {"knn_model"}


def test_targets_and_features_are_everybodys():
    """A label less, or a family of features more, is another model of every group."""
    digests = [
        {name: output.settings_digest for name, output in stages(load_settings(layer))[0].outputs.items()}
        for layer in (
            {},
            {"models": {"targets": {"failed": {"failed": 1, "serious_violation": 1}}}},
            {"features": {"switched_off": []}},
            {"scores": {"run_weeks": 9}},
        )
    ]
    assert digests[3] == digests[0]
    for other in digests[1:3]:
        assert not other.items() & digests[0].items()


def test_features_that_are_off_are_not_read():
    read = {
        off: set(stages(load_settings({"features": {"switched_off": off}}))[0].inputs["feature_matrix"].columns)
        for off in ((), ("results", "season"))
    }
    gone = {feature.name for feature in FEATURES if feature.family in ("results", "season")}
    assert gone and read[()] - read["results", "season"] == gone


def test_what_is_stored_tells_of_each_week_every_recipe_and_label(stored_city):
    settings = stored_city.settings
    for algorithm in settings.models.algorithms:
        entry = stored_city.graph.output(f"{algorithm}_model").entry
        for week in (CITY[-1], CITY[-2]):
            models = stored_city.document(entry, week)["models"]
            assert [(one["model_group"], one["label"]) for one in models] == [
                (algorithm, "failed"),
                (algorithm, "critical_violation"),
            ]
            assert all(one["model_id"] and one["files"] for one in models)
        known = known_to(stored_city.stored, entry, algorithm)
        assert set(known(CITY[-1])) == {"failed", "critical_violation"} and known(FIRST_WEEK - WEEK) == {}
