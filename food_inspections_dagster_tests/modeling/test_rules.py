from dataclasses import fields, replace
from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.fairness import CELLS
from food_inspections_dagster.modeling.rules import AUDIT_METRICS, AuditRule, Schedule, SelectionRule, as_dict


@pytest.mark.parametrize(
    ("make", "words"),
    [
        (lambda: Schedule(update_weeks=0), "Schedule.update_weeks is 0: it must be greater than 0"),
        (lambda: Schedule(update_weeks=True), "Schedule.update_weeks is True: it must be a number"),
        (lambda: Schedule(first_week=date(2010, 1, 5)), "it must be a Monday: use 2010-01-04"),
        (lambda: Schedule(inspection_types=()), "inspection_types is .*at least 1"),
        (lambda: SelectionRule(metric="rocauc"), "'rocauc' is no metric: use roc_auc"),
        (lambda: SelectionRule(tie_tolerance=-0.1), "tie_tolerance is -0.1"),
        (lambda: SelectionRule(capacity_share=1.2), "capacity_share is 1.2: it must be less than or equal to 1"),
        (lambda: SelectionRule(confidence=95), "confidence is 95"),
        (lambda: SelectionRule(min_coverage=float("nan")), "min_coverage is nan"),
        (lambda: SelectionRule(preference_order=("knn", "knn")), "'knn' twice"),
        (lambda: AuditRule(tau_low=1.1), "tau_low is 1.1: it must be less than 1"),
        (lambda: AuditRule(tau_high=0.9), "tau_high is 0.9: it must be greater than 1"),
        (lambda: AuditRule(min_group_size=0), "min_group_size is 0"),
        (lambda: AuditRule(judged_metrics=("fprr",)), "'fprr' is no metric: use fpr"),
        (lambda: AuditRule(judged_metrics=("fpr", "ppr")), "'ppr' has no interval, .*: use pprev"),
        (lambda: AuditRule(attributes=("sides",)), "'sides' is no attribute: use side"),
        (lambda: AuditRule(attributes=("side",)), "'facility_type' is not among the attributes"),
        (lambda: replace(AuditRule(), confidence=1.0), "confidence is 1.0"),
    ],
)
def test_senseless_values_are_refused_by_name(make: object, words: str) -> None:
    with pytest.raises(FoodInspectionsError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("rule", [Schedule, SelectionRule, AuditRule])
def test_pydantic_takes_a_rule_as_it_is(rule: type) -> None:
    adapter = TypeAdapter(rule)
    assert adapter.validate_python(as_dict(rule())) == rule()
    with pytest.raises(ValidationError, match="unknown"):
        adapter.validate_python({"unknown": 1})
    described = adapter.json_schema()["properties"]
    assert [f.name for f in fields(rule) if not described[f.name].get("description")] == []


def test_values_are_brought_into_their_types() -> None:
    rule = SelectionRule(preference_order=["knn"], capacity_share=1)  # type: ignore[arg-type]
    assert rule.preference_order == ("knn",)
    assert isinstance(rule.capacity_share, float)


def test_the_names_of_metrics_are_those_of_the_audit() -> None:
    assert set(AUDIT_METRICS) == set(CELLS)


def test_every_metric_of_the_audit_with_a_denominator_can_be_judged() -> None:
    judged = tuple(metric for metric, (_, denominator) in CELLS.items() if denominator)
    assert AuditRule(judged_metrics=judged).judged_metrics == judged
    assert set(AUDIT_METRICS) - set(judged) == {"ppr"}


def test_rules_become_json_types() -> None:
    assert as_dict(Schedule())["first_week"] == "2010-01-04"
    assert as_dict(AuditRule())["references"] == {"facility_type": "Restaurant"}
    assert as_dict(SelectionRule())["preference_order"][0] == "baseline"  # type: ignore[index]
