"""Features: what was known about an establishment before a day, for training and for scoring alike.

``compute_features`` answers for any (establishment, as-of date). Every value comes from what is dated strictly before
that date, in every table, because records are sorted by date and only sums up to a position before it are ever read. An
example: as of Monday 2014-06-02, ``failures_1y`` counts the failed inspections dated 2013-06-02 to 2014-06-01.

``families`` holds the features, one module a family, each declaring and computing them together; ``registry`` finds
the families, ``past`` is what they may read, ``matrix`` puts their columns together, ``rules`` judges a matrix.
"""

from food_inspections_dagster.inspections.features.declarations import (
    WINDOWS,
    About,
    Family,
    Feature,
    categorical,
    numeric,
)
from food_inspections_dagster.inspections.features.families.area import AREAS, SMOOTHING
from food_inspections_dagster.inspections.features.families.codes import CODES
from food_inspections_dagster.inspections.features.matrix import (
    audit_groups,
    compute_features,
    feature_matrix,
    matrix_of,
)
from food_inspections_dagster.inspections.features.past import VIOLATION_COLUMNS, Past, Records
from food_inspections_dagster.inspections.features.registry import (
    FAMILIES,
    FEATURE_NAMES,
    FEATURES,
    INSPECTION_COLUMNS,
    MATRIX_COLUMNS,
    ROW_COLUMNS,
    SPINE_COLUMNS,
    families_in_use,
    features_in_use,
    sources_in_use,
)
from food_inspections_dagster.inspections.features.rules import (
    changed_by_the_future,
    constant_features,
    differing_rows,
)
from food_inspections_dagster.inspections.features.tables import SOURCE_COLUMNS, Tables

__all__ = [
    "AREAS",
    "CODES",
    "FAMILIES",
    "FEATURES",
    "FEATURE_NAMES",
    "INSPECTION_COLUMNS",
    "MATRIX_COLUMNS",
    "ROW_COLUMNS",
    "SMOOTHING",
    "SOURCE_COLUMNS",
    "SPINE_COLUMNS",
    "VIOLATION_COLUMNS",
    "WINDOWS",
    "About",
    "Family",
    "Feature",
    "Past",
    "Records",
    "Tables",
    "audit_groups",
    "categorical",
    "changed_by_the_future",
    "compute_features",
    "constant_features",
    "differing_rows",
    "families_in_use",
    "feature_matrix",
    "features_in_use",
    "matrix_of",
    "numeric",
    "sources_in_use",
]
