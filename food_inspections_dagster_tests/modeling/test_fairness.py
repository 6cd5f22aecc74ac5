from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import fairness, metrics
from food_inspections_dagster.modeling.fairness import (
    BiasReport,
    audit,
    audit_weeks,
    with_attributes,
    with_overall,
)
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.training import BACKTEST_TYPES
from food_inspections_dagster.weeks import WEEK, week_range

WEEK_0 = date(2014, 1, 6)
RULE = AuditRule(attributes=("facility_type",), capacity_share=0.5, min_group_size=20, min_denominator=5)


def _rows(cells: dict[tuple[str, bool, bool], int], repeat: int = 1) -> pd.DataFrame:
    """Rows of one week from counts by (facility type, on the list, failed); as many on the list as off it."""
    groups, listed, label = (np.repeat([c[i] for c in cells], list(cells.values())) for i in range(3))
    n = len(groups)
    assert listed.sum() * 2 == n
    frame = frames.table(
        {
            "week": [WEEK_0] * n,
            "inspection_id": range(n),
            "establishment_id": [f"L{i // repeat}" for i in range(n)],
            "inspection_date": [WEEK_0] * n,
            "model_id": ["m"] * n,
            "score": np.where(listed, 0.9, 0.1),
            "label": label,
        },
        BACKTEST_TYPES,
    )
    return frame.assign(facility_type=pd.Series(groups.astype(str)).astype(pd.ArrowDtype(pa.string())).array)


# tp, fp, fn, tn: Restaurant 40, 60, 20, 180; Grocery Store 30, 70, 10, 40; School 30, 50, 10, 60.
CELLS = {
    ("Restaurant", True, True): 40,
    ("Restaurant", True, False): 60,
    ("Restaurant", False, True): 20,
    ("Restaurant", False, False): 180,
    ("Grocery Store", True, True): 30,
    ("Grocery Store", True, False): 70,
    ("Grocery Store", False, True): 10,
    ("Grocery Store", False, False): 40,
    ("School", True, True): 30,
    ("School", True, False): 90,
    ("School", False, True): 10,
    ("School", False, False): 60,
}


@pytest.fixture(scope="module")
def report() -> BiasReport:
    return audit(_rows(CELLS), RULE, WEEK_0)


def _cell(report: BiasReport, group: str, metric: str) -> pd.Series:
    table = report.table
    return table.loc[(table["group"] == group) & (table["metric"] == metric)].iloc[0]


@pytest.mark.parametrize(
    ("group", "metric", "value", "n"),
    [
        ("Restaurant", "fpr", 60 / 240, 240),
        ("Restaurant", "fdr", 60 / 100, 100),
        ("Grocery Store", "fpr", 70 / 110, 110),
        ("Grocery Store", "fdr", 70 / 100, 100),
        ("Grocery Store", "fnr", 10 / 40, 40),
        ("Grocery Store", "for", 10 / 50, 50),
        ("Grocery Store", "tpr", 30 / 40, 40),
        ("Grocery Store", "tnr", 40 / 110, 110),
        ("Grocery Store", "npv", 40 / 50, 50),
        ("Grocery Store", "precision", 30 / 100, 100),
        ("Grocery Store", "pprev", 100 / 150, 150),
        ("Grocery Store", "prev", 40 / 150, 150),
        ("Grocery Store", "accuracy", 70 / 150, 150),
    ],
)
def test_numbers_of_the_two_by_two_table(report: BiasReport, group: str, metric: str, value: float, n: int) -> None:
    cell = _cell(report, group, metric)
    assert cell["value"] == pytest.approx(value)
    assert cell["n"] == n
    low, high = metrics.wilson(np.array([value]), np.array([float(n)]))
    # One row per establishment: the design effect is 1 but for its small-sample factor.
    assert cell["value_low"] == pytest.approx(low[0], abs=2e-3)
    assert cell["value_high"] == pytest.approx(high[0], abs=2e-3)


def test_share_of_the_list_has_no_interval(report: BiasReport) -> None:
    cell = _cell(report, "Grocery Store", "ppr")
    assert cell["value"] == pytest.approx(100 / 320) and pd.isna(cell["value_low"]) and pd.isna(cell["n"])


def test_disparity_against_the_fixed_reference(report: BiasReport) -> None:
    cell = _cell(report, "Grocery Store", "fpr")
    assert cell["reference"] == "Restaurant" and cell["disparity"] == pytest.approx((70 / 110) / (60 / 240))
    spread = np.sqrt((1 - 70 / 110) / 70 + (1 - 0.25) / 60)
    assert cell["disparity_low"] == pytest.approx(cell["disparity"] * np.exp(-1.96 * spread), rel=5e-3)
    assert cell["disparity_high"] == pytest.approx(cell["disparity"] * np.exp(1.96 * spread), rel=5e-3)


