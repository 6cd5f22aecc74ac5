"""Typed settings, from the weakest layer to the strongest.

conf/base/settings.yaml < conf/base/<environment>.yaml < conf/local/*.yaml < environment variables < command line

A variable is named ``FOOD_INSPECTIONS__SECTION__KEY``, e.g. ``FOOD_INSPECTIONS__PORTAL__TIMEOUT_SECONDS=30``.
``FOOD_INSPECTIONS_ENV`` chooses the environment. The command line's layer is the argument of ``load_settings``.
Each layer is read by itself, so that an error names the file or the variable that is wrong, and a key that nobody
knows is refused wherever it stands.
"""

from food_inspections_dagster.settings.database_url import DatabaseUrl
from food_inspections_dagster.settings.layers import current_environment, load_settings, project_root
from food_inspections_dagster.settings.names import (
    EMBEDDED,
    ENVIRONMENT_VARIABLE,
    HOME_VARIABLE,
    PREFIX,
)
from food_inspections_dagster.settings.sections import (
    S3,
    Alerts,
    Computing,
    Mail,
    Retention,
    Settings,
    Tracking,
    dagster_database_name,
)
from food_inspections_dagster.settings.tree import Leaf, leaves

__all__ = [
    "EMBEDDED",
    "ENVIRONMENT_VARIABLE",
    "HOME_VARIABLE",
    "PREFIX",
    "S3",
    "Alerts",
    "Computing",
    "DatabaseUrl",
    "Leaf",
    "Mail",
    "Retention",
    "Settings",
    "Tracking",
    "current_environment",
    "dagster_database_name",
    "leaves",
    "load_settings",
    "project_root",
]
