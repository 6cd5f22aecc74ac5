import pytest

from food_inspections_dagster.catalog import AREA_NOTES, REMEDY_PRICES, SCORES
from food_inspections_dagster.defs.scoring.assets import REMEDIES, stages
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, OWN_WEEK, trailing
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.defs.city import CITY


def test_a_list_knows_its_week_and_what_was_before():
    (stage,) = stages(load_settings({"selection": {"evaluation_weeks": 9}}))
    windows = {name: source.window for name, source in stage.inputs.items()}
    assert windows == {
        "inspections": HISTORY_THROUGH,
        "violations": HISTORY_THROUGH,
        "selected_model": OWN_WEEK,
        "backtest_scores": trailing(9),
        "feature_matrix": trailing(9),
        "business_licenses": HISTORY_THROUGH,
    }
    without = stages(load_settings({"sources": {"business_licenses": None}}))[0]
    assert set(windows) - set(without.inputs) == {"business_licenses"}


def test_the_number_of_lists_that_a_run_makes_decides_nothing_in_them():
    digests = [
        stages(load_settings(layer))[0].outputs["scores"].settings_digest
        for layer in (
            {},
            {"scores": {"run_weeks": 3}},
            {"scores": {"label": "critical_violation"}},
            {"cohort": {"window_days": 60}},
            {"scores": {"surroundings_weight": 1}},
            {"remedy": {"kind": "quota"}},
        )
    ]
    assert digests[0] == digests[1] == digests[2] and len(set(digests)) == 4


def test_each_label_has_its_list_its_notes_and_the_prices_of_remedies(stored_city):
    labels = list(stored_city.settings.models.labels)
    scores, notes, prices = (stored_city.table(str(entry)) for entry in (SCORES, AREA_NOTES, REMEDY_PRICES))
    for table in (scores, prices):
        assert set(table["week"]) == {CITY[-1]} and set(table["label"]) == set(labels)
    assert set(notes["week"]) <= {CITY[-1]} and set(notes["label"]) <= set(labels)
    of_label = [set(scores.loc[scores["label"] == label, "establishment_id"]) for label in labels]
    assert of_label[0] == of_label[1] and len(of_label[0]) > 50
    first = scores[scores["rank"] <= 100]
    for label in labels:
        zips = set(first.loc[first["label"] == label, "zip"].dropna())
        assert set(notes.loc[notes["label"] == label, "zip"]) <= zips
    assert (scores["visits"] == 0).any(), "who is new by a licence"
    assert scores.loc[scores["visits"] == 0, "last_result"].isna().all()
    attribute = stored_city.settings.remedy.attribute
    wanted = sorted((label, one.kind, attribute, one.basis) for label in labels for one in REMEDIES)
    assert sorted(map(tuple, prices[["label", "kind", "attribute", "basis"]].to_numpy().tolist())) == wanted


def test_borders_are_read_where_a_remedy_shares_the_list_out_by_them():
    by_area = {"kind": "rerank", "attribute": "community_area"}
    assert "community_areas" in stages(load_settings({"remedy": by_area}))[0].inputs
    assert "community_areas" not in stages(load_settings({"remedy": by_area | {"kind": "none"}}))[0].inputs
    with pytest.raises(FoodInspectionsError, match="community_area, but the source community_areas has no data set"):
        stages(load_settings({"remedy": by_area, "sources": {"community_areas": None}}))