def test_verdicts_in_words(report: BiasReport) -> None:
    said = dict(zip(report.verdicts["group"], report.verdicts["sentence"], strict=True))
    verdict = dict(zip(report.verdicts["group"], report.verdicts["verdict"], strict=True))
    assert verdict == {
        "Restaurant": fairness.REFERENCE,
        "Grocery Store": fairness.OUTSIDE,
        "School": fairness.OUTSIDE,
    }
    assert said["Grocery Store"].startswith("Grocery Store (150 inspections): its false positive rate of 64%")
    assert "2.55 times that of Restaurant" in said["Grocery Store"]
    assert "its establishments that would pass are put on the list more often" in said["Grocery Store"]
    overall = report.overall[0]
    assert overall.verdict == fairness.OUTSIDE and overall.rows == 640
    assert "0 of the 2 groups that can be judged are within 0.8 to 1.25" in overall.sentence
    assert "outside: facility_type Grocery Store, facility_type School" in overall.sentence
    assert with_overall(report)["attribute"].tolist()[-1] == "overall"


def test_false_positive_and_false_discovery_rate_come_first(report: BiasReport) -> None:
    assert report.table["metric"].tolist()[:2] == ["fpr", "fdr"]
    assert set(report.table["metric"]) == set(fairness.CELLS)
    judged = report.table.loc[report.table["verdict"].notna(), "metric"]
    assert set(judged) == {"fpr", "fdr"}


def test_clustering_widens_intervals() -> None:
    alone, together = (audit(_rows(CELLS, repeat), RULE, WEEK_0) for repeat in (1, 5))
    width = [
        float(c["value_high"] - c["value_low"]) for c in (_cell(r, "Restaurant", "fpr") for r in (alone, together))
    ]
    # Five equal rows per establishment carry the information of one: intervals are sqrt(5) times as wide.
    assert width[1] == pytest.approx(width[0] * np.sqrt(5), rel=0.1)


def test_design_effect_against_a_bootstrap_of_establishments() -> None:
    rng = np.random.default_rng(2)
    cells = dict(CELLS)
    frame = _rows(cells)
    frame = frame.assign(
        establishment_id=pd.Series([f"L{e}" for e in np.sort(rng.integers(0, 160, len(frame)))])
        .astype(frame["model_id"].dtype)
        .array
    )
    cell = _cell(audit(frame, RULE, WEEK_0), "Grocery Store", "pprev")
    own = frame.loc[frame["facility_type"] == "Grocery Store"]
    places = [g["score"].to_numpy(float) > 0.5 for _, g in own.groupby("establishment_id")]
    draws = [np.concatenate([places[i] for i in rng.integers(0, len(places), len(places))]).mean() for _ in range(2000)]
    assert (cell["value_high"] - cell["value_low"]) / (2 * 1.96) == pytest.approx(np.std(draws), rel=0.12)


def test_small_groups_are_named_but_not_judged() -> None:
    cells = {**CELLS, ("Bakery", True, False): 8, ("Bakery", False, False): 8}
    report = audit(_rows(cells), RULE, WEEK_0)
    verdict = dict(zip(report.verdicts["group"], report.verdicts["verdict"], strict=True))
    assert verdict["Bakery"] == fairness.TOO_SMALL
    assert "Bakery (16 inspections) is too small to judge: 20 are needed." in report.verdicts["sentence"].tolist()
    # Large enough, but with hardly a place on the list: only what rests on enough rows is judged.
    cells = {**CELLS, ("Bakery", True, False): 2, ("Bakery", False, False): 30, ("School", True, False): 118}
    report = audit(_rows(cells), RULE, WEEK_0)
    assert _cell(report, "Bakery", "fdr")["verdict"] == fairness.TOO_SMALL
    assert _cell(report, "Bakery", "fpr")["verdict"] in (fairness.OUTSIDE, fairness.UNCERTAIN)


def test_point_outside_with_an_interval_that_reaches_in_is_uncertain() -> None:
    cells = {
        ("Restaurant", True, True): 40,
        ("Restaurant", True, False): 60,
        ("Restaurant", False, True): 20,
        ("Restaurant", False, False): 100,
        ("School", True, True): 10,
        ("School", True, False): 12,
        ("School", False, True): 0,
        ("School", False, False): 2,
    }
    found = _cell(audit(_rows(cells), RULE, WEEK_0), "School", "fdr")
    assert found["disparity"] > 0.8 and found["verdict"] == fairness.WITHIN
    cells[("School", True, True)], cells[("School", True, False)] = 13, 9
    found = _cell(audit(_rows(cells), RULE, WEEK_0), "School", "fdr")
    assert found["disparity"] < 0.8 < found["disparity_high"] and found["verdict"] == fairness.UNCERTAIN


def test_a_missing_reference_is_said() -> None:
    cells = {key: n for key, n in CELLS.items() if key[0] != "Restaurant"}
    cells[("School", False, False)] += 220 - 120
    report = audit(_rows(cells), RULE, WEEK_0)
    assert report.table["disparity"].isna().all() and set(report.verdicts["verdict"]) == {fairness.TOO_SMALL}
    assert "the reference group has no rows" in report.verdicts["sentence"][0]
    assert report.overall[0].verdict == fairness.TOO_SMALL


def test_the_largest_group_is_the_reference_where_none_is_named() -> None:
    report = audit(_rows(CELLS), AuditRule(attributes=("facility_type",), references={}, capacity_share=0.5), WEEK_0)
    assert set(report.table["reference"]) == {"Restaurant"}


