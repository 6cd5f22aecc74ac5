import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster.defs.scoring.checks import EXPLAINED_RANKS, rules
from food_inspections_dagster.inspections.cohorts import ATTRIBUTES
from food_inspections_dagster.inspections.licences import LICENCE_COLUMNS
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.scoring import NO_REASON
from food_inspections_dagster.schemas import arrow_types
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.cases import A, B, C, Case, frame

LABELS = ("failed", "critical_violation")
RANKS, COHORT_COMPLETE, REASONS = rules(365, LABELS)
NAMES = ("rank", "expected_find_rank", "own_risk_rank")


def listed(*ranks, name="rank", label="failed"):
    """Lists of A (whole) and B (with these ranks under this name) of two labels."""
    parts = []
    for each in LABELS:
        these = ranks if each == label else range(1, len(ranks) + 1)
        whole = range(1, len(ranks) + 1)
        columns = {one: [1, 2, *(these if one == name else whole)] for one in NAMES}
        parts.append(frame(week=[A, A] + [B] * len(ranks), label=each, **columns))
    return {"scores": pd.concat(parts, ignore_index=True)}


def unexplained(ranks, label="failed", reason=None, model_group="xgboost"):
    """Lists of B, of which some places have no reason."""
    places = list(range(1, EXPLAINED_RANKS + 2))
    parts = [
        frame(
            week=B,
            label=each,
            rank=places,
            model_group=model_group,
            reason_1=[reason if place in ranks and each == label else "x" for place in places],
        )
        for each in LABELS
    ]
    return {"scores": pd.concat(parts, ignore_index=True)}


# L1 and L2 are in business; L3 went out of it; L4 was never seen before C ended.
HISTORY = frame(
    week=[A, A, B, C],
    inspection_id=[1, 2, 3, 4],
    establishment_id=["L1", "L2", "L3", "L4"],
    inspection_date=[A, A, B, C + WEEK],
    results=["Pass", "Fail", "Out of Business", "Pass"],
    **{
        name: pa.array([None] * 4, pa.float64()) if name in ("latitude", "longitude") else ["x"] * 4
        for name in ATTRIBUTES
        if name not in ("risk", "license_")
    },
    risk=pa.array([1] * 4, pa.int16()),
    license_=[1, 2, 3, 4],
)
# L5 has a licence for food and was never inspected; L6 gets one after C ended; L7's has ended.
LICENCES = frame(
    **{
        name: pa.array([None] * 3, arrow_types(SOURCES["business_licenses"].schema)[name])
        for name in LICENCE_COLUMNS
        if name not in ("license_number", "license_start_date", "expiration_date", "license_code", "week")
    }
).assign(
    **frame(
        week=[A, C, A],
        license_number=[5, 6, 7],
        license_start_date=[A, C + WEEK, A],
        expiration_date=[C + 100 * WEEK, C + 100 * WEEK, B],
        license_code=pa.array([1006] * 3, pa.int32()),
    )
)


def list_of(*establishments, week=C, selected="baseline", other=(), label="failed", licences=None):
    """One list of a label; in the other weeks, and of the other label unless given, nothing is selected."""
    rows = [(week, label, name) for name in establishments] + [(week, "critical_violation", name) for name in other]
    columns = dict(
        zip(("week", "label", "establishment_id"), zip(*(rows or [(week, label, "L1")]), strict=True), strict=True)
    )
    scores = frame(**{name: list(values) for name, values in columns.items()}).iloc[: len(rows)]
    decisions = {}
    for one in (A, B, C):
        labels = {label: {"selected": selected if one == week else None}}
        if other:
            labels["critical_violation"] = {"selected": "knn" if one == week else None}
        decisions[one] = {"labels": labels}
    values = {"inspections": HISTORY, "selected_model": WeeklyDocuments(decisions), "scores": scores}
    return values if licences is None else {**values, "business_licenses": licences}


CASES = [
    Case(RANKS, "one after the other", listed(2, 1, 3)),
    *(
        case
        for name in NAMES
        for case in (
            Case(RANKS, f"twice the same {name}", listed(1, 2, 2, name=name), (B,), f"{name} of failed: 3 places"),
            Case(RANKS, f"a gap in {name}", listed(1, 2, 4, name=name), (B,)),
            Case(RANKS, f"{name} not from 1", listed(2, 3, name=name), (B,)),
        )
    ),
    Case(RANKS, "a gap of one label", listed(1, 3, label=LABELS[1]), (B,), f"rank of {LABELS[1]}"),
    Case(COHORT_COMPLETE, "everybody in business", list_of("L1", "L2")),
    Case(COHORT_COMPLETE, "on the lists of both labels", list_of("L1", "L2", other=("L1", "L2"))),
    Case(COHORT_COMPLETE, "one missing", list_of("L1"), (C,), "failed: 1 missing, 0 too many"),
    Case(
        COHORT_COMPLETE,
        "one missing for a label",
        list_of("L1", "L2", other=("L2",)),
        (C,),
        "critical_violation: 1 missing, 0 too many",
    ),
    Case(COHORT_COMPLETE, "one that is closed", list_of("L1", "L2", "L3"), (C,), "0 missing, 1 too many"),
    Case(COHORT_COMPLETE, "one that comes later", list_of("L1", "L2", "L4"), (C,)),
    Case(COHORT_COMPLETE, "who is new by a licence", list_of("L1", "L2", "L5", licences=LICENCES)),
    Case(COHORT_COMPLETE, "who is new is missing", list_of("L1", "L2", licences=LICENCES), (C,), "1 missing"),
    Case(COHORT_COMPLETE, "without the source", list_of("L1", "L2", "L5"), (C,), "1 too many"),
    Case(
        COHORT_COMPLETE,
        "a licence that comes later",
        list_of("L1", "L2", "L5", "L6", licences=LICENCES),
        (C,),
        "1 too many",
    ),
    Case(COHORT_COMPLETE, "a licence that has ended", list_of("L1", "L2", "L5", "L7", licences=LICENCES), (C,)),
    Case(COHORT_COMPLETE, "no list where nothing is selected", list_of(selected=None)),
    Case(COHORT_COMPLETE, "an older list", list_of("L1", "L2", week=A)),
    Case(COHORT_COMPLETE, "one missing on an older list", list_of("L1", week=A), (A,), "1 missing, 0 too many"),
    Case(COHORT_COMPLETE, "a list by no model", list_of("L1", selected=None), (C,)),
    Case(REASONS, "all explained", unexplained([])),
    Case(REASONS, "one place is not", unexplained([3]), (B,), "failed: of 1000 places 1 without"),
    Case(
        REASONS,
        "one place of a label is not",
        unexplained([3], LABELS[1]),
        (B,),
        f"{LABELS[1]}: of 1000 places 1 without",
    ),
    Case(REASONS, "nothing stands out in few places", unexplained(range(1, 51), reason=NO_REASON)),
    Case(
        REASONS,
        "nothing stands out in many",
        unexplained(range(1, 52), reason=NO_REASON),
        (B,),
        "failed: of 1000 places 0 without words, 51 with no reason",
    ),
    Case(REASONS, "an algorithm explains its first places only", unexplained([101], model_group="estimator[C=1]")),
    Case(REASONS, "and these it does not", unexplained([100], model_group="estimator[C=1]"), (B,), "of 100 places 1"),
    Case(REASONS, "one far down is not", unexplained([EXPLAINED_RANKS + 1])),
]
DAMAGES: list = []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()
