import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.defs.bias.checks import rules
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling import fairness
from food_inspections_dagster.modeling.documents import backtest_of
from food_inspections_dagster.modeling.fairness import OVERALL
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import OUTSIDE, UNCERTAIN, WITHIN
from food_inspections_dagster_tests.defs.cases import WEEKS, A, B, C, Case, frame

RULE = AuditRule(attributes=("facility_type", "risk"), evaluation_weeks=2, min_group_size=2, min_denominator=1)
GROUPS_ADD_UP, WITHIN_BOUNDS = rules(RULE)
GROUP = "baseline"
PER_WEEK = 12


def backtest(week):
    """What a model gave to twelve inspections of a week."""
    numbers = [WEEKS.index(week) * 100 + number for number in range(PER_WEEK)]
    rows = {
        "inspection_id": numbers,
        "establishment_id": [f"L{number}" for number in numbers],
        "inspection_date": [str(week)] * PER_WEEK,
        "score": [number / PER_WEEK for number in range(PER_WEEK)],
        "label": [number % 3 == 0 for number in range(PER_WEEK)],
    }
    return {"backtest": {"model_id": "abc", "rows": rows}}


MODEL = WeeklyDocuments({week: backtest(week) for week in WEEKS})
SELECTED = {A: None, B: GROUP, C: GROUP}


def audited():
    rows = backtest_of(MODEL.documents)
    names = np.arange(len(rows))
    attributes = {
        "facility_type": np.where(names % 2 == 0, "Restaurant", "School"),
        "risk": np.where(names % 4 < 3, "high", "low"),
    }
    typed = {name: pd.Series(values).astype(pd.ArrowDtype(pa.string())).array for name, values in attributes.items()}
    report = fairness.audit_weeks({GROUP: rows.assign(**typed)}, RULE, SELECTED)
    return report.table, fairness.with_overall(report)


REPORT, VERDICTS = audited()


def adds_up(report=lambda rows: rows, verdicts=lambda rows: rows):
    """An audit, changed."""
    return {
        catalog.SELECTED_MODEL.asset: WeeklyDocuments({w: {"selected": group} for w, group in SELECTED.items()}),
        "bias_report": report(REPORT.copy()),
        "bias_verdicts": verdicts(VERDICTS.copy()),
        catalog.model(GROUP).asset: MODEL,
    }


def without(**values):
    def changed(rows):
        wrong = np.logical_and.reduce([rows[name] == value for name, value in values.items()])
        assert wrong.any(), "it changes nothing"
        return rows[~wrong]

    return changed


def one_more(rows):
    at = (rows["week"] == C) & (rows["group"] == "School")
    assert at.any()
    rows.loc[at, "group_size"] += 1
    return rows


def other_model(rows):
    rows.loc[rows["week"] == C, "model_group"] = "nearest_neighbours"
    return rows


def other_verdict(rows):
    rows.loc[(rows["week"] == C) & (rows["group"] == "School"), "verdict"] = OUTSIDE
    rows.loc[(rows["week"] == B) & (rows["group"] == "School"), "verdict"] = WITHIN
    changed = [week for week in (B, C) if not rows[rows["week"] == week].equals(VERDICTS[VERDICTS["week"] == week])]
    assert changed, "it changes nothing"
    return rows


def verdicts(*rows):
    columns = dict(zip(("week", "attribute", "group", "verdict"), zip(*rows, strict=True), strict=True))
    return {"bias_verdicts": frame(**{name: list(values) for name, values in columns.items()})}


SCHOOL = ("facility_type", "School")
CASES = [
    Case(GROUPS_ADD_UP, "whole", adds_up()),
    Case(
        GROUPS_ADD_UP,
        "an attribute is missing",
        adds_up(without(week=C, attribute="risk"), without(week=C, attribute="risk")),
        (C,),
        "missing in",
    ),
    Case(GROUPS_ADD_UP, "a week is missing", adds_up(without(week=B), without(week=B)), (B,)),
    Case(GROUPS_ADD_UP, "a week is missing in the report", adds_up(without(week=B)), (B,)),
    Case(
        GROUPS_ADD_UP,
        "a group is missing",
        adds_up(without(week=C, group="School"), without(week=C, group="School")),
        (C,),
        "add up to",
    ),
    Case(GROUPS_ADD_UP, "a group is missing in the report", adds_up(without(week=C, group="School")), (C,), "lacks"),
    Case(GROUPS_ADD_UP, "a group is missing in the verdicts", adds_up(verdicts=without(week=C, group="School")), (C,)),
    Case(GROUPS_ADD_UP, "a metric is missing", adds_up(without(week=C, group="School", metric="fpr")), (C,), "metrics"),
    Case(GROUPS_ADD_UP, "sizes differ", adds_up(verdicts=one_more), (C,), "disagree"),
    Case(GROUPS_ADD_UP, "both count one too many", adds_up(one_more, one_more), (C,), "add up to"),
    Case(GROUPS_ADD_UP, "of another model", adds_up(other_model), (C,), "nearest_neighbours"),
    Case(GROUPS_ADD_UP, "no verdict on the whole", adds_up(verdicts=without(week=C, attribute=OVERALL)), (C,)),
    Case(GROUPS_ADD_UP, "a verdict on nothing", adds_up(verdicts=without(week=A, attribute=OVERALL)), (A,)),
    Case(WITHIN_BOUNDS, "all within", verdicts((C, *SCHOOL, WITHIN), (C, "risk", "high", UNCERTAIN))),
    Case(WITHIN_BOUNDS, "outside in an earlier week", verdicts((B, *SCHOOL, OUTSIDE), (C, *SCHOOL, WITHIN))),
    Case(WITHIN_BOUNDS, "outside", verdicts((C, *SCHOOL, OUTSIDE)), (C,), "Outside the bounds: facility_type School."),
    Case(WITHIN_BOUNDS, "the whole list is no group", verdicts((C, OVERALL, "the list", OUTSIDE))),
]
DAMAGES: list = []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


def test_report_and_verdicts_must_agree():
    judged = GROUPS_ADD_UP.apply(WEEKS, **adds_up(verdicts=other_verdict))
    assert not judged.passed and set(judged.verdict.failing) <= {B, C}
    assert all("disagree" in str(words) for words in judged.verdict.failing.values())
