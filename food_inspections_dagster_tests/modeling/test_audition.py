from dataclasses import replace
from datetime import date

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster import schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.audition import audition, choose, history
from food_inspections_dagster.modeling.rules import AUDITION_RULES, AuditionRule, RuleError
from food_inspections_dagster.modeling.schemas import AUDITIONS, EVALUATIONS
from food_inspections_dagster.weeks import WEEK

RULE = AuditionRule(preference_order=("steady", "early"))
#: AUC by period: one group was best early, one is best now, one is nearly the best always, and one never is.
AUCS = {
    "early": [0.72, 0.70, 0.66, 0.60],
    "late": [0.58, 0.60, 0.66, 0.70],
    "steady": [0.66, 0.69, 0.655, 0.695],
    "poor": [0.52, 0.52, 0.52, 0.52],
}
WEEKS = [date(2010, 4, 5) + WEEK * 13 * at for at in range(4)]


def _evaluations(values: dict[str, list[float]], metric: str = "roc_auc", **key: object) -> pd.DataFrame:
    rows = [
        {"week": week, "model_group": group, metric: value}
        for group, of_group in values.items()
        for week, value in zip(WEEKS, of_group, strict=True)
    ]
    fixed = {
        "test_weeks": 13,
        "label": "failed",
        "score": "expected_find",
        "subset_kind": "all",
        "subset": "all",
        "rows": 900,
        "positives": 180,
        "establishments": 880,
        **key,
    }
    empty = dict.fromkeys(EVALUATIONS.columns)
    return schemas.typed(pd.DataFrame.from_records([{**empty, **fixed, **row} for row in rows]), EVALUATIONS)


def _history(periods: int = 4) -> pd.DataFrame:
    return history(_evaluations(AUCS), "roc_auc", "failed", "expected_find", 13).iloc[:periods]


@pytest.mark.parametrize(
    ("rule", "after_two", "after_four"),
    [
        ("best_current_value", "early", "late"),
        ("best_average_value", "early", "steady"),
        ("lowest_metric_variance", "poor", "poor"),
        ("most_frequent_best_dist", "early", "steady"),
        ("best_avg_var_penalized", "early", "steady"),
        ("best_avg_recency_weight", "early", "steady"),
        ("preferred_within_tolerance", "early", "steady"),
    ],
)
def test_what_each_rule_chooses(rule: str, after_two: str, after_four: str) -> None:
    assert choose(_history(2), rule, RULE) == after_two
    assert choose(_history(), rule, RULE) == after_four


def test_parameters_of_rules_decide() -> None:
    two = pd.DataFrame({"wild": [0.5, 0.9], "calm": [0.66, 0.66]}, index=WEEKS[:2])
    assert choose(two, "best_avg_var_penalized", replace(RULE, stdev_penalty=0.1)) == "wild"
    assert choose(two, "best_avg_var_penalized", replace(RULE, stdev_penalty=0.5)) == "calm"
    turn = pd.DataFrame({"rising": [0.5, 0.6, 0.7], "falling": [0.72, 0.61, 0.5]}, index=WEEKS[:3])
    assert choose(turn, "best_avg_recency_weight", replace(RULE, current_weight=1)) == "falling"  # the plain mean
    assert choose(turn, "best_avg_recency_weight", replace(RULE, current_weight=2)) == "rising"
    # By hand: weights 1, 1.5, 2 of 4.5 in all.
    assert (0.5 + 0.6 * 1.5 + 0.7 * 2) > (0.72 + 0.61 * 1.5 + 0.5 * 2)
    assert choose(_history(), "preferred_within_tolerance", replace(RULE, tie_tolerance=0.001)) == "late"
    assert choose(_history(), "most_frequent_best_dist", replace(RULE, distance=0)) == "early"


def test_ties_go_by_preference_then_by_name_and_lower_can_be_better() -> None:
    same = pd.DataFrame({"b": [0.6], "a": [0.6], "c": [0.6]}, index=WEEKS[:1])
    assert choose(same, "best_average_value", replace(RULE, preference_order=("c",))) == "c"
    assert choose(same, "lowest_metric_variance", replace(RULE, preference_order=())) == "a"
    brier = pd.DataFrame({"good": [0.10, 0.12], "bad": [0.2, 0.2]}, index=WEEKS[:2])
    assert choose(brier, "best_average_value", replace(RULE, metric="brier")) == "good"
    assert choose(brier, "best_average_value", RULE) == "bad"


