import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.defs.bias.checks import in_use, rules
from food_inspections_dagster.inspections.chicago import protected_attributes
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling import fairness
from food_inspections_dagster.modeling.backtest import by_group
from food_inspections_dagster.modeling.fairness import OVERALL
from food_inspections_dagster.modeling.rules import AuditRule, Schedule
from food_inspections_dagster.modeling.schemas import OUTSIDE, UNCERTAIN, WITHIN
from food_inspections_dagster_tests.defs.cases import WEEKS, A, B, C, Case, frame

RULE = AuditRule(attributes=("facility_type", "risk"), evaluation_weeks=2, min_group_size=2, min_denominator=1)
SCHEDULE = Schedule(update_weeks=1)
LABELS = ("failed", "critical_violation")
GROUPS_ADD_UP, GROUPS_MAPPED, WITHIN_BOUNDS = rules(RULE, SCHEDULE, LABELS)
GROUP = "baseline"
PER_WEEK = 12
IDS = [at * 100 + number for at in range(len(WEEKS)) for number in range(PER_WEEK)]
HIGH, LOW = "Risk 1 (High)", "Risk 3 (Low)"


def backtest(label):
    """What a model gave to twelve inspections of each week; the labels differ in outcome and score."""
    turn = LABELS.index(label)
    numbers = list(range(len(IDS)))
    return frame(
        week=[week for week in WEEKS for _ in range(PER_WEEK)],
        label=label,
        model_group=GROUP,
        inspection_id=IDS,
        establishment_id=[f"L{number}" for number in IDS],
        inspection_date=[week for week in WEEKS for _ in range(PER_WEEK)],
        expected_find=0.5,
        priority=[(number * (5 + 2 * turn) % PER_WEEK) / PER_WEEK for number in numbers],
        outcome=[(number + turn) % 3 == 0 for number in numbers],
        model_id="abc",
    )


SCORES = pd.concat([backtest(label) for label in LABELS], ignore_index=True)
MATRIX = frame(
    inspection_id=IDS,
    facility_type=["Restaurant" if at % 2 == 0 else "School" for at in range(len(IDS))],
    zip="60601",
    risk=[1 if at % 4 < 3 else 3 for at in range(len(IDS))],
    community_area="LOOP",
    chain_or_single="single",
)
SELECTED = {A: None, B: GROUP, C: GROUP}
DECISIONS = WeeklyDocuments(
    {week: {"labels": {label: {"selected": group} for label in LABELS}} for week, group in SELECTED.items()}
)


def audited(matrix=MATRIX):
    tables = []
    for label in LABELS:
        rows = by_group(SCORES, label, "priority")
        attributes = protected_attributes(matrix)
        with_groups = {group: fairness.with_attributes(of, attributes) for group, of in rows.items()}
        report = fairness.audit_weeks(with_groups, RULE, SELECTED)
        tables.append([table.assign(label=label) for table in (report.table, fairness.with_overall(report))])
    return [pd.concat(parts, ignore_index=True) for parts in zip(*tables, strict=True)]


REPORT, VERDICTS = audited()


def adds_up(report=lambda rows: rows, verdicts=lambda rows: rows, matrix=MATRIX):
    """An audit, changed."""
    return {
        catalog.SELECTED_MODEL.asset: DECISIONS,
        "bias_report": report(REPORT.copy()),
        "bias_verdicts": verdicts(VERDICTS.copy()),
        "backtest_scores": SCORES,
        "feature_matrix": matrix,
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
    return {"bias_verdicts": frame(label="failed", **{name: list(values) for name, values in columns.items()})}


def relabelled(rows):
    assert len(rows[rows["label"] == LABELS[1]])
    return rows.assign(label=LABELS[0])


def turned(**changed):
    """The matrix with columns changed in the first rows of week C: they are audited there."""
    matrix = MATRIX.copy()
    for name, value in changed.items():
        column = matrix[name].tolist()
        column[2 * PER_WEEK : 2 * PER_WEEK + 2] = [value] * 2
        matrix[name] = pd.Series(column, dtype=matrix[name].dtype)
    return matrix


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
    Case(GROUPS_ADD_UP, "a label is missing", adds_up(without(label=LABELS[1]), without(label=LABELS[1])), (A, B, C)),
    Case(
        GROUPS_ADD_UP,
        "a week of a label is missing",
        adds_up(without(week=C, label=LABELS[1]), without(week=C, label=LABELS[1])),
        (C,),
        f"{LABELS[1]}: ",
    ),
    Case(GROUPS_MAPPED, "every group is there", adds_up()),
    Case(GROUPS_MAPPED, "one is missing", adds_up(without(week=C, group=HIGH)), (C,), HIGH),
    Case(
        GROUPS_MAPPED,
        "one is missing for a label",
        adds_up(without(week=C, group=HIGH, label=LABELS[1])),
        (C,),
        f"{LABELS[1]}: risk: {HIGH} in the rows or in the report only",
    ),
    Case(GROUPS_MAPPED, "of another size", adds_up(one_more), (C,), "in the report"),
    Case(GROUPS_MAPPED, "one that has no row", adds_up(matrix=turned(facility_type="Church")), (C,), "Church"),
    Case(
        WITHIN_BOUNDS,
        "outside",
        verdicts((C, *SCHOOL, OUTSIDE)),
        (C,),
        "failed: 1 group, such as facility_type School.",
    ),
    Case(WITHIN_BOUNDS, "the whole list is no group", verdicts((C, OVERALL, "the list", OUTSIDE))),
]
DAMAGES: list = []


def test_rows_of_no_known_group_are_a_warning_where_they_are_many():
    """Two of the 24 rows of week C's window are more than one in twenty, and fewer than one in ten."""
    matrix = turned(facility_type=None)
    values = adds_up(matrix=matrix) | dict(zip(("bias_report", "bias_verdicts"), audited(matrix), strict=True))
    for share, failing in ((0.05, {C}), (0.1, set())):
        _, mapped, _ = rules(AuditRule(**{**vars(RULE), "max_unknown_share": share}), SCHEDULE, LABELS)
        judged = mapped.apply(WEEKS, **values)
        assert set(judged.verdict.failing) == failing
    assert "2 of 24 rows have no group" in str(GROUPS_MAPPED.apply(WEEKS, **values).verdict.failing)


def test_between_two_fits_nothing_is_audited():
    every_other, *_ = rules(RULE, Schedule(update_weeks=2, first_week=A), LABELS)
    assert every_other.apply(WEEKS, **adds_up(without(week=B), without(week=B))).passed
    judged = every_other.apply(WEEKS, **adds_up())
    assert judged.verdict.failing == {B: "rows in a week without an audit"}


def test_the_group_in_use_is_that_of_the_label():
    assert in_use(DECISIONS, [A, C], "failed") == {A: None, C: GROUP}
    assert in_use(WeeklyDocuments({A: {"labels": {}}}), [A], "failed") == {A: None}


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


def test_report_and_verdicts_must_agree():
    judged = GROUPS_ADD_UP.apply(WEEKS, **adds_up(verdicts=other_verdict))
    assert not judged.passed and set(judged.verdict.failing) <= {B, C}
    assert all("disagree" in str(words) for words in judged.verdict.failing.values())
