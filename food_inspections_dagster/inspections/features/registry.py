"""The features of all families, in the order of their columns."""

import pkgutil
from collections.abc import Collection
from dataclasses import replace
from importlib import import_module

from food_inspections_dagster.errors import FoodInspectionsError, nearest
from food_inspections_dagster.inspections.features import families, past
from food_inspections_dagster.inspections.features.declarations import Family, Feature
from food_inspections_dagster.inspections.features.tables import SOURCE_COLUMNS
from food_inspections_dagster.inspections.labels import LABELS
from food_inspections_dagster.inspections.vocabulary import KNOWN_FLAGS


def find_families() -> tuple[Family, ...]:
    """Return the family of each module of ``families``, by order and name.

    Raises:
        FoodInspectionsError: for a module without a family, or a feature that two families declare.
    """
    declared = []
    for module in pkgutil.iter_modules(families.__path__, f"{families.__name__}."):
        family = getattr(import_module(module.name), "FAMILY", None)
        if not isinstance(family, Family):
            raise FoodInspectionsError(f"The module {module.name} declares no features: give it a constant FAMILY.")
        declared.append(family)
    names = [feature.name for family in declared for feature in family.features]
    repeated = sorted({name for name in names if names.count(name) > 1})
    if repeated:
        raise FoodInspectionsError(f"Features are declared twice: {', '.join(repeated)}. Give each a name of its own.")
    return tuple(sorted(declared, key=lambda family: (family.order, family.name)))


def in_column_order(of: tuple[Family, ...]) -> tuple[Feature, ...]:
    """Return the features of families, as they stand in the matrix."""
    features = [
        (family, replace(feature, family=family.name, about=feature.about or family.about))
        for family in of
        for feature in family.features
    ]
    return tuple(feature for _, feature in sorted(features, key=lambda pair: (pair[0].order, pair[1].place)))


def families_in_use(off: Collection[str] = ()) -> tuple[Family, ...]:
    """Return the families that are not switched off.

    Raises:
        FoodInspectionsError: if ``off`` names what is no family.
    """
    names = [family.name for family in FAMILIES]
    for name in off:
        if name not in names:
            raise FoodInspectionsError(
                f"The setting features.switched_off names '{name}', no family: {nearest(name, names)}."
            )
    return tuple(family for family in FAMILIES if family.name not in off)


def features_in_use(off: Collection[str] = ()) -> tuple[Feature, ...]:
    """Return the features of the families that are not switched off, as they stand in the matrix."""
    names = {family.name for family in families_in_use(off)}
    return tuple(feature for feature in FEATURES if feature.family in names)


def sources_in_use(off: Collection[str] = ()) -> tuple[str, ...]:
    """Return the sources that a computation of features reads; the licences tell where places are and who is new."""
    read = {name for family in families_in_use(off) for name in family.sources} | {"business_licenses"}
    return tuple(name for name in SOURCE_COLUMNS if name in read)


FAMILIES: tuple[Family, ...] = find_families()
FEATURES: tuple[Feature, ...] = in_column_order(FAMILIES)
FEATURE_NAMES = tuple(feature.name for feature in FEATURES)

SPINE_COLUMNS = ("establishment_id", "as_of_date")
INSPECTION_COLUMNS = tuple(
    dict.fromkeys([*past.INSPECTION_COLUMNS, *(name for family in FAMILIES for name in family.inspection_columns)])
)
# Groups of the audit that are no inputs of a model: where the place is, and what it is part of, as known that Monday.
KNOWN_GROUPS = ("community_area", "chain_or_single")
MATRIX_COLUMNS = (
    "week", "inspection_id", "establishment_id", "as_of_date", "inspection_date", "inspection_type",
    "is_reinspection", "facility_type", "risk", "zip", *KNOWN_GROUPS, *KNOWN_FLAGS, *LABELS, "serious_count",
    *FEATURE_NAMES,
)  # fmt: skip
# Of the inspection itself: for filters and audits, no inputs of a model.
_OF_THE_PAST = (*FEATURE_NAMES, *KNOWN_GROUPS, *KNOWN_FLAGS, "as_of_date")
ROW_COLUMNS = tuple(name for name in MATRIX_COLUMNS if name not in _OF_THE_PAST)
