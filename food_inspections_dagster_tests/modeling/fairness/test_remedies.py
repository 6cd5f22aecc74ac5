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
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.fairness.remedies import price_of, prices, quotas, remedied
from food_inspections_dagster.modeling.rules import AuditRule, RemedyRule
from food_inspections_dagster.modeling.schemas import REMEDY_PRICES
from food_inspections_dagster.schemas import validated
from food_inspections_dagster.weeks import WEEK

QUOTA, RERANK = RemedyRule(kind="quota"), RemedyRule(kind="rerank")
BY_FINDS = RemedyRule(kind="quota", basis="expected_finds")
AREAS = st.lists(st.integers(0, 6), min_size=1, max_size=60)


def _scores(area: list[int]) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(len(area))
    return np.round(rng.random(len(area)), 1), np.array(area)


@given(area=AREAS, places=st.integers(0, 70), by_finds=st.booleans())
@settings(max_examples=150, deadline=None)
def test_the_first_places_hold_each_area_in_proportion(area: list[int], places: int, by_finds: bool) -> None:
    score, code = _scores(area)
    order = remedied(BY_FINDS if by_finds else QUOTA, score, code, places)
    assert sorted(order) == list(range(len(area)))
    k = min(places, len(area))
    held = np.bincount(code[order[:k]], minlength=7)
    size = np.bincount(code, minlength=7)
    if not by_finds:
        # The quota rule of largest remainders: the floor or the ceiling of the exact share.
        assert (np.abs(held - size * k / len(area)) < 1).all()
    for part in (order[:k], order[k:]):
        assert (np.diff(score[part]) <= 0).all()
    for a in range(7):  # no place of an area is passed over for one of a lower score
        ranks = score[order[code[order] == a]]
        assert (np.diff(ranks) <= 0).all()


@given(area=AREAS)
@settings(max_examples=150, deadline=None)
def test_every_beginning_of_the_list_holds_the_shares_to_within_one_place(area: list[int]) -> None:
    score, code = _scores(area)
    order = remedied(RERANK, score, code, 1)
    assert sorted(order) == list(range(len(area)))
    held = np.cumsum(code[order][:, None] == np.arange(7), axis=0)
    exact = np.outer(np.arange(1, len(area) + 1), np.bincount(code, minlength=7) / len(area))
    assert (np.abs(held - exact) < 1).all()
    for a in range(7):
        assert (np.diff(score[order[code[order] == a]]) <= 0).all()


@given(area=AREAS, seed=st.integers(0, 9))
@settings(max_examples=60, deadline=None)
def test_the_order_of_the_rows_does_not_matter(area: list[int], seed: int) -> None:
    score, code = _scores(area)
    names = np.array([f"L{i:02}" for i in range(len(area))])
    shuffled = np.random.default_rng(seed).permutation(len(area))
    for rule in (RemedyRule(), QUOTA, BY_FINDS, RERANK):
        order = remedied(rule, score, code, 9, names)
        again = remedied(rule, score[shuffled], code[shuffled], 9, names[shuffled])
        assert names[order].tolist() == names[shuffled][again].tolist()


def test_quotas_by_largest_remainder_never_exceed_an_area() -> None:
    sizes = np.array([50, 30, 20])
    assert quotas(sizes.astype(float), sizes, 7).tolist() == [4, 2, 1]  # 3.5, 2.1, 1.4
    # By finds the second would get nine of ten places, and has only three establishments.
    assert quotas(np.array([1.0, 18.0, 1.0]), np.array([50, 3, 20]), 10).tolist() == [4, 3, 3]
    assert quotas(np.array([0.0, 0.0]), np.array([5, 5]), 4).tolist() == [2, 2]
    assert quotas(np.array([1.0]), np.array([2]), 9).tolist() == [2]


def test_expected_finds_weigh_areas_that_find_more() -> None:
    code = np.repeat([0, 1], 50)
    score = np.where(code == 0, 0.6, 0.2)
    assert np.bincount(code[remedied(QUOTA, score, code, 20)[:20]]).tolist() == [10, 10]
    assert np.bincount(code[remedied(BY_FINDS, score, code, 20)[:20]]).tolist() == [15, 5]
    assert (code[remedied(RemedyRule(), score, code, 20)[:20]] == 0).all()


# ---------------------------------------------------------------------- the price

WEEK_0 = date(2014, 1, 6)
AUDIT = AuditRule(attributes=("side",), references={"side": "North"}, min_group_size=20, min_denominator=5)
TYPES = {
    "week": pa.date32(), "inspection_id": pa.int64(), "establishment_id": pa.string(),
    "inspection_date": pa.date32(), "score": pa.float64(), "label": pa.bool_(), "side": pa.string(),
}  # fmt: skip


