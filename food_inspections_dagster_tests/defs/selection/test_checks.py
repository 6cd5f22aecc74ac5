import pytest

from food_inspections_dagster.catalog import SELECTED_MODEL
from food_inspections_dagster.defs.selection.checks import better_than_baseline, decision_is_complete
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster_tests.defs.cases import WEEKS, A, B, C, Case

LABELS = ("failed", "critical_violation")


def compared(verdict):
    difference = {"value": 0.1, "low": 0.0, "high": None}
    return {"other": "baseline", "verdict": verdict, "sentence": f"It is {verdict}.", "difference": difference}


WHOLE = {
    "selected": "gradient_boosting",
    "selected_model_id": "abc",
    "files": {"artifacts/abc/model.json": "sha"},
    "reasons": ["It ranks best."],
    "candidates": [
        {"group": "gradient_boosting", "excluded": []},
        {"group": "nearest_neighbours", "excluded": ["too few rows"]},
    ],
    "rule": {"baseline": "baseline"},
    "baseline": compared("better"),
    "incumbent": None,
    "promotion": None,
}


def decisions(week, label="failed", **changed):
    """Decisions of three weeks for both labels, of which one differs from the whole one."""
    documents = {
        each: {
            "week": str(each),
            "labels": {name: {**WHOLE, **(changed if (each, name) == (week, label) else {})} for name in LABELS},
        }
        for each in WEEKS
    }
    return {SELECTED_MODEL.asset: WeeklyDocuments(documents)}


def undecided(*weeks):
    """Decisions of which some weeks have none: the first weeks of a history."""
    documents = {week: {"week": str(week), "labels": {} if week in weeks else {"failed": WHOLE}} for week in WEEKS}
    return {SELECTED_MODEL.asset: WeeklyDocuments(documents)}


NOTHING = {"selected": None, "selected_model_id": None, "files": {}}
OTHER = "critical_violation"
CASES = [
    Case(decision_is_complete, "named with files", decisions(None)),
    Case(decision_is_complete, "none for a reason", decisions(B, **NOTHING)),
    Case(decision_is_complete, "no decision yet", undecided(A, B), words="'weeks_without_choice': 2"),
    Case(decision_is_complete, "none for no reason", decisions(B, **NOTHING, reasons=[]), (B,)),
    Case(decision_is_complete, "no model of its name", decisions(B, selected="oracle"), (B,), "failed: oracle"),
    Case(decision_is_complete, "of one label", decisions(B, OTHER, selected="oracle"), (B,), f"{OTHER}: oracle"),
    Case(decision_is_complete, "one that was excluded", decisions(B, selected="nearest_neighbours"), (B,)),
    Case(decision_is_complete, "no id", decisions(B, selected_model_id=None), (B,)),
    Case(decision_is_complete, "no files", decisions(B, files={}), (B,)),
    Case(better_than_baseline, "better", decisions(None), words="critical_violation: It is better."),
    Case(better_than_baseline, "worse in an earlier week", decisions(B, baseline=compared("worse"))),
    Case(better_than_baseline, "no difference shown", decisions(C, baseline=compared("no difference shown")), (C,)),
    Case(better_than_baseline, "worse", decisions(C, baseline=compared("worse")), (C,), "failed: It is worse."),
    Case(better_than_baseline, "worse for a label", decisions(C, OTHER, baseline=compared("worse")), (C,), OTHER),
    Case(better_than_baseline, "the baseline itself", decisions(C, baseline=None, selected="baseline"), (C,)),
    Case(better_than_baseline, "nothing selected", decisions(C, baseline=None, **NOTHING)),
    Case(better_than_baseline, "no decision yet", undecided(*WEEKS)),
]
DAMAGES: list = []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()
