from food_inspections_dagster.catalog import RAW_INSPECTIONS
from food_inspections_dagster.definitions import graph_for
from food_inspections_dagster.defs.ingestion.checks import PUBLISHED_TYPES, UNTYPED_COLUMNS
from food_inspections_dagster.inspections.received import NEEDED_FIELDS
from food_inspections_dagster.orchestration.code_version import closure
from food_inspections_dagster.settings import load_settings


def test_the_portal_publishes_every_field_that_cleaning_needs():
    assert set(NEEDED_FIELDS) <= {*PUBLISHED_TYPES, *UNTYPED_COLUMNS}


def test_a_changed_rule_of_cleaning_loads_nothing_again():
    stage = graph_for(load_settings()).by_asset[RAW_INSPECTIONS.asset]
    modules = set().union(*(closure(function) for function in (stage.function, *(rule.judge for rule in stage.rules))))
    assert "food_inspections_dagster.inspections.received" in modules
    assert "food_inspections_dagster.inspections.cleaning" not in modules