def test_only_groups_with_a_value_in_the_newest_period_can_be_chosen() -> None:
    table = pd.DataFrame({"gone": [0.9, np.nan], "new": [np.nan, 0.6], "old": [0.5, 0.55]}, index=WEEKS[:2])
    for rule in AUDITION_RULES:
        assert choose(table, rule, RULE) in ("new", "old", None)
    assert choose(table, "best_average_value", RULE) == "new"
    assert choose(table.iloc[:0], "best_average_value", RULE) is None
    assert choose(table * np.nan, "best_average_value", RULE) is None
    with pytest.raises(FoodInspectionsError, match=r"no rule of choice 'best_currant_value'.*best_current_value"):
        choose(table, "best_currant_value", RULE)


def test_regret_is_measured_in_the_period_after_the_choice() -> None:
    found = audition(_evaluations(AUCS), RULE)
    schemas.validated(AUDITIONS, found)
    assert sorted(found["week"].unique()) == WEEKS[1:]
    assert len(found) == 3 * len(AUDITION_RULES)
    for at in (1, 2, 3):
        rows = found.loc[found["week"] == WEEKS[at]].set_index("rule")
        values = {group: of_group[at] for group, of_group in AUCS.items()}
        assert (rows["decided"] == WEEKS[at - 1]).all() and (rows["candidates"] == 4).all()
        assert rows["best_value"].to_numpy(float) == pytest.approx(max(values.values()))
        for name in set(AUDITION_RULES) - {"random"}:
            chosen = choose(_history(at), name, RULE)
            assert rows.loc[name, "model_group"] == chosen
            assert rows.loc[name, "regret"] == pytest.approx(max(values.values()) - values[str(chosen)])
        assert pd.isna(rows.loc["random", "model_group"])
        assert rows.loc["random", "value"] == pytest.approx(np.mean(list(values.values())))


def test_nothing_looks_ahead() -> None:
    found = audition(_evaluations(AUCS), RULE)
    later = {group: [*values[:3], 1 - values[3]] for group, values in AUCS.items()}
    other = audition(_evaluations(later), RULE)
    before = found["week"] < WEEKS[3]
    pd.testing.assert_frame_equal(found.loc[before], other.loc[before])
    assert found["model_group"].equals(other["model_group"])  # what is chosen does not know what it is judged on


def test_of_a_metric_that_should_be_low_regret_is_what_is_too_much() -> None:
    briers = {"good": [0.10, 0.11, 0.12, 0.13], "bad": [0.2, 0.1, 0.2, 0.2]}
    found = audition(_evaluations(briers, "brier"), replace(RULE, metric="brier", rules=("best_current_value",)))
    assert found["model_group"].tolist() == ["good", "bad", "good"]
    assert found["regret"].tolist() == pytest.approx([0.01, 0.08, 0.0])
    assert found["best_group"].tolist() == ["bad", "good", "good"]


def test_labels_answers_and_lengths_are_told_apart_and_overlapping_periods_do_not_teach() -> None:
    long = _evaluations(AUCS, test_weeks=26, label="critical_violation")
    other = _evaluations(AUCS, subset_kind="side", subset="North")
    found = audition(pd.concat([long, other, _evaluations(AUCS, score="own_risk")]), RULE)
    assert set(zip(found["label"], found["score"], found["test_weeks"], strict=True)) == {
        ("critical_violation", "expected_find", 26),
        ("failed", "own_risk", 13),
    }
    of_long = found.loc[found["test_weeks"] == 26]
    # A period of 26 weeks that ends 13 weeks before shares half of its weeks with the one that is judged.
    assert set(zip(of_long["decided"], of_long["week"], strict=True)) == {(WEEKS[0], WEEKS[2]), (WEEKS[1], WEEKS[3])}
    assert len(audition(_evaluations(AUCS).head(0), RULE)) == 0


def test_a_rule_that_is_unknown_is_refused() -> None:
    with pytest.raises(RuleError, match="no rule of choice"):
        AuditionRule(rules=("best",))
    with pytest.raises(RuleError, match="no metric"):
        AuditionRule(metric="auc")
