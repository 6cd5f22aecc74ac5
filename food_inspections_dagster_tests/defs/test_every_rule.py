"""Every rule of the graph is seen to pass and to fail: a new one without such tests is noticed here."""

from importlib import import_module
from pathlib import Path

import pytest

from food_inspections_dagster.definitions import graph_for
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.defs import test_schemas

HERE = Path(__file__).parent
TESTED = [
    import_module(f"food_inspections_dagster_tests.defs.{file.parent.name}.test_checks")
    for file in sorted(HERE.glob("*/test_checks.py"))
]
CASES = [case for module in TESTED for case in module.CASES]
DAMAGES = [damage for module in TESTED for damage in module.DAMAGES]


@pytest.fixture(scope="module")
def rules():
    settings = load_settings({"validation": {"folds": 2}})  # the one stage that is off by default
    return [rule for stage in graph_for(settings).stages for rule in stage.rules]


def test_every_rule_is_seen_to_fail(rules):
    seen = {(case.rule.asset, case.rule.name) for case in CASES if case.failing}
    seen |= {(damage.asset, damage.rule) for damage in DAMAGES}
    seen |= {(breach.entry.asset, "schema") for breach in test_schemas.BREACHES}
    assert {(rule.asset, rule.name) for rule in rules} == seen


def test_every_rule_is_seen_to_pass(rules):
    """A rule of the store passes over the whole store before it is damaged; a schema over what is stored."""
    seen = {(case.rule.asset, case.rule.name) for case in CASES if not case.failing}
    seen |= {(damage.asset, damage.rule) for damage in DAMAGES}
    seen |= {(entry.asset, "schema") for entry in test_schemas.ENTRIES}
    assert {(rule.asset, rule.name) for rule in rules} == seen


def test_rules_in_memory_are_cases_and_rules_of_the_store_are_damages(rules):
    of_store = {(rule.asset, rule.name) for rule in rules if rule.of_store}
    assert {(damage.asset, damage.rule) for damage in DAMAGES} == of_store
    assert not {(case.rule.asset, case.rule.name) for case in CASES} & of_store


def test_what_would_make_wrong_lists_blocks_and_what_only_deserves_a_look_warns(rules):
    warning = {rule.name for rule in rules if not rule.blocking}
    assert warning == {
        *("freshness", "schema_drift", "undated_rows", "vocabulary", "rejected_share", "not_constant"),
        *("source_answers", "source_is_fresh", "dropped_share"),
        *("model_present", "better_than_baseline", "groups_mapped", "disparity_within_bounds", "reasons"),
        "as_published",
        *("no_drift", "no_decay", "no_silence"),
        *("missing_as_before", "distinct_as_before", "rows_as_before", "not_repeated"),
    }
