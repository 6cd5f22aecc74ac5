from dataclasses import fields, replace
from datetime import date

import pytest
from pydantic import TypeAdapter, ValidationError

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.rules import (
    AUDIT_METRICS,
    EVALUATION_METRICS,
    AuditionRule,
    AuditRule,
    RemedyRule,
    Schedule,
    SelectionRule,
    ValidationRule,
    as_dict,
)
from food_inspections_dagster.modeling.schemas import CELLS, EVALUATED, EVALUATIONS


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
        (lambda: AuditRule(max_unknown_share=1.5), "max_unknown_share is 1.5"),
        (lambda: replace(AuditRule(), confidence=1.0), "confidence is 1.0"),
        (lambda: RemedyRule(kind="quotas"), "kind is 'quotas'"),
        (lambda: RemedyRule(kind="quota", attribute="zip"), "'zip' is no attribute"),
        (lambda: RemedyRule(kind="rerank", basis="expected_finds"), "re-ranking keeps the shares of the cohort"),
        (lambda: ValidationRule(label_timespan="2week"), "label_timespan is '2week': it must be '1week'"),
        (lambda: ValidationRule(test_durations=()), "test_durations"),
        (lambda: ValidationRule(test_durations=(13, 13)), "it names '13' twice"),
        (
            lambda: ValidationRule(subset_attributes=("side", "ward")),
            "'ward' is no attribute of a visit: use facility_type, side, risk, community_area, chain_or_single, zip",
        ),
        (lambda: ValidationRule(subset_attributes=("zip", "zip")), "it names 'zip' twice"),
        (lambda: ValidationRule(top_counts=(0,)), "top_counts"),
        (lambda: ValidationRule(top_percents=(101.0,)), "top_percents"),
        (lambda: AuditionRule(rules=("best_currant_value",)), "no rule of choice: use best_current_value"),
        (lambda: AuditionRule(metric="roc_auc_within_zips"), "no metric: use roc_auc_within_zip"),
        (lambda: AuditionRule(current_weight=0.5), "current_weight is 0.5"),
    ],
)
def test_senseless_values_are_refused_by_name(make: object, words: str) -> None:
    with pytest.raises(FoodInspectionsError, match=words):
        make()  # type: ignore[operator]


@pytest.mark.parametrize("rule", [Schedule, SelectionRule, AuditRule, RemedyRule, ValidationRule, AuditionRule])
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


def test_every_metric_of_choice_is_a_column_of_the_evaluations() -> None:
    assert set(EVALUATION_METRICS) <= set(EVALUATED) <= set(EVALUATIONS.columns)
