from datetime import timedelta

import pytest

from food_inspections_dagster.catalog import BACKTEST_SCORES, DRIFT, OUTCOMES, SELECTED_MODEL
from food_inspections_dagster.defs.monitoring.assets import stages
from food_inspections_dagster.orchestration.partitions import Window, trailing
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.city import CITY


@pytest.mark.parametrize(
    ("schedule", "evaluated", "weeks"),
    [
        ({"update_weeks": 13, "training_window_weeks": 156}, 52, 169),
        ({"update_weeks": 4, "training_window_weeks": 20}, 52, 56),
        ({"update_weeks": 1, "training_window_weeks": 2}, 3, 13),
    ],
)
def test_it_reads_what_the_models_in_use_learnt_from_and_were_chosen_on(schedule, evaluated, weeks):
    settings = load_settings({"models": {"schedule": schedule}, "selection": {"evaluation_weeks": evaluated}})
    (stage,) = stages(settings)
    windows = {name: source.window for name, source in stage.inputs.items()}
    assert windows == {
        "selected_model": Window(-13, -1),
        "backtest_scores": trailing(weeks),
        "feature_matrix": trailing(weeks),
    }
    assert stage.units == [("outcomes", "drift")]


def test_a_list_begins_with_the_first_choice_and_what_came_adds_up(stored_city):
    table, backtest = stored_city.table(str(OUTCOMES)), stored_city.rows(BACKTEST_SCORES)
    for label in stored_city.settings.models.labels:
        chosen = {
            week + WEEK: stored_city.document(SELECTED_MODEL, week)["labels"].get(label, {}).get("selected")
            for week in CITY[:-1]
        }
        used = {week: group for week, group in chosen.items() if group}
        city = table[(table["label"] == label) & (table["subset_kind"] == "all")].set_index("week")
        assert used and dict(city["model_group"]) == used
        for week, group in used.items():
            rows = backtest[
                (backtest["week"] == week) & (backtest["label"] == label) & (backtest["model_group"] == group)
            ]
            assert city.loc[week, "inspections"] == len(rows)
            assert city.loc[week, "found"] == rows["outcome"].sum()
            assert city.loc[week, "expected"] == pytest.approx(rows["expected_find"].sum())
    assert {"facility_type", "side"} <= set(table["subset_kind"])


def test_every_input_of_the_models_is_watched(stored_city):
    table = stored_city.table(str(DRIFT))
    newest = table[table["week"] == CITY[-1]]
    assert set(newest.loc[newest["kind"] == "score", "name"]) == set(stored_city.settings.models.labels)
    features = stored_city.graph.by_asset["backtest_scores"].inputs["feature_matrix"].columns
    assert set(newest.loc[newest["kind"] == "feature", "name"]) < set(features)
    assert (newest["window_first"] + timedelta(weeks=12) == CITY[-1]).all()
