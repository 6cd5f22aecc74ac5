import itertools
import json
from dataclasses import replace
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics, selection
from food_inspections_dagster.modeling.rules import METRICS, SelectionRule
from food_inspections_dagster.modeling.selection import Decision, select, select_weeks
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.cases import BACKTEST_TYPES

FIRST = date(2010, 1, 4)
PER_WEEK = 40
WEEKS = week_range(FIRST, FIRST + WEEK * 29)
RULE = SelectionRule(evaluation_weeks=20, min_evaluation_rows=200, period_weeks=5)


def _backtests(noise: dict[str, float], weeks: int = 30, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Groups whose scores are the truth plus noise: the more noise, the worse the rank."""
    rng = np.random.default_rng(seed)
    n = weeks * PER_WEEK
    truth = rng.normal(-1.4, 1.0, n)
    week = np.repeat(np.arange(weeks), PER_WEEK)
    shared = {
        "week": [FIRST + WEEK * int(w) for w in week],
        "inspection_id": rng.permutation(n),
        "establishment_id": [f"L{e}" for e in rng.integers(0, n // 2, n)],
        "inspection_date": [
            FIRST + timedelta(days=int(7 * w + d)) for w, d in zip(week, np.arange(n) % 5, strict=True)
        ],
        "model_id": ["m"] * n,
        "label": rng.random(n) < 1 / (1 + np.exp(-truth)),
    }
    return {
        group: frames.table({**shared, "score": 1 / (1 + np.exp(-truth - rng.normal(0, much, n)))}, BACKTEST_TYPES)
        for group, much in noise.items()
    }


@pytest.fixture(scope="module")
def backtests() -> dict[str, pd.DataFrame]:
    return _backtests({"baseline": 4.0, "logistic_regression": 0.4, "xgboost": 0.4001, "knn": 1.0})


@pytest.fixture(scope="module")
def decisions(backtests: dict[str, pd.DataFrame]) -> list[Decision]:
    return select_weeks(backtests, RULE, WEEKS)


def test_metrics_are_those_of_the_window(backtests: dict[str, pd.DataFrame], decisions: list[Decision]) -> None:
    decision = decisions[-1]
    assert (decision.first_week, decision.last_week) == (FIRST + WEEK * 10, FIRST + WEEK * 29)
    assert decision.rows == 20 * PER_WEEK
    for group, frame in backtests.items():
        own = frame.loc[frame["week"] >= decision.first_week]
        score, label = own["score"].to_numpy(float), own["label"].to_numpy(bool)
        candidate = decision.candidate(group)
        assert candidate.metrics["roc_auc"].value == pytest.approx(metrics.roc_auc(score, label))
        assert candidate.metrics["brier"].value == pytest.approx(metrics.brier_losses(score, label).mean())
        assert candidate.metrics["base_rate"].value == pytest.approx(label.mean())
        starts = np.arange(0, len(own), PER_WEEK)
        expected = metrics.top_k(metrics.list_probability(score, starts, 0.25), label, starts)
        assert candidate.top_k == expected
        assert candidate.metrics["precision_at_k"].value == pytest.approx(expected.precision)
        period = np.arange(len(own)) // (5 * PER_WEEK)
        order = metrics.reorder(score, frames.days(own["inspection_date"]).astype(int), period)
        assert candidate.metrics["mean_days_earlier"].value == pytest.approx(order.days_earlier[label].mean())
        assert sum(bin["rows"] for bin in candidate.calibration) == decision.rows  # type: ignore[misc]
        for estimate in candidate.metrics.values():
            if estimate.low is not None:
                assert estimate.low <= estimate.value <= estimate.high  # type: ignore[operator]


def test_the_simplest_of_the_best_is_chosen(decisions: list[Decision]) -> None:
    # xgboost and logistic_regression are equally good; the preference order puts the latter first.
    assert decisions[-1].selected == "logistic_regression"
    assert any("comes first in the order of preference" in reason for reason in decisions[-1].reasons)


def test_tolerance_and_preference_decide(backtests: dict[str, pd.DataFrame]) -> None:
    week = WEEKS[-1]
    values = {c.group: c.metrics["roc_auc"].value for c in select(backtests, RULE, week).candidates}
    best = max(values, key=values.__getitem__)  # type: ignore[arg-type]
    assert select(backtests, replace(RULE, tie_tolerance=0), week).selected == best
    assert select(backtests, replace(RULE, tie_tolerance=1), week).selected == "baseline"
    unnamed = replace(RULE, tie_tolerance=1, preference_order=())
    assert select(backtests, unnamed, week).selected == "baseline"  # by name


def test_equal_candidates_are_told_apart_by_a_total_order(backtests: dict[str, pd.DataFrame]) -> None:
    same = backtests["knn"]
    for order, expected in [((), "a"), (("c", "b"), "c"), (("b",), "b")]:
        rule = replace(RULE, tie_tolerance=0, preference_order=order)
        forwards = select({"a": same, "b": same, "c": same}, rule, WEEKS[-1])
        backwards = select({"c": same, "b": same, "a": same}, rule, WEEKS[-1])
        assert forwards.selected == expected
        assert forwards.to_dict() == backwards.to_dict()


@pytest.mark.parametrize("metric", list(METRICS))
def test_each_metric_picks_the_better_of_two(metric: str) -> None:
    two = _backtests({"a": 4.0, "b": 0.01})
    rule = replace(RULE, metric=metric, tie_tolerance=0, preference_order=("a", "b"), baseline="a")
    assert select(two, rule, WEEKS[-1]).selected == "b"


def test_order_of_rows_changes_nothing(backtests: dict[str, pd.DataFrame], decisions: list[Decision]) -> None:
    shuffled = {g: f.sample(frac=1, random_state=i) for i, (g, f) in enumerate(backtests.items())}
    assert select(shuffled, RULE, WEEKS[-1]).to_dict() == decisions[-1].to_dict()


def test_later_weeks_change_no_decision(backtests: dict[str, pd.DataFrame], decisions: list[Decision]) -> None:
    at = 25
    until = {g: f.loc[f["week"] <= WEEKS[at]] for g, f in backtests.items()}
    assert select(until, RULE, WEEKS[at]).to_dict() == decisions[at].to_dict()


def test_better_than_baseline_with_an_interval(decisions: list[Decision]) -> None:
    comparison = decisions[-1].baseline
    assert comparison is not None and comparison.verdict == "better" and comparison.other == "baseline"
    assert 0 < comparison.difference.low < comparison.difference.value < comparison.difference.high  # type: ignore[operator]
    assert comparison.sentence in decisions[-1].reasons


def test_no_difference_is_claimed_where_none_is_shown() -> None:
    two = _backtests({"baseline": 1.0, "knn": 0.98})
    rule = replace(RULE, tie_tolerance=0, preference_order=())
    decision = select(two, rule, WEEKS[-1])
    if decision.selected == "baseline":
        assert decision.baseline is None and any("baseline itself" in r for r in decision.reasons)
    else:
        assert decision.baseline is not None and decision.baseline.verdict == "no difference shown"


# ---------------------------------------------------------------------- the group in use

PAIR = replace(RULE, evaluation_weeks=10, tie_tolerance=0, preference_order=(), baseline="none")


def _turning(better: float = 0.01, worse: float = 5.0) -> dict[str, pd.DataFrame]:
    """Two groups that change places half way."""
    good, bad = _backtests({"x": better})["x"], _backtests({"x": worse})["x"]
    turn = FIRST + WEEK * 15

    def spliced(one: pd.DataFrame, two: pd.DataFrame) -> pd.DataFrame:
        return pd.concat([one.loc[one["week"] < turn], two.loc[two["week"] >= turn]])

    return {"a": spliced(good, bad), "b": spliced(bad, good)}


def test_the_incumbent_is_what_the_decision_before_came_to(backtests: dict[str, pd.DataFrame]) -> None:
    decisions = select_weeks(backtests, RULE, WEEKS)
    for before, after in itertools.pairwise(decisions):
        assert after.incumbent == before.selected
    assert decisions[-1].reasons[-1] == "It was in use before." and decisions[-1].promotion is None
    first = next(decision for decision in decisions if decision.selected)
    assert first.incumbent is None and first.reasons[-1] == "No group was in use before."


def test_a_challenger_replaces_the_incumbent_once_it_is_surely_better() -> None:
    both = _turning()
    turn = FIRST + WEEK * 15
    made = select_weeks(both, PAIR, WEEKS[5:])
    for before, after in itertools.pairwise(made):
        assert after.incumbent == before.selected
    changes = [d for d in made if d.incumbent not in (None, d.selected)]
    assert [d.selected for d in changes] == ["b"] and turn < changes[0].week < turn + WEEK * 10
    promotion = changes[0].promotion
    assert promotion is not None and promotion.promoted and promotion.sentence in changes[0].reasons
    assert promotion.sentence.startswith("b replaces a: its roc_auc differs by +0.")
    # Before that it ranked better for weeks, though not surely: the group in use stayed.
    stayed = [d for d in made if d.promotion is not None and not d.promotion.promoted]
    assert stayed and all(turn < d.week < changes[0].week and d.selected == "a" for d in stayed)
    assert all("a stays in force: b is not shown to be better" in d.promotion.sentence for d in stayed)  # type: ignore[union-attr]
    for decision in stayed:
        of = {c.group: c.metrics["roc_auc"].value for c in decision.candidates}
        assert of["b"] > of["a"]  # type: ignore[operator]


def test_a_challenger_with_a_worse_audit_stays_out() -> None:
    both, asked = _turning(), []

    def outside(week: date, group: str) -> int:
        asked.append((week, group))
        return {"a": 1, "b": 2}[group]

    made = select_weeks(both, PAIR, WEEKS[5:], outside=outside)
    assert {d.selected for d in made if d.selected} == {"a"}
    last = made[-1].promotion
    assert last is not None and "its list has 2 groups outside the bounds, not 1" in last.sentence
    assert last.sentence in made[-1].reasons
    # Each is counted once for each week that needs it.
    assert len(asked) == len(set(asked)) and {group for _, group in asked} == {"a", "b"}
    equal = select_weeks(both, PAIR, WEEKS[5:], outside=lambda week, group: 2)
    assert [d.selected for d in equal] == [d.selected for d in select_weeks(both, PAIR, WEEKS[5:])]


def test_the_baseline_is_a_yardstick_whose_audit_nobody_has_to_match() -> None:
    def outside(week: date, group: str) -> int:
        raise AssertionError("no audit is needed to replace the baseline")

    rule = replace(PAIR, baseline="a")
    made = select_weeks(_turning(), rule, WEEKS[5:], outside=outside)
    assert made[-1].selected == "b" and {d.selected for d in made if d.week < FIRST + WEEK * 15} == {"a"}
    # It has still to be surely better.
    assert any(d.promotion is not None and not d.promotion.promoted for d in made)


def test_an_incumbent_that_is_no_candidate_any_more_is_replaced_at_once() -> None:
    both = _turning()
    gone = WEEKS[13]
    models = {w: {"a": None if w >= gone else "a1", "b": "b1"} for w in WEEKS}
    made = {d.week: d for d in select_weeks(both, PAIR, WEEKS[5:], models, outside=lambda week, group: group == "b")}
    assert (made[gone - WEEK].selected, made[gone - WEEK].selected_model_id) == ("a", "a1")
    assert (made[gone].selected, made[gone].selected_model_id, made[gone].promotion) == ("b", "b1", None)
    assert made[gone].incumbent == "a" and any("a is no candidate" in reason for reason in made[gone].reasons)


def _fortunes(quality: list[list[float]], gone: set[tuple[int, int]], per_week: int = 12) -> dict[str, pd.DataFrame]:
    """Groups whose scores are as good as ``quality`` says, by week and group; without the weeks of ``gone``."""
    rng = np.random.default_rng(1)
    n = len(quality) * per_week
    truth, week = rng.normal(-0.5, 1.0, n), np.repeat(np.arange(len(quality)), per_week)
    shared = {
        "week": np.datetime64(FIRST) + 7 * week,
        "inspection_id": np.arange(n),
        "establishment_id": [f"L{e}" for e in rng.integers(0, n, n)],
        "inspection_date": np.datetime64(FIRST) + 7 * week + np.arange(n) % 5,
        "model_id": ["m"] * n,
        "label": rng.random(n) < 1 / (1 + np.exp(-truth)),
    }
    made = {}
    for group, name in enumerate("abc"):
        share = np.repeat([of_week[group] for of_week in quality], per_week)
        score = 1 / (1 + np.exp(-share * truth - (1 - share) * rng.normal(0, 1.0, n)))
        kept = ~np.isin(week, [at for at, of in gone if of == group])
        made[name] = frames.table({**shared, "score": score}, BACKTEST_TYPES).loc[kept].reset_index(drop=True)
    return made


@settings(deadline=None, max_examples=15)
@given(
    st.lists(st.lists(st.floats(0, 1), min_size=3, max_size=3), min_size=16, max_size=24),
    st.sets(st.tuples(st.integers(0, 23), st.integers(0, 2)), max_size=12),
    st.sampled_from([1, 2, 3]),
    st.sampled_from([0.5, 0.8, 0.95]),
)
def test_neighbours_agree_on_the_group_in_use_whatever_came(quality, gone, every, confidence) -> None:
    """Each decision made alone, from the rows up to it: what one came to is what the next begins with."""
    rows = _fortunes(quality, gone)
    rule = SelectionRule(evaluation_weeks=4, min_evaluation_rows=30, period_weeks=2, confidence=confidence)
    weeks = week_range(FIRST, FIRST + WEEK * (len(quality) - 1))[::every]
    models = {week: {g: f"{g}{n}" if (n, at) not in gone else None for at, g in enumerate("abc")}
              for n, week in enumerate(week_range(FIRST, weeks[-1]))}  # fmt: skip

    def outside(week: date, group: str) -> int:
        return ((week - FIRST).days // 7 + ord(group)) % 3

    alone = []
    for week in weeks:
        until = {group: of_group.loc[of_group["week"] <= week] for group, of_group in rows.items()}
        alone += select_weeks(until, rule, [week], models, every, outside)
    assert alone[0].incumbent is None
    assert [one.incumbent for one in alone[1:]] == [one.selected for one in alone[:-1]]
    for one in alone:
        # It changes for a gain, or because there is no other choice.
        if one.incumbent not in (None, one.selected) and one.selected and not one.candidate(one.incumbent).excluded:
            assert one.promotion is not None and one.promotion.promoted
    together = select_weeks(rows, rule, weeks, models, every, outside)
    assert [one.to_dict() for one in together] == [one.to_dict() for one in alone]


def test_a_group_stays_in_use_until_another_is_surely_better_however_long_that_is() -> None:
    close = _turning(0.5, 0.54)
    seldom = replace(PAIR, confidence=0.999999)
    made = select_weeks(close, seldom, WEEKS[5:])
    assert {d.selected for d in made if d.selected} == {"a"}
    better = [d for d in made if d.promotion is not None]
    assert len(better) >= 10 and better[-1].week == WEEKS[-1]
    assert select_weeks(close, seldom, WEEKS[-1:])[0].to_dict() == made[-1].to_dict()


def test_decisions_lie_as_far_apart_as_fits() -> None:
    both = _turning()
    asked: list[date] = []

    def outside(week: date, group: str) -> int:
        asked.append(week)
        return 0

    made = select_weeks(both, PAIR, [WEEKS[28]], every_weeks=5, outside=outside)
    assert made[0].selected == "b" and set(asked) <= {WEEKS[28 - 5 * n] for n in range(6)}


def test_a_long_history_is_no_deep_recursion() -> None:
    """Twenty years of weekly decisions, decided at the end alone."""
    rows = {group: frame.head(1) for group, frame in _turning().items()}
    assert select_weeks(rows, PAIR, [FIRST + WEEK * 1_100])[0].selected is None


def test_too_few_rows_or_one_class_decide_nothing(
    backtests: dict[str, pd.DataFrame], decisions: list[Decision]
) -> None:
    assert (
        decisions[0].selected is None
        and "40 rows" in decisions[0].reasons[0]
        and "200 are needed" in decisions[0].reasons[0]
    )
    flat = {g: f.assign(label=pd.Series([False] * len(f)).astype(f["label"].dtype).array) for g, f in backtests.items()}
    decision = select(flat, RULE, WEEKS[-1])
    assert decision.selected is None and "same label" in decision.reasons[0]
    json.dumps(decision.to_dict(), allow_nan=False)


def test_no_backtest_rows_at_all() -> None:
    nothing = frames.empty(BACKTEST_TYPES)
    decision = select({"a": nothing, "b": nothing}, RULE, WEEKS[-1])
    assert decision.selected is None and decision.rows == 0
    assert all("scored none of the 0 rows" in c.excluded[0] for c in decision.candidates)
    json.dumps(decision.to_dict(), allow_nan=False)
    with pytest.raises(FoodInspectionsError, match="no model group to select from"):
        select({}, RULE, WEEKS[-1])


def test_groups_without_enough_rows_are_out_and_do_not_shrink_the_rest(
    backtests: dict[str, pd.DataFrame], decisions: list[Decision]
) -> None:
    late = backtests["logistic_regression"]
    late = late.loc[late["week"] >= WEEKS[-3]]
    decision = select({**backtests, "logistic_regression": late}, RULE, WEEKS[-1])
    assert decision.rows == decisions[-1].rows and decision.selected == "xgboost"
    out = decision.candidate("logistic_regression")
    assert out.metrics == {} and "less than 90% of them" in out.excluded[0]


def test_candidates_are_judged_on_their_common_rows(backtests: dict[str, pd.DataFrame]) -> None:
    short = backtests["knn"].drop(index=backtests["knn"].index[-15:])
    decision = select({**backtests, "knn": short}, RULE, WEEKS[-1])
    assert decision.rows == 20 * PER_WEEK - 15
    assert decision.candidate("xgboost").rows_scored == 20 * PER_WEEK


def test_a_group_without_a_model_cannot_be_chosen(backtests: dict[str, pd.DataFrame]) -> None:
    models = {w: {"baseline": "b1", "logistic_regression": None, "xgboost": "x1", "knn": "k1"} for w in WEEKS}
    decision = select(backtests, RULE, WEEKS[-1], models)
    assert (decision.selected, decision.selected_model_id) == ("xgboost", "x1")
    assert "no model for the week" in decision.candidate("logistic_regression").excluded[0]
    assert any("logistic_regression is no candidate" in reason for reason in decision.reasons)
    nobody = select(backtests, RULE, WEEKS[-1], {w: dict.fromkeys(backtests) for w in WEEKS})
    assert nobody.selected is None and nobody.reasons[0] == "Nothing is chosen: no group is a candidate."


def test_decisions_are_json(decisions: list[Decision]) -> None:
    for decision in decisions:
        plain = json.loads(json.dumps(decision.to_dict(), allow_nan=False))
        assert plain["week"] == decision.week.isoformat() and plain["rule"]["metric"] == "roc_auc"


def test_disagreeing_backtests_are_refused_by_week_with_the_way_out(backtests: dict[str, pd.DataFrame]) -> None:
    knn = backtests["knn"]
    flipped = knn.assign(label=knn["label"].where(knn["week"] != WEEKS[7], ~knn["label"]))
    with pytest.raises(FoodInspectionsError, match="'knn' disagrees with another group") as error:
        select({**backtests, "knn": flipped}, RULE, WEEKS[-1])
    assert f"the week of {WEEKS[7]}" in str(error.value) and "`food-inspections run`" in str(error.value)


def test_a_row_that_was_dated_anew_names_both_weeks(backtests: dict[str, pd.DataFrame]) -> None:
    """The old week's model document still holds the row, until it is made again."""
    moved = backtests["knn"].loc[backtests["knn"]["week"] == WEEKS[3]].head(1)
    moved = moved.assign(week=pd.Series([WEEKS[20]], moved.index, dtype=moved["week"].dtype))
    with pytest.raises(FoodInspectionsError, match="'knn' holds an inspection twice") as error:
        select({"knn": pd.concat([backtests["knn"], moved])}, RULE, WEEKS[-1])
    assert f"weeks of {WEEKS[3]}, {WEEKS[20]}" in str(error.value) and "`food-inspections run`" in str(error.value)
    assert str(moved["inspection_id"].iloc[0]) in str(error.value)


def test_weeks_are_dates_of_any_arrow_width(backtests: dict[str, pd.DataFrame], decisions: list[Decision]) -> None:
    stamp = pd.ArrowDtype(pa.timestamp("ms"))
    other = {g: f.assign(week=f["week"].astype(stamp)) for g, f in backtests.items()}
    assert select(other, RULE, WEEKS[-1]).to_dict() == decisions[-1].to_dict()


def _of_rows(rows: pd.DataFrame, last: date, rule: SelectionRule) -> dict[str, tuple[float, float]]:
    """Value and standard error of each metric from the rows of one window alone, each by its own formula."""
    rows = rows.sort_values(["week", "inspection_id"])
    score, label = rows["score"].to_numpy(float), rows["label"].to_numpy(bool)
    cluster = np.unique(rows["establishment_id"].to_numpy(dtype=str), return_inverse=True)[1]
    weeks, days = frames.days(rows["week"]), frames.days(rows["inspection_date"]).astype(int)
    starts = np.unique(weeks, return_index=True)[1]
    listed = metrics.list_probability(score, starts, rule.capacity_share)
    period = (np.datetime64(last) - weeks).astype(int) // (7 * rule.period_weeks)
    order = metrics.reorder(score, days, period)
    one = np.ones(len(score))
    sums = {
        "precision_at_k": (listed * label, listed),
        "recall_at_k": (listed * label, label),
        "mean_days_earlier": (order.days_earlier * label, label),
        "first_half_share": (order.first_half_simulated * label, label),
        "first_half_share_actual": (order.first_half * label, label),
        "brier": (metrics.brier_losses(score, label), one),
        "log_loss": (metrics.log_losses(score, label), one),
        "mean_score": (score, one),
        "base_rate": (label, one),
    }
    return {
        "roc_auc": (metrics.roc_auc(score, label), metrics.clustered_auc_se(score, label, cluster)),
        **{
            name: (over.sum() / under.sum(), metrics.clustered_ratio_se(over * 1.0, under * 1.0, cluster))
            for name, (over, under) in sums.items()
        },
    }


@pytest.mark.parametrize("evaluation_weeks", [20, 13])
def test_running_numbers_are_those_of_the_windows_rows(evaluation_weeks: int) -> None:
    """With tied scores, a group that lacks weeks, and a window that is no multiple of the period."""
    made = _backtests({"a": 0.5, "b": 1.0, "c": 2.0}, seed=3)
    made["b"] = made["b"].assign(score=made["b"]["score"].round(1))
    made["c"] = made["c"].loc[(made["c"]["week"] < WEEKS[12]) | (made["c"]["week"] > WEEKS[14])]
    rule = replace(RULE, evaluation_weeks=evaluation_weeks, min_coverage=0.8)
    for decision in select_weeks(made, rule, WEEKS[8:]):
        judged = [c.group for c in decision.candidates if c.metrics]
        common = set.intersection(*(set(made[g]["inspection_id"]) for g in judged))
        for candidate in (c for c in decision.candidates if c.metrics):
            rows = made[candidate.group]
            rows = rows.loc[(rows["week"] >= decision.first_week) & (rows["week"] <= decision.last_week)]
            expected = _of_rows(rows.loc[rows["inspection_id"].isin(common)], decision.week, rule)
            for name, (value, error) in expected.items():
                estimate = candidate.metrics[name]
                assert estimate.value == pytest.approx(value, rel=1e-12, abs=1e-12), name
                assert estimate.standard_error == pytest.approx(error, rel=1e-9, abs=1e-12), name


def test_no_week_depends_on_the_others_of_its_batch(backtests: dict[str, pd.DataFrame]) -> None:
    """To the last bit, with groups that come and go: sums that ran on from week to week would differ."""
    late = {**backtests, "knn": backtests["knn"].loc[backtests["knn"]["week"] >= WEEKS[9]]}
    whole = [d.to_dict() for d in select_weeks(late, RULE, WEEKS)]
    by_hand = [select(late, RULE, week).to_dict() for week in WEEKS]
    backwards = [d.to_dict() for d in select_weeks(late, RULE, WEEKS[::-1])][::-1]
    assert whole == by_hand == backwards


def test_estimates_without_an_interval_are_said_without_one(decisions: list[Decision]) -> None:
    candidate = decisions[-1].candidate("knn")
    precision = candidate.metrics["average_precision"]
    assert precision.value is not None and precision.interval is None
    assert selection.in_words(precision, 0.95) == f"{precision.value:.4f}"
    assert selection.in_words(metrics.Estimate(None), 0.95) == "undefined"
