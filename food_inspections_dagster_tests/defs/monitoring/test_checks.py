import pytest

from food_inspections_dagster.defs.monitoring.checks import rules
from food_inspections_dagster.modeling.rules import MonitoringRule
from food_inspections_dagster.modeling.schemas import (
    ABOVE_PROMISE,
    AS_PROMISED,
    BELOW_PROMISE,
    DRIFTED,
    STABLE,
    TOO_FEW,
)
from food_inspections_dagster_tests.defs.cases import A, B, C, Case, frame

NO_DRIFT, NO_DECAY, NO_SILENCE = rules(MonitoringRule())
NAMES = ["failed", "rate", "kind", "age"]


def drift(verdicts, **changed):
    """Two weeks, the newest with these verdicts."""
    columns = {
        "week": [B] * 4 + [C] * 4,
        "kind": ["score", "feature", "feature", "feature"] * 2,
        "name": NAMES * 2,
        "window_first": A,
        "rows": 2_000,
        "reference_first": A,
        "reference_last": B,
        "reference_rows": 20_000,
        "psi": [0.05] * 4 + [0.3, 0.5, 0.4, 0.25],
        "psi_by_chance": 0.01,
        "psi_before": [0.1, 0.1, None, 0.1] * 2,
        "mean": [0.3, 0.4, None, 7.0] * 2,
        "reference_mean": [0.2, 0.4, None, 5.0] * 2,
        "unknown_share": [0.0, 0.5, 0.0, 0.0] * 2,
        "reference_unknown_share": [0.0, 0.1, 0.0, 0.0] * 2,
        "verdict": [STABLE] * 4 + verdicts,
    }
    return {"drift": frame(**{**columns, **changed})}


def outcomes(verdicts, inspections=(170, 170), weeks=(B, C)):
    """Two weeks of both labels and of a subset, with these verdicts of the labels in the newest one."""
    labels = ["failed", "critical_violation", "failed"]
    before = [AS_PROMISED, AS_PROMISED, None]
    return {
        "outcomes": frame(
            week=[weeks[0]] * 3 + [weeks[1]] * 3,
            label=labels * 2,
            subset_kind=["all", "all", "side"] * 2,
            subset=["all", "all", "West"] * 2,
            model_group="ridge",
            decided=A,
            window_first=A,
            window_inspections=[2_000, 2_000, 300] * 2,
            inspections=[inspections[0], inspections[0], 0, inspections[1], inspections[1], 0],
            roc_auc=[0.61, 0.55, None] * 2,
            roc_auc_low=[0.58, 0.52, None] * 2,
            roc_auc_high=[0.64, 0.58, None] * 2,
            precision_at_k=[0.3, 0.2, 0.3] * 2,
            precision_at_k_low=[0.27, None, 0.2] * 2,
            precision_at_k_high=[0.33, None, 0.4] * 2,
            promised_roc_auc=[0.62, 0.64, None] * 2,
            promised_roc_auc_low=[0.6, 0.62, None] * 2,
            promised_roc_auc_high=[0.64, 0.66, None] * 2,
            promised_precision_at_k=[0.31, None, None] * 2,
            promised_precision_at_k_low=[0.29, None, None] * 2,
            promised_precision_at_k_high=[0.33, None, None] * 2,
            verdict=[*before, *verdicts, None],
        )
    }


GONE = drift([DRIFTED] * 4)
EARLIER = drift([STABLE] * 4, verdict=[DRIFTED] * 4 + [STABLE] * 4)
BLIND = outcomes([AS_PROMISED, BELOW_PROMISE])
SILENT = outcomes([TOO_FEW, TOO_FEW], inspections=(170, 0))

CASES = [
    Case(NO_DRIFT, "nothing has moved", drift([STABLE] * 4)),
    Case(NO_DRIFT, "too few to judge", drift([TOO_FEW] * 4)),
    Case(NO_DRIFT, "an earlier week", EARLIER, (), "'earlier_rows': 4"),
    Case(NO_DRIFT, "no week with a list", {"drift": drift([STABLE] * 4)["drift"].iloc[:0]}),
    Case(NO_DRIFT, "the others are counted", GONE, (C,), "(and 1 more). Above 0.2 a distribution has moved"),
    Case(NO_DRIFT, "in numbers", GONE, (C,), "rate has moved: index 0.50 (before up to 0.10, by chance 0.01) in "
         f"2,000 inspections since {A} against 20,000 from {A} to {B}, mean 0.4 instead of 0.4, unknown 50% instead of "
         "10%"),
    Case(NO_DRIFT, "a category", GONE, (C,), "kind has moved: index 0.40 (by chance 0.01) in 2,000 inspections since "
         f"{A} against 20,000 from {A} to {B}; Scores of failed have moved"),
    Case(NO_DRIFT, "what to do", GONE, (C,), "have models fitted sooner (models.schedule.update_weeks)"),
    Case(NO_DECAY, "as promised", outcomes([AS_PROMISED, ABOVE_PROMISE])),
    Case(NO_DECAY, "too few to judge", outcomes([TOO_FEW, TOO_FEW])),
    Case(NO_DECAY, "an earlier week", outcomes([BELOW_PROMISE] * 2, weeks=(A, B)), (), "'earlier_weeks': 1"),
    Case(NO_DECAY, "no week with a list", {"outcomes": outcomes([None] * 2)["outcomes"].iloc[:0]}),
    Case(NO_DECAY, "below", BLIND, (C,), f"critical_violation: since {A} ridge has reached an AUC of 0.550 (0.520 to "
         f"0.580) and a precision at capacity of 0.200 in 2,000 inspections, where the decision of {A} "
         f"promised 0.640 (0.620 to 0.660) and nothing."),
    Case(NO_DECAY, "what to do", BLIND, (C,), "See in monitoring.drift which inputs have moved"),
    Case(NO_SILENCE, "visits in every week", outcomes([AS_PROMISED] * 2)),
    Case(NO_SILENCE, "an earlier silence", outcomes([AS_PROMISED] * 2, (0, 170)), (), "'silent_weeks': 1"),
    Case(NO_SILENCE, "no week with a list", {"outcomes": outcomes([None] * 2)["outcomes"].iloc[:0]}),
    Case(NO_SILENCE, "a silent week", SILENT, (C,), f"No scheduled inspection followed the list for {C}; in the weeks "
         f"since {A} there were 2,000."),
    Case(NO_SILENCE, "what to do", SILENT, (C,), "models.schedule.inspection_types"),
]  # fmt: skip
DAMAGES: list = []


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


def test_the_promise_is_told_with_its_interval():
    told = NO_DECAY.apply([A, B, C], **outcomes([BELOW_PROMISE, BELOW_PROMISE])).description
    assert "promised 0.620 (0.600 to 0.640) and 0.310 (0.290 to 0.330)" in told
    assert "nan" not in told and "<NA>" not in told
