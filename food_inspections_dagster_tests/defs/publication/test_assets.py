from food_inspections_dagster.catalog import (
    ESTABLISHMENTS,
    INSPECTIONS,
    PRIORITIES,
    PUBLISHED_LIST,
    PUBLISHED_MODELS,
    SCORES,
    VIOLATIONS,
)
from food_inspections_dagster.defs.publication.assets import stages
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, OWN_WEEK
from food_inspections_dagster.resources.publications import Publications
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.defs.city import CITY


def test_what_is_copied_counts_and_is_not_loaded():
    (stage,) = stages(load_settings())
    assert stage.inputs["scores"].window == OWN_WEEK
    for table in PUBLISHED_LIST.copies:
        source = stage.inputs[table.asset]
        assert source.window == HISTORY_THROUGH and source.columns is None
        assert source.loaded == (table is INSPECTIONS)
    assert "community_areas" not in stages(load_settings({"sources": {"community_areas": None}}))[0].inputs


def test_readers_see_the_newest_list_with_everything_that_belongs_to_it(stored_city):
    assert Publications(stored_city.database).published().week == CITY[-1]
    scores, listed = stored_city.table(str(SCORES)), stored_city.table(str(PRIORITIES))
    key = ["week", "label", "establishment_id", "rank", "expected_find"]
    assert listed[key].equals(scores[key])
    known = stored_city.table(str(ESTABLISHMENTS))
    assert set(listed["establishment_id"]) == set(known.loc[known["is_listed"], "establishment_id"])
    assert known["community_area"].notna().mean() > 0.5
    for table in (INSPECTIONS, VIOLATIONS):
        copy = stored_city.table(PUBLISHED_LIST.copy_of(table))
        assert copy.equals(stored_city.table(str(table))[list(copy.columns)])
    models = stored_city.table(str(PUBLISHED_MODELS))
    used = models[models["is_selected"]].set_index("label")["model_id"].to_dict()
    assert used == listed.groupby("label")["model_id"].first().to_dict()
