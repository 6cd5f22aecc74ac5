from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.fairness.waiting import clustered_means, list_effects, spread
from food_inspections_dagster.modeling.rules import SelectionRule
from food_inspections_dagster.modeling.schemas import LIST_EFFECTS
from food_inspections_dagster.schemas import typed, validated
from food_inspections_dagster.weeks import WEEK, week_range

WEEK_0 = date(2014, 1, 6)
RULE = SelectionRule(evaluation_weeks=8, period_weeks=4)
TYPES = {
    "week": pa.date32(), "inspection_id": pa.int64(), "establishment_id": pa.string(),
    "inspection_date": pa.date32(), "score": pa.float64(), "label": pa.bool_(), "side": pa.string(),
}  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """Twelve weeks in which places of the North get higher scores than those of the South."""
    rng = np.random.default_rng(4)
    n = 12 * 50
    side = rng.choice(["North", "South"], n)
    values = {
        "week": [WEEK_0 + WEEK * (i // 50) for i in range(n)],
        "inspection_id": rng.permutation(n),
        "establishment_id": [f"L{e}" for e in rng.integers(0, 250, n)],
        "inspection_date": [WEEK_0 + WEEK * (i // 50) + timedelta(days=i % 5) for i in range(n)],
        "score": np.round(rng.random(n) * 0.5 + 0.3 * (side == "North"), 2),
        "label": rng.random(n) < 0.4,
        "side": side,
    }
    return frames.table(values, TYPES)


def test_days_earlier_are_those_of_the_window_by_group(rows: pd.DataFrame) -> None:
    week = WEEK_0 + WEEK * 11
    effects = list_effects({"a": rows}, ["side"], {week: "a"}, RULE)
    assert len(validated(LIST_EFFECTS, effects)) == 3
    window = rows[rows["week"] > week - WEEK * 8].sort_values(["week", "inspection_id"])
    period = (frames.days(window["week"]) > np.datetime64(week - WEEK * 4)).astype(int)
    days = frames.days(window["inspection_date"]).astype(np.int64)
    earlier = metrics.reorder(window["score"].to_numpy(float), days, period).days_earlier
    label, cluster = window["label"].to_numpy(bool), frames.codes(window["establishment_id"])
    for row in effects.itertuples():
        here = label & (row.attribute == "overall" or (window["side"] == row.group).to_numpy(bool))
        ones = np.ones(here.sum())
        error = metrics.clustered_ratio_se(earlier[here], ones, cluster[here])
        assert row.positives == here.sum() and row.days_earlier == pytest.approx(earlier[here].mean())
        assert row.high - row.days_earlier == pytest.approx(metrics.z_of(0.95) * error)
        assert row.low + row.high == pytest.approx(2 * row.days_earlier)
    by_group = dict(zip(effects["group"], effects["days_earlier"], strict=True))
    assert by_group["North"] > by_group["all"] > by_group["South"]


def test_a_week_alone_gives_the_bytes_of_a_range(rows: pd.DataFrame) -> None:
    weeks = week_range(WEEK_0 - WEEK, WEEK_0 + WEEK * 12)
    selected: dict[date, str | None] = {**dict.fromkeys(weeks, "a"), weeks[5]: None}
    whole = list_effects({"a": rows}, ["side"], selected, RULE)
    assert not set(whole["week"]) & {WEEK_0 - WEEK, weeks[5]} and len(set(whole["week"])) == 12
    for week in (weeks[3], weeks[-1]):
        window = rows[(rows["week"] > week - WEEK * 8) & (rows["week"] <= week)].sample(frac=1, random_state=1)
        alone = list_effects({"a": window}, ["side"], {week: "a"}, RULE)
        pd.testing.assert_frame_equal(alone, whole[whole["week"] == week].reset_index(drop=True), check_exact=True)
    assert list_effects({}, ["side"], {WEEK_0: None}, RULE).empty


def test_one_cluster_has_no_interval() -> None:
    mean, error = clustered_means(np.array([1.0, 2.0, 6.0]), np.array([0, 2, 2]), np.array([0, 1, 1]), 3)
    assert mean.tolist()[::2] == [1.0, 4.0] and np.isnan(mean[1]) and np.isnan(error).all()


def _effects(*rows: tuple[str, int, float, float]) -> pd.DataFrame:
    group, positives, days, half = zip(*rows, strict=True)
    values = {
        "week": [WEEK_0] * len(rows),
        "attribute": ["side"] * len(rows),
        "group": list(group),
        "rows": [100] * len(rows),
        "positives": list(positives),
        "days_earlier": list(days),
        "low": [d - h for d, h in zip(days, half, strict=True)],
        "high": [d + h for d, h in zip(days, half, strict=True)],
    }
    return typed(values, LIST_EFFECTS)


def test_who_gains_and_who_waits_in_one_sentence() -> None:
    effects = _effects(("North", 40, 9.0, 2.0), ("South", 30, -3.0, 1.0), ("West", 30, 0.0, 4.0), ("Central", 4, 30, 9))
    of = spread(effects, WEEK_0, "side")
    assert of is not None and (of.gains, of.waits, of.width, of.left_out) == ("North", "South", 12.0, 1)
    assert of.deviation == pytest.approx(np.std([9, -3, 0]))
    assert of.sentence == (
        "By side the visits that found something would have come between 3.0 days later (South) and 9.0 days earlier "
        "(North): 12.0 days apart, with a standard deviation of 5.1 over 3 groups; surely later than without the list: "
        "South; 1 group has fewer than 10."
    )
    assert spread(effects, WEEK_0, "risk") is None and spread(effects, WEEK_0, "side", min_positives=40) is None
