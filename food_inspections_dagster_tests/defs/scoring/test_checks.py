import pytest

from food_inspections_dagster.defs.scoring.checks import EXPLAINED_RANKS, rules
from food_inspections_dagster.inspections.cohorts import ATTRIBUTES
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.cases import A, B, C, Case, frame

RANKS, COHORT_COMPLETE, REASONS = rules(window_days=365)


def listed(*ranks, reason="It failed last time"):
    """Lists of A (whole) and B (with these ranks)."""
    both = [1, 2, *ranks]
    return {"scores": frame(week=[A, A] + [B] * len(ranks), rank=both, reason_1=[reason] * len(both))}


def unexplained(rank):
    places = list(range(1, EXPLAINED_RANKS + 2))
    return {"scores": frame(week=B, rank=places, reason_1=[None if place == rank else "x" for place in places])}


# L1 and L2 are in business; L3 went out of it; L4 was never seen before C ended.
HISTORY = frame(
    week=[A, A, B, C],
    inspection_id=[1, 2, 3, 4],
    establishment_id=["L1", "L2", "L3", "L4"],
    inspection_date=[A, A, B, C + WEEK],
    results=["Pass", "Fail", "Out of Business", "Pass"],
    **{name: ["Restaurant"] * 4 if name == "facility_type" else ["x"] * 4 for name in ATTRIBUTES},
)


def list_of(*establishments, week=C, selected="baseline"):
    """One list; in the other weeks nothing is selected."""
    scores = frame(week=[week] * max(1, len(establishments)), establishment_id=list(establishments) or ["L1"])
    decisions = WeeklyDocuments({one: {"selected": selected if one == week else None} for one in (A, B, C)})
    return {"inspections": HISTORY, "selected_model": decisions, "scores": scores.iloc[: len(establishments)]}


CASES = [
    Case(RANKS, "one after the other", listed(2, 1, 3)),
    Case(RANKS, "twice the same", listed(1, 2, 2), (B,)),
    Case(RANKS, "a gap", listed(1, 2, 4), (B,)),
    Case(RANKS, "not from 1", listed(2, 3), (B,)),
    Case(COHORT_COMPLETE, "everybody in business", list_of("L1", "L2")),
    Case(COHORT_COMPLETE, "one missing", list_of("L1"), (C,), "1 missing, 0 too many"),
    Case(COHORT_COMPLETE, "one that is closed", list_of("L1", "L2", "L3"), (C,), "0 missing, 1 too many"),
    Case(COHORT_COMPLETE, "one that comes later", list_of("L1", "L2", "L4"), (C,)),
    Case(COHORT_COMPLETE, "no list where nothing is selected", list_of(selected=None)),
    Case(COHORT_COMPLETE, "an older list", list_of("L1", "L2", week=A)),
    Case(COHORT_COMPLETE, "one missing on an older list", list_of("L1", week=A), (A,), "1 missing, 0 too many"),
    Case(COHORT_COMPLETE, "a list by no model", list_of("L1", selected=None), (C,)),
    Case(REASONS, "all explained", unexplained(None)),
    Case(REASONS, "one place is not", unexplained(3), (B,), "1 places"),
    Case(REASONS, "one far down is not", unexplained(EXPLAINED_RANKS + 1)),
]
DAMAGES: list = []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()