def test_nothing_selected_and_nothing_scored_are_said() -> None:
    empty = _rows(CELLS).head(0)
    report = audit_weeks({"xgboost": empty}, RULE, {WEEK_0: None, WEEK_0 + WEEK: "xgboost"})
    assert report.table.empty and report.verdicts.empty
    assert [o.verdict for o in report.overall] == [None, None]
    assert "no model was selected" in report.overall[0].sentence
    assert "xgboost scored no rows" in report.overall[1].sentence
    assert len(with_overall(report)) == 2
    with pytest.raises(FoodInspectionsError, match="'knn' was selected"):
        audit_weeks({"xgboost": empty}, RULE, {WEEK_0: "knn"})
    with pytest.raises(FoodInspectionsError, match="no column 'side'"):
        audit(_rows(CELLS), AuditRule(attributes=("side",), references={}), WEEK_0)


def _many(weeks: int = 20, seed: int = 0) -> dict[str, pd.DataFrame]:
    rng = np.random.default_rng(seed)
    n = weeks * 60
    frame = frames.table(
        {
            "week": [WEEK_0 + WEEK * (i // 60) for i in range(n)],
            "inspection_id": rng.permutation(n),
            "establishment_id": [f"L{e}" for e in rng.integers(0, n // 3, n)],
            "inspection_date": [WEEK_0 + WEEK * (i // 60) + timedelta(days=i % 5) for i in range(n)],
            "model_id": ["m"] * n,
            "score": rng.random(n),
            "label": rng.random(n) < 0.3,
        },
        BACKTEST_TYPES,
    )
    attributes = frames.table(
        {
            "inspection_id": frame["inspection_id"],
            "facility_type": rng.choice(["Restaurant", "School"], n),
            "zip": rng.choice(["60601", "60614", "60619"], n),
            "risk": rng.choice([1, 2], n),
        },
        {"inspection_id": pa.int64(), "facility_type": pa.string(), "zip": pa.string(), "risk": pa.int16()},
    )
    return {
        "a": with_attributes(frame, attributes),
        "b": with_attributes(frame.assign(score=1 - frame["score"]), attributes),
    }


def test_a_week_audited_alone_is_the_same_as_in_a_range() -> None:
    rows = _many()
    rule = AuditRule(evaluation_weeks=8, min_group_size=10)
    weeks = week_range(WEEK_0 + WEEK * 5, WEEK_0 + WEEK * 19)
    selected: dict[date, str | None] = {w: ("a", "b")[i % 2] for i, w in enumerate(weeks)}
    whole = audit_weeks(rows, rule, selected)
    for week, group in [(weeks[6], "a"), (weeks[7], "b")]:
        own = rows[group]
        own = own.loc[(own["week"] > week - WEEK * 8) & (own["week"] <= week)].sample(frac=1, random_state=3)
        alone = audit(own, rule, week, group)
        for part in ("table", "verdicts"):
            in_range = getattr(whole, part)
            in_range = in_range.loc[in_range["week"] == week].reset_index(drop=True)
            pd.testing.assert_frame_equal(getattr(alone, part), in_range, check_exact=True)
        assert alone.overall[0] in whole.overall


def test_the_list_takes_the_top_share_of_each_week() -> None:
    rows = _many()["a"].sort_values(["week", "inspection_id"], ignore_index=True)
    listed = fairness.on_list(rows, 0.25)
    for _, week in rows.assign(listed=listed).groupby("week"):
        assert week["listed"].sum() == 15
        assert week.loc[week["listed"], "score"].min() > week.loc[~week["listed"], "score"].max()
    tied = fairness.on_list(rows.assign(score=pd.Series([0.5] * len(rows)).astype(rows["score"].dtype).array), 0.25)
    assert tied[:60].tolist() == [True] * 15 + [False] * 45  # the order of inspection_id


def test_attributes_of_inspections() -> None:
    backtest = _rows(CELLS).head(4).drop(columns="facility_type")
    known = frames.table(
        {
            "inspection_id": [3, 1, 0, 2, 9],
            "facility_type": ["School", None, "Restaurant", "Bakery", "Liquor"],
            "zip": ["60614", "99999", None, "60827", "60601"],
            "risk": [1, None, 3, 2, 1],
        },
        {"inspection_id": pa.int64(), "facility_type": pa.string(), "zip": pa.string(), "risk": pa.int16()},
    )
    found = with_attributes(backtest, known)
    assert found["facility_type"].tolist() == ["Restaurant", "Unknown", "Bakery", "School"]
    assert found["side"].tolist() == ["Unknown", "Unknown", "South", "North"]
    assert found["risk"].tolist() == ["Risk 3 (Low)", "Unknown", "Risk 2 (Medium)", "Risk 1 (High)"]
    with pytest.raises(FoodInspectionsError, match="1 inspections of the backtest, such as 3, are not in"):
        with_attributes(backtest, known.iloc[1:])


def test_no_zip_lies_on_two_sides() -> None:
    assert len(fairness.SIDE_OF_ZIP) == sum(len(zips) for zips in fairness.SIDES.values())