@pytest.fixture(scope="module")
def rows() -> pd.DataFrame:
    """The North finds twice as much and is scored accordingly; labels follow the scores."""
    rng = np.random.default_rng(6)
    n = 20 * 60
    side = rng.choice(["North", "South"], n)
    score = np.where(side == "North", rng.uniform(0.2, 0.8, n), rng.uniform(0.05, 0.45, n))
    values = {
        "week": [WEEK_0 + WEEK * (i // 60) for i in range(n)],
        "inspection_id": rng.permutation(n),
        "establishment_id": [f"L{e}" for e in range(n)],
        "inspection_date": [WEEK_0 + WEEK * (i // 60) + timedelta(days=i % 5) for i in range(n)],
        "score": score,
        "label": rng.random(n) < score,
        "side": side,
    }
    return frames.table(values, TYPES)


def test_the_price_is_counted_on_weekly_lists(rows: pd.DataFrame) -> None:
    price = price_of(QUOTA, rows, AUDIT)
    assert price.weeks == 20 and price.places == 20 * 15
    finds, expected, plain_finds = 0, 0.0, 0
    for _, week in rows.groupby("week"):
        week = week.sort_values("score", ascending=False)
        plain_finds += int(week["label"].head(15).sum())
        held = quotas(*[np.bincount(frames.codes(week["side"]))] * 2, 15)
        for side, k in zip(sorted(set(week["side"])), held, strict=True):
            first = week[week["side"] == side].head(k)
            finds, expected = finds + int(first["label"].sum()), expected + float(first["score"].sum())
    assert price.finds == (plain_finds, finds) and finds < plain_finds
    assert price.expected[1] == pytest.approx(expected) and price.expected[0] > expected
    days = frames.days(rows["inspection_date"]).astype(np.int64)
    period = (frames.days(rows["week"]) <= np.datetime64(WEEK_0 + WEEK * 6)).astype(int)
    earlier = metrics.reorder(rows["score"].to_numpy(float), days, period).days_earlier
    assert price.days[0] == pytest.approx(earlier[rows["label"].to_numpy(bool)].mean())
    assert price.days[1] is not None and price.days[1] < price.days[0]
    # Quotas bring the South onto the list, where it finds less.
    assert price.disparity[0] is not None and price.disparity[1] is not None
    assert price.disparity[0] > 1.5 * price.disparity[1]
    lost = price.finds[0] - price.finds[1]
    assert price.sentence.startswith(
        f"Quotas by side in proportion to the establishments: {lost} fewer finds ({lost / price.finds[0]:.0%}) in the "
        "300 first places of 20 weekly lists ("
    )
    assert price.sentence.endswith(
        f"the largest disparity by side is {price.disparity[1]:.2f} times instead of {price.disparity[0]:.2f} times."
    )


def test_both_remedies_cost_and_none_is_free(rows: pd.DataFrame) -> None:
    free, by_finds, rerank = (price_of(rule, rows, AUDIT) for rule in (RemedyRule(), BY_FINDS, RERANK))
    assert free.finds[0] == free.finds[1] and free.days[0] == free.days[1] and free.disparity[0] == free.disparity[1]
    assert "no price" in free.sentence
    assert free.expected[0] > by_finds.expected[1] > rerank.expected[1]
    assert "expected finds" in by_finds.sentence and rerank.sentence.startswith("Re-ranking within side: ")
    assert price_of(RERANK, rows.sample(frac=1, random_state=2), AUDIT) == rerank


def test_a_group_never_listed_and_nothing_to_compare_are_said(rows: pd.DataFrame) -> None:
    apart = rows.assign(score=rows["score"] / 10 + (rows["side"] == "North").astype("float64[pyarrow]") / 2)
    price = price_of(QUOTA, apart, AUDIT)
    assert price.disparity[0] == np.inf and "instead of beyond measure (a rate of 0)" in price.sentence
    small = price_of(QUOTA, rows, replace(AUDIT, min_group_size=10_000))
    assert small.disparity == (None, None) and "is unknown instead of unknown" in small.sentence
    with pytest.raises(FoodInspectionsError, match="no column 'community_area'"):
        price_of(RemedyRule(kind="quota", attribute="community_area"), rows, AUDIT)
    nothing = price_of(QUOTA, rows.head(0), AUDIT)
    assert nothing.places == 0 and nothing.days == (None, None)


def test_prices_are_those_of_the_window_that_ends_with_each_week(rows: pd.DataFrame) -> None:
    audit = replace(AUDIT, evaluation_weeks=8)
    remedies = [QUOTA, BY_FINDS, RERANK]
    weeks = [WEEK_0 + WEEK * n for n in (9, 15, 19)]
    selected = {weeks[0]: "a", weeks[1]: None, weeks[2]: "b", WEEK_0 - WEEK: "a"}
    both = {"a": rows, "b": rows.assign(score=1 - rows["score"])}
    table = validated(REMEDY_PRICES, prices(both, selected, remedies, audit, 13))
    # A week without a group, or without rows, has no price.
    assert table["week"].tolist() == [weeks[0]] * 3 + [weeks[2]] * 3
    assert list(zip(table["kind"], table["basis"], strict=True)) == [(r.kind, r.basis) for r in remedies] * 2
    for at, record in table.iterrows():
        group = both[selected[record["week"]]]  # type: ignore[index]
        window = group.loc[(group["week"] > record["week"] - WEEK * 8) & (group["week"] <= record["week"])]
        price = price_of(remedies[int(at) % 3], window, audit, 13)  # type: ignore[call-overload]
        assert (record["places"], record["finds_without"], record["finds_with"]) == (price.places, *price.finds)
        assert (record["days_without"], record["days_with"]) == price.days
        assert (record["disparity_without"], record["disparity_with"]) == pytest.approx(price.disparity)
        assert record["sentence"] == price.sentence and price.weeks == 8
    alone = prices(both, {weeks[2]: "b"}, remedies, audit, 13)
    pd.testing.assert_frame_equal(alone, table.loc[table["week"] == weeks[2]].reset_index(drop=True), check_exact=True)


def test_a_disparity_beyond_measure_has_no_number_but_words(rows: pd.DataFrame) -> None:
    apart = rows.assign(score=rows["score"] / 10 + (rows["side"] == "North").astype("float64[pyarrow]") / 2)
    table = prices({"a": apart}, {WEEK_0 + WEEK * 19: "a"}, [QUOTA], AUDIT)
    assert table["disparity_without"].isna().all() and table["disparity_with"].notna().all()
    assert "beyond measure" in table["sentence"][0]
    nothing = prices({"a": apart}, {}, [QUOTA], AUDIT)
    assert nothing.empty and nothing.dtypes.equals(table.dtypes)
