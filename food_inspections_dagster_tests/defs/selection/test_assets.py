from food_inspections_dagster.catalog import SELECTED_MODEL
from food_inspections_dagster.defs.selection.assets import stages
from food_inspections_dagster.inspections.chicago import ATTRIBUTE_COLUMNS
from food_inspections_dagster.modeling.backtest import SCORE_COLUMNS
from food_inspections_dagster.modeling.documents import model_of
from food_inspections_dagster.modeling.splits import audited_anchors
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.defs.city import CITY


def test_it_reads_all_weeks_before_and_none_after():
    settings = load_settings()
    (stage,) = stages(settings)
    models = {f"{name}_model" for name in settings.models.algorithms}
    assert set(stage.inputs) == {*models, "backtest_scores", "feature_matrix"}
    assert {source.window for source in stage.inputs.values()} == {HISTORY_THROUGH}
    assert set(stage.inputs["backtest_scores"].columns) == set(SCORE_COLUMNS)
    assert stage.inputs["feature_matrix"].columns == ATTRIBUTE_COLUMNS


def test_what_counts_as_fair_decides_promotions():
    digests = [
        stages(load_settings(layer))[0].outputs["selected_model"].settings_digest
        for layer in (
            {},
            {"bias": {"tau_high": 1.5}},
            {"selection": {"period_weeks": 9}},
            {"cohort": {"window_days": 60}},
        )
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


def test_each_decision_begins_with_what_the_one_before_came_to(stored_city):
    anchors = audited_anchors(CITY, stored_city.settings.models.schedule)
    for label in stored_city.settings.models.labels:
        made = [stored_city.document(SELECTED_MODEL, week)["labels"][label] for week in anchors]
        assert made[0]["incumbent"] is None and len(made) > 5
        assert [one["incumbent"] for one in made[1:]] == [one["selected"] for one in made[:-1]]


def test_a_week_made_again_alone_has_the_same_content(stored_city):
    before = stored_city.hashes()
    stored_city.remake([CITY[-6]], SELECTED_MODEL.asset)
    assert stored_city.hashes() == before
