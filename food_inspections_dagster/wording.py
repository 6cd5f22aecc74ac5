"""How features are spoken of: what the domain declares, as the method wants it."""

from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.modeling.scoring import Wording

#: A code that is cited speaks for itself; of other families one feature stands for all.
_EACH_BY_ITSELF = ("codes", "profile")
WORDING = Wording(
    {feature.name: feature.say for feature in FEATURES},
    {feature.name: str(feature.about) for feature in FEATURES},
    {feature.name: feature.family for feature in FEATURES if feature.family not in _EACH_BY_ITSELF},
    {feature.name: 1 if feature.worse == "more" else -1 for feature in FEATURES if feature.worse},
)
