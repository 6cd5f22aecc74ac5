import pytest

from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.modeling.rules import Target
from food_inspections_dagster.recipes import inputs, recipes
from food_inspections_dagster.settings import load_settings

pytestmark = pytest.mark.usefixtures("project_settings")


def test_models_see_the_features_of_families_that_are_on_in_the_order_of_the_matrix():
    for off in ((), ("results", "season", "inspector")):
        settings = load_settings({"features": {"switched_off": off}})
        expected = tuple((feature.name, feature.kind) for feature in FEATURES if feature.family not in off)
        assert inputs(settings) == expected
    assert len(inputs(load_settings({"features": {"switched_off": []}}))) == len(FEATURES)


def test_a_recipe_for_each_group_of_an_algorithm_with_every_target():
    grid = {"models": {"grids": {"ridge": {"alpha": [10, 100]}}}}
    settings = load_settings(grid)
    made = recipes(settings, "ridge")
    assert [recipe.spec.name for recipe in made] == ["ridge", "ridge[alpha=10]", "ridge[alpha=100]"]
    assert [recipe.spec.parameters["alpha"] for recipe in made][1:] == [10, 100]
    soft = Target("critical_violation", {"critical_violation": 3, "serious_violation": 1})
    for recipe in made:
        assert recipe.labels == settings.models.labels and soft in recipe.targets
        assert recipe.features == inputs(settings)


def test_what_a_feature_is_about_decides_what_own_risk_keeps():
    (recipe,) = recipes(load_settings({"features": {"switched_off": []}}), "knn")
    assert set(recipe.about) == {feature.name for feature in FEATURES}
    assert set(recipe.about.values()) == {"place", "surroundings", "season", "inspector"}
    assert (recipe.about["beyond_failed"], recipe.about["zip_failed_60d"]) == ("place", "surroundings")
