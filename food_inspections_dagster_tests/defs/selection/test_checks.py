import pytest

from food_inspections_dagster.catalog import SELECTED_MODEL
from food_inspections_dagster.defs.selection.checks import (
    better_than_baseline,
    decision_is_complete,
    not_worse_than_before,
)
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster_tests.defs.cases import WEEKS, B, C, Case


def compared(verdict):
    difference = {"value": 0.1, "low": 0.0, "high": None}
    return {"other": "baseline", "verdict": verdict, "sentence": f"It is {verdict}.", "difference": difference}


WHOLE = {
    "selected": "gradient_boosting",
    "selected_model_id": "abc",
    "files": {"artifacts/abc/model.json": "sha"},
    "reasons": ["It ranks best."],
    "candidates": [
        {"group": "gradient_boosting", "excluded": None},
        {"group": "nearest_neighbours", "excluded": "too few rows"},
    ],
    "rule": {"baseline": "baseline"},
    "baseline": compared("better"),
    "previous": None,
}


def decisions(week, **changed):
    """Decisions of three weeks, of which one differs from the whole one."""
    documents = {each: {**WHOLE, **(changed if each == week else {})} for each in WEEKS}
    return {SELECTED_MODEL.asset: WeeklyDocuments(documents)}


NOTHING = {"selected": None, "selected_model_id": None, "files": {}}
CASES = [
    Case(decision_is_complete, "named with files", decisions(None)),
    Case(decision_is_complete, "none for a reason", decisions(B, **NOTHING)),
    Case(decision_is_complete, "none for no reason", decisions(B, **NOTHING, reasons=[]), (B,)),
    Case(decision_is_complete, "no model of its name", decisions(B, selected="oracle"), (B,), str(B)),
    Case(decision_is_complete, "one that was excluded", decisions(B, selected="nearest_neighbours"), (B,)),
    Case(decision_is_complete, "no id", decisions(B, selected_model_id=None), (B,)),
    Case(decision_is_complete, "no files", decisions(B, files={}), (B,)),
    Case(better_than_baseline, "better", decisions(None)),
    Case(better_than_baseline, "worse in an earlier week", decisions(B, baseline=compared("worse"))),
    Case(better_than_baseline, "no difference shown", decisions(C, baseline=compared("no difference shown")), (C,)),
    Case(better_than_baseline, "worse", decisions(C, baseline=compared("worse")), (C,), "It is worse."),
    Case(better_than_baseline, "the baseline itself", decisions(C, baseline=None, selected="baseline"), (C,)),
    Case(better_than_baseline, "nothing selected", decisions(C, baseline=None, **NOTHING)),
    Case(not_worse_than_before, "the same as before", decisions(None)),
    Case(not_worse_than_before, "better", decisions(C, previous=compared("better"))),
    Case(not_worse_than_before, "no difference shown", decisions(C, previous=compared("no difference shown"))),
    Case(not_worse_than_before, "worse", decisions(C, previous=compared("worse")), (C,), "It is worse."),
    Case(not_worse_than_before, "nothing selected", decisions(C, **NOTHING)),
]
DAMAGES: list = []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()
