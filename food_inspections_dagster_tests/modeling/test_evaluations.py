import math
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.evaluations import SCORE_TYPES, VISIT_TYPES, evaluate, evaluate_weeks
from food_inspections_dagster.modeling.rules import Schedule, ValidationRule
from food_inspections_dagster.modeling.schemas import EVALUATIONS, EVALUATIONS_AT_K
from food_inspections_dagster.modeling.splits import Period, periods_ending
from food_inspections_dagster.weeks import WEEK, week_range

FIRST = date(2010, 1, 4)
SCHEDULE = Schedule(update_weeks=4)
RULE = ValidationRule(test_durations=(4,), min_subset_rows=20, top_counts=(7, 10_000), top_percents=(10.0,))
WEEKS = week_range(FIRST, FIRST + WEEK * 12)
PER_WEEK = 30
PERIODS = periods_ending(WEEKS, SCHEDULE, RULE)


def _visits() -> pd.DataFrame:
    rng = np.random.default_rng(4)
    week = np.repeat(np.arange(len(WEEKS)), PER_WEEK)
    n = len(week)
    values = {
        "week": [FIRST + WEEK * int(w) for w in week],
        "inspection_id": rng.permutation(n) + 100,
        "establishment_id": [f"L{e}" for e in rng.integers(0, n // 2, n)],
        "inspection_date": [
            FIRST + timedelta(days=int(7 * w + d)) for w, d in zip(week, rng.integers(0, 5, n), strict=True)
        ],
        "in_cohort": rng.random(n) < 0.8,
        "first_visit": rng.random(n) < 0.2,
        "reinspected": rng.random(n) < 0.3,
        "zip": [None if z == 0 else f"6060{z}" for z in rng.integers(0, 6, n)],
        "inspector": [None if i == 0 else f"block {i}" for i in rng.integers(0, 5, n)],
        "facility_type": rng.choice(["Restaurant", "School", "Bakery"], n, p=[0.8, 0.17, 0.03]),
        "side": [None] * n,
    }
    return frames.table(values, {**VISIT_TYPES, "facility_type": pa.string(), "side": pa.string()})


def _scores(visits: pd.DataFrame, seed: int = 0) -> pd.DataFrame:
    """Two labels and two groups, of which one has many ties and no second answer."""
    rng = np.random.default_rng(seed)
    parts = []
    for label in ("critical_violation", "failed"):
        risk = rng.beta(2, 6, len(visits))
        outcome = rng.random(len(visits)) < risk
        for group, digits in (("baseline", 1), ("xgboost", 6)):
            values = {
                "week": visits["week"],
                "inspection_id": visits["inspection_id"],
                "model_group": [group] * len(visits),
                "label": [label] * len(visits),
                "expected_find": np.round(np.clip(risk + rng.normal(0, 0.1, len(visits)), 0, 1), digits),
                "own_risk": np.full(len(visits), np.nan) if group == "baseline" else np.round(risk, 3),
                "priority": np.round(risk, 2),
                "outcome": outcome,
            }
            parts.append(frames.table(values, SCORE_TYPES))
    return pd.concat(parts, ignore_index=True)


@pytest.fixture(scope="module")
def visits() -> pd.DataFrame:
    return _visits()


@pytest.fixture(scope="module")
def scores(visits: pd.DataFrame) -> pd.DataFrame:
    return _scores(visits)


@pytest.fixture(scope="module")
def tables(scores: pd.DataFrame, visits: pd.DataFrame) -> tuple[pd.DataFrame, pd.DataFrame]:
    return evaluate_weeks(scores, visits, WEEKS, SCHEDULE, RULE)


def _one(table: pd.DataFrame, **key: Any) -> Mapping[str, Any]:
    rows = table
    for name, value in key.items():
        rows = rows.loc[rows[name] == value]
    assert len(rows) == 1
    return rows.iloc[0]


KEY = {"label": "failed", "model_group": "baseline", "score": "expected_find"}


def _rows(scores: pd.DataFrame, visits: pd.DataFrame, period: Period) -> pd.DataFrame:
    own = scores.loc[(scores["label"] == KEY["label"]) & (scores["model_group"] == KEY["model_group"])]
    own = own.loc[(own["week"] >= period.first) & (own["week"] <= period.last)].drop(columns="week")
    return visits.merge(own, on="inspection_id").sort_values(["week", "inspection_id"], ignore_index=True)


def test_tables_keep_their_schemas_and_hold_every_period_group_and_answer(
    tables: tuple[pd.DataFrame, pd.DataFrame],
) -> None:
    wide, at_k = tables
    schemas.validated(EVALUATIONS, wide)
    schemas.validated(EVALUATIONS_AT_K, at_k)
    whole = wide.loc[wide["subset_kind"] == "all"]
    assert len(whole) == 3 * 2 * (3 + 2)  # periods, labels, and answers: three of one group, two of the other
    assert sorted(wide["week"].unique()) == [WEEKS[4], WEEKS[8], WEEKS[12]]
    assert set(zip(wide["subset_kind"], wide["subset"], strict=True)) == {
        ("all", "all"),
        ("cohort", "in the cohort"),
        ("cohort", "outside the cohort"),
        ("history", "first visit"),
        ("history", "seen before"),
        ("history", "re-inspected within a year"),
        ("facility_type", "Restaurant"),
        ("facility_type", "School"),
    }
    assert (whole["rows"] == 4 * PER_WEEK).all()


def test_all_inspections_have_the_metrics_of_a_single_set(
    scores: pd.DataFrame, visits: pd.DataFrame, tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    period = PERIODS[1]
    found = _one(tables[0], week=period.last, subset_kind="all", **KEY)
    rows = _rows(scores, visits, period)
    score, label = rows["expected_find"].to_numpy(float), rows["outcome"].to_numpy(bool)
    establishment, days = frames.codes(rows["establishment_id"]), frames.days(rows["inspection_date"]).astype(int)
    assert (found["rows"], found["positives"]) == (len(rows), label.sum())
    assert found["establishments"] == rows["establishment_id"].nunique()
    for name, value in metrics.threshold_free(score, label).items():
        assert found[name] == pytest.approx(value)
    reach = metrics.z_of(0.95) * metrics.clustered_auc_se(score, label, establishment)
    assert (found["roc_auc_low"], found["roc_auc_high"]) == pytest.approx(
        (found["roc_auc"] - reach, found["roc_auc"] + reach)
    )
    starts = np.arange(0, len(rows), PER_WEEK)
    listed = metrics.list_probability(score, starts, 0.25)
    lists = metrics.top_k(listed, label, starts)
    for name in ("precision", "recall"):
        for end in ("", "_worst", "_best"):
            assert found[f"{name}_at_k{end}"] == pytest.approx(getattr(lists, name + end))
    reach = metrics.z_of(0.95) * metrics.clustered_ratio_se(listed * label, listed, establishment)
    assert found["precision_at_k_high"] - found["precision_at_k"] == pytest.approx(reach)
    order = metrics.reorder(score, days, np.zeros(len(rows), dtype=int))
    assert found["mean_days_earlier"] == pytest.approx(order.days_earlier[label].mean())
    assert found["first_half_share"] == pytest.approx(order.first_half_simulated[label].mean())
    assert found["first_half_share_actual"] == pytest.approx(order.first_half[label].mean())
    assert found["mean_score"] == pytest.approx(score.mean()) and found["base_rate"] == pytest.approx(label.mean())
    for name, column in (("zip", "zip"), ("inspector", "inspector")):
        part = rows.loc[rows[column].notna()]
        group = frames.codes(part[column])
        order = metrics.reorder(
            part["expected_find"].to_numpy(float), frames.days(part["inspection_date"]).astype(int), group
        )
        own = part["outcome"].to_numpy(bool)
        assert found[f"mean_days_earlier_within_{name}"] == pytest.approx(order.days_earlier[own].mean())
        pairs = [
            (a > b) + (a == b) / 2
            for code in range(group.max() + 1)
            for a in part["expected_find"].to_numpy(float)[(group == code) & own]
            for b in part["expected_find"].to_numpy(float)[(group == code) & ~own]
        ]
        assert found[f"roc_auc_within_{name}"] == pytest.approx(np.mean(pairs))
        assert found[f"roc_auc_within_{name}_low"] < np.mean(pairs) < found[f"roc_auc_within_{name}_high"]


def test_precision_and_recall_at_k(
    scores: pd.DataFrame, visits: pd.DataFrame, tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    period = PERIODS[0]
    rows = _rows(scores, visits, period)
    score, label = rows["expected_find"].to_numpy(float), rows["outcome"].to_numpy(bool)
    for unit, top, k in (("count", 7.0, 7), ("percent", 10.0, 12), ("count", 10_000.0, 120)):
        found = _one(tables[1], week=period.last, subset_kind="all", unit=unit, top=top, **KEY)
        start = np.array([0])
        expected = metrics.top_k(metrics.list_probability(score, start, k / len(rows)), label, start)
        assert found["k"] == expected.k == k
        for name in ("precision", "precision_worst", "precision_best", "recall", "recall_worst", "recall_best"):
            assert found[name] == pytest.approx(getattr(expected, name))
    assert found["precision_worst"] == found["precision"] == label.mean() and found["recall"] == 1
    assert not tables[1]["subset_kind"].isin(["facility_type"]).any()


def test_a_subset_is_judged_as_if_it_were_all(
    scores: pd.DataFrame, visits: pd.DataFrame, tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    only = visits.loc[visits["facility_type"] == "School"]
    found, _ = evaluate(scores.loc[scores["inspection_id"].isin(only["inspection_id"])], only, PERIODS, RULE)
    alone = found.loc[found["subset_kind"] == "all"].drop(columns=["subset_kind", "subset"])
    among = tables[0].loc[tables[0]["subset"] == "School"].drop(columns=["subset_kind", "subset"])
    pd.testing.assert_frame_equal(alone.reset_index(drop=True), among.reset_index(drop=True))


def test_a_period_has_the_same_bytes_whatever_is_evaluated_with_it(
    scores: pd.DataFrame, visits: pd.DataFrame, tables: tuple[pd.DataFrame, pd.DataFrame]
) -> None:
    week = WEEKS[8]
    own = (scores["week"] > WEEKS[4]) & (scores["week"] <= week)
    of_period = visits.loc[(visits["week"] > WEEKS[4]) & (visits["week"] <= week)]
    shuffled = scores.loc[own].sample(frac=1, random_state=1), of_period.sample(frac=1, random_state=2)
    alone = evaluate_weeks(*shuffled, [week], SCHEDULE, RULE)
    one_group = evaluate_weeks(scores.loc[scores["model_group"] == "baseline"], visits, WEEKS, SCHEDULE, RULE)
    for table, single, group in zip(tables, alone, one_group, strict=True):
        pd.testing.assert_frame_equal(single, table.loc[table["week"] == week].reset_index(drop=True), check_exact=True)
        expected = table.loc[table["model_group"] == "baseline"].reset_index(drop=True)
        pd.testing.assert_frame_equal(group, expected, check_exact=True)


def test_a_random_order_is_not_zero_days_earlier_where_positives_came_early(visits: pd.DataFrame) -> None:
    """As in the City's test period, where random orders come to -1.55 days: its positives came early by chance."""
    period = PERIODS[0]
    rows = visits.loc[(visits["week"] >= period.first) & (visits["week"] <= period.last)]
    outcome = np.arange(len(rows)) < len(rows) // 4  # all in the first week
    rng = np.random.default_rng(8)
    values = {
        "week": list(rows["week"]) * 200,
        "inspection_id": np.tile(rows["inspection_id"].to_numpy(int), 200),
        "model_group": np.repeat([f"draw {draw}" for draw in range(200)], len(rows)),
        "label": ["failed"] * 200 * len(rows),
        "expected_find": rng.random(200 * len(rows)),
        "own_risk": np.full(200 * len(rows), np.nan),
        "priority": np.full(200 * len(rows), np.nan),
        "outcome": np.tile(outcome, 200),
    }
    found, _ = evaluate(frames.table(values, SCORE_TYPES), rows, [period], RULE)
    whole = found.loc[found["subset_kind"] == "all"]
    floor = whole["mean_days_earlier_random"].unique()
    days = frames.days(rows["inspection_date"]).astype(float)
    assert len(floor) == 1 and floor[0] == pytest.approx(days[outcome].mean() - days.mean())
    assert floor[0] < -5
    assert whole["mean_days_earlier"].mean() == pytest.approx(floor[0], abs=0.4)


def test_what_is_undefined_is_null(scores: pd.DataFrame, visits: pd.DataFrame) -> None:
    none = scores.assign(outcome=pd.array([False] * len(scores), dtype=pd.ArrowDtype(pa.bool_())))
    unknown = visits.assign(
        inspector=pd.array([None] * len(visits), dtype=pd.ArrowDtype(pa.string())),
        first_visit=pd.array([False] * len(visits), dtype=pd.ArrowDtype(pa.bool_())),
    )
    wide, at_k = evaluate(none, unknown, PERIODS, RULE)
    schemas.validated(EVALUATIONS, wide)
    schemas.validated(EVALUATIONS_AT_K, at_k)
    for name in ("roc_auc", "average_precision", "recall_at_k", "mean_days_earlier", "first_half_share"):
        assert wide[name].isna().all()
    assert at_k["recall"].isna().all() and (at_k["precision"] == 0).all()
    assert (wide["precision_at_k"] == 0).all() and wide["precision_at_k_low"].isna().all()
    assert wide["brier_low"].notna().all()
    assert wide[[name for name in wide.columns if "inspector" in name]].isna().all(axis=None)
    assert not (wide["subset"] == "first visit").any()


def test_a_group_is_judged_on_what_it_scored(scores: pd.DataFrame, visits: pd.DataFrame) -> None:
    late = scores.loc[(scores["model_group"] != "xgboost") | (scores["week"] > WEEKS[6])]
    found, _ = evaluate(late, visits, PERIODS, RULE)
    key = {**KEY, "model_group": "xgboost", "subset_kind": "all"}
    assert len(found.loc[(found["model_group"] == "xgboost") & (found["week"] == WEEKS[4])]) == 0
    assert _one(found, week=WEEKS[8], **key)["rows"] == 2 * PER_WEEK
    assert _one(found, week=WEEKS[12], **key)["rows"] == 4 * PER_WEEK


def test_nothing_to_evaluate_gives_empty_tables(scores: pd.DataFrame, visits: pd.DataFrame) -> None:
    for found in (
        evaluate_weeks(scores, visits, WEEKS[:4], SCHEDULE, RULE),
        evaluate(scores.head(0), visits, PERIODS, RULE),
        evaluate(scores.head(0), visits.head(0), PERIODS, RULE),
    ):
        for table, schema in zip(found, (EVALUATIONS, EVALUATIONS_AT_K), strict=True):
            assert len(table) == 0
            schemas.validated(schema, table)


def test_rows_that_disagree_are_refused(scores: pd.DataFrame, visits: pd.DataFrame) -> None:
    with pytest.raises(FoodInspectionsError, match=r"scored the inspection .* twice for"):
        evaluate(pd.concat([scores, scores.head(1)]), visits, PERIODS, RULE)
    with pytest.raises(FoodInspectionsError, match="not among the visits"):
        evaluate(scores, visits.iloc[1:], PERIODS, RULE)
    with pytest.raises(FoodInspectionsError, match="twice: give each once"):
        evaluate(scores, pd.concat([visits, visits.head(1)]), PERIODS, RULE)
    with pytest.raises(FoodInspectionsError, match="lack the column side"):
        evaluate(scores, visits.drop(columns="side"), PERIODS, RULE)


def test_better_scores_have_better_metrics_within_groups_too(scores: pd.DataFrame, visits: pd.DataFrame) -> None:
    perfect = scores.assign(expected_find=scores["outcome"].astype("float64").astype(pd.ArrowDtype(pa.float64())))
    found, _ = evaluate(perfect, visits, PERIODS, RULE)
    whole = found.loc[(found["subset_kind"] == "all") & (found["score"] == "expected_find")]
    for name in (
        "roc_auc",
        "roc_auc_within_zip",
        "roc_auc_within_day",
        "roc_auc_within_inspector",
        "average_precision",
    ):
        assert (whole[name] == 1).all()
    assert (whole["calibration_error"] == 0).all() and (whole["brier"] == 0).all()
    assert (whole["mean_days_earlier"] > whole["mean_days_earlier_within_zip"]).all()
    assert whole["roc_auc_low"].isna().all()  # no variance is left to tell an interval from


def test_periods_of_two_lengths_stand_side_by_side(scores: pd.DataFrame, visits: pd.DataFrame) -> None:
    rule = replace(RULE, test_durations=(4, 8))
    found, _ = evaluate_weeks(scores, visits, WEEKS, SCHEDULE, rule)
    whole = found.loc[(found["subset_kind"] == "all") & (found["score"] == "own_risk") & (found["label"] == "failed")]
    ends = list(zip(whole["week"], whole["test_weeks"], whole["rows"], strict=True))
    four = [(WEEKS[at], 4, 4 * PER_WEEK) for at in (4, 8, 12)]
    assert ends == sorted(four + [(WEEKS[at], 8, 8 * PER_WEEK) for at in (8, 12)])
    assert not math.isnan(whole["roc_auc"].iloc[0])
