"""What the settings ask to be fitted: the model groups of an algorithm, and the features that they see."""

from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.inspections.features.registry import features_in_use
from food_inspections_dagster.modeling.rules import Features
from food_inspections_dagster.modeling.training import Recipe
from food_inspections_dagster.settings import Settings


def inputs(settings: Settings) -> Features:
    """Return the features that models see, (name, kind) in the order of the matrix."""
    return tuple((feature.name, feature.kind) for feature in features_in_use(settings.features.switched_off))


def recipes(settings: Settings, algorithm: str) -> list[Recipe]:
    """Return the model groups of an algorithm, each with all targets."""
    features = inputs(settings)
    about = {feature.name: str(feature.about) for feature in FEATURES}
    return [Recipe(spec, settings.targets, features, about) for spec in settings.specs(algorithm)]


def most_chained(settings: Settings) -> int:
    """Return the length of the longest chain of fits, 1 where no fit goes on from the one before."""
    return max(
        recipe.chained_fits for algorithm in settings.models.algorithms for recipe in recipes(settings, algorithm)
    )
