import pytest

from food_inspections_dagster.catalog import SELECTED_MODEL
from food_inspections_dagster.defs.selection.assets import stages
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS
from food_inspections_dagster.modeling.backtest import SCORE_COLUMNS
from food_inspections_dagster.modeling.documents import model_of
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.defs.city import CITY


@pytest.mark.parametrize(("weeks", "memory", "update_weeks"), [(52, 8, 13), (7, 1, 4)])
def test_it_reads_what_the_rule_judges_and_looks_back_upon(weeks, memory, update_weeks):
    layer = {
        "selection": {"evaluation_weeks": weeks, "memory": memory},
        "models": {"schedule": {"update_weeks": update_weeks}},
    }
    settings = load_settings(layer)
    (stage,) = stages(settings)
    models = {f"{name}_model" for name in settings.models.algorithms}
    assert set(stage.inputs) == {*models, "backtest_scores", "feature_matrix"}
    # A week carries a decision of up to update_weeks - 1 weeks before, which looks back upon the memory + 1 before it;
    # the oldest of these judged the weeks that ended with it, by metrics and by fairness.
    judged = max(weeks, settings.bias.evaluation_weeks)
    needed = update_weeks - 1 + (memory + 1) * update_weeks + judged - 1
    (window,) = {source.window for source in stage.inputs.values()}
    assert window.last == 0 and needed <= -window.first <= needed + update_weeks
    assert set(stage.inputs["backtest_scores"].columns) == set(SCORE_COLUMNS)
    assert stage.inputs["feature_matrix"].columns == ATTRIBUTE_COLUMNS


def test_what_counts_as_fair_decides_promotions():
    digests = [
        stages(load_settings(layer))[0].outputs["selected_model"].settings_digest
        for layer in ({}, {"bias": {"tau_high": 1.5}}, {"selection": {"memory": 3}}, {"cohort": {"window_days": 60}})
    ]
    assert digests[0] == digests[3] and len(set(digests)) == 3


def test_each_label_has_its_decision_and_the_files_of_its_model(stored_city):
    for week in (CITY[-1], CITY[-2]):
        document = stored_city.document(SELECTED_MODEL, week)
        assert set(document["labels"]) == {"failed", "critical_violation"}
        for label, decision in document["labels"].items():
            group = decision["selected"]
            assert group, decision["reasons"]
            models = stored_city.document(stored_city.graph.output(f"{group}_model").entry, week)
            model = model_of(models, group, label)
            assert (decision["selected_model_id"], decision["files"]) == (model["model_id"], model["files"])
