from dataclasses import replace

import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.defs.validation.checks import rules
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.rules import Schedule
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.cases import A, B, C, Case, frame

KNN, BASELINE = catalog.model("knn"), catalog.model("baseline")
(EVERY_INSPECTION,) = rules(Schedule(), [KNN, BASELINE])
LABELS = ("failed", "critical_violation")
IN_FORCE = [(week, group, label) for week in (A, B, C) for group in ("knn", "baseline") for label in LABELS]
# Two canvasses a week are judged; no complaint, no re-inspection, and nothing without a decision.
MATRIX = frame(
    week=[week for week in (A, B, C) for _ in range(5)],
    inspection_id=list(range(15)),
    inspection_type=["Canvass", "Canvass", "Complaint", "Canvass", "Canvass"] * 3,
    is_reinspection=[False, False, False, True, False] * 3,
    failed=[True, False, True, True, None] * 3,
)


def backtest(scored=lambda key: 2, in_force=IN_FORCE):
    """Scores of every week, group and label, as many as ``scored`` says, by the models in force."""
    rows = [key for key in IN_FORCE for _ in range(scored(key))]
    models = {}
    for entry in (KNN, BASELINE):
        documents = {}
        for week in (A, B, C):
            named = [key for key in in_force if key[0] == week and key[1] == entry.asset.removesuffix("_model")]
            models_of_week = [
                {"model_group": group, "label": label, "model_id": f"{group}-{label}", "files": {}, "reason": None}
                for _, group, label in named
            ]
            documents[week - WEEK] = {"week": str(week - WEEK), "models": models_of_week}
        models[entry.asset] = WeeklyDocuments(documents)
    week, group, label = zip(*rows, strict=True)
    scores = frame(week=list(week), model_group=list(group), label=list(label))
    return {"feature_matrix": MATRIX, "backtest_scores": scores, **models}


def of(count, *, week, group="knn", label="failed"):
    """Two rows each, but of one model and week."""
    return backtest(lambda key: count if key == (week, group, label) else 2)


LATER = [key for key in IN_FORCE if key[0] != A]
CASES = [
    Case(EVERY_INSPECTION, "all by all", backtest()),
    Case(EVERY_INSPECTION, "no model in the first week", backtest(lambda key: 2 * (key in LATER), LATER)),
    Case(EVERY_INSPECTION, "one left out", of(1, week=B), (B,), "knn for failed: 1 of 2 inspections"),
    Case(EVERY_INSPECTION, "of one label", of(1, week=C, label=LABELS[1]), (C,), f"knn for {LABELS[1]}: 1 of 2"),
    Case(EVERY_INSPECTION, "one too many", of(3, week=A, group="baseline"), (A,), "baseline for failed: 3 of 2"),
    Case(EVERY_INSPECTION, "a model that scored nothing", of(0, week=B), (B,), "0 of 2 inspections"),
    Case(EVERY_INSPECTION, "by no model in force", backtest(in_force=LATER), (A,), "2 of 0 inspections"),
    Case(EVERY_INSPECTION, "another week's rows", backtest(), (B,), "2 of 0 inspections", weeks=[A, C]),
]
DAMAGES: list = []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


def test_what_is_scheduled_is_what_is_judged():
    (rule,) = rules(replace(Schedule(), inspection_types=("Canvass", "Complaint")), [KNN, BASELINE])
    assert not rule.apply([A, B, C], **backtest()).passed
    assert rule.apply([A, B, C], **backtest(lambda key: 3)).passed
