import re

from food_inspections_dagster.settings import Settings, leaves
from food_inspections_dagster.settings.tree import is_collection, is_mapping, is_optional, is_text

LEAVES = {".".join(leaf.path): leaf.field for leaf in leaves(Settings)}


def test_every_setting_is_described():
    assert [name for name, field in LEAVES.items() if not re.match(r"\S.+[^.]$", field.description or "")] == []


def test_sections_of_either_kind_have_leaves():
    assert {"portal.url", "storage.s3.region", "models.schedule.update_weeks", "bias.references"} <= set(LEAVES)
    assert "root" not in LEAVES and "models.schedule" not in LEAVES


def test_kinds_of_settings():
    def names(test):
        return {name for name, field in LEAVES.items() if test(field)}

    assert names(is_mapping) == {"models.targets", "models.parameters", "models.grids", "bias.references", "sources"}
    assert {"selection.preference_order", "models.schedule.inspection_types"} <= names(is_collection)
    assert {"portal.name", "portal.app_token", "storage.s3.region"} <= names(is_optional)
    assert {"scores.label", "database.url", "database.embedded_directory", "bias.references"} <= names(is_text)
    assert not {
        "models.seed",
        "models.parameters",
        "models.targets",
        "models.grids",
        "sources",
        "models.schedule.first_week",
    } & names(is_text)
