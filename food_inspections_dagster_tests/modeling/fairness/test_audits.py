import re
from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import fairness, metrics, schemas
from food_inspections_dagster.modeling.fairness import (
    BiasReport,
    audit,
    audit_weeks,
    with_attributes,
    with_overall,
)
from food_inspections_dagster.modeling.fairness.counts import AuditedRows
from food_inspections_dagster.modeling.fairness.disparities import crosstabs, effective_sizes
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import BIAS_REPORT, BIAS_VERDICTS
from food_inspections_dagster.modeling.schemas import CELLS as CELLS_OF
from food_inspections_dagster.schemas import validated
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.cases import BACKTEST_TYPES

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
    low, high = metrics.ratio_interval(*(np.array([number]) for number in (70 / 110, 110.0, 60 / 240, 240.0)))
    assert cell["disparity_low"] == pytest.approx(low[0], rel=5e-3)
    assert cell["disparity_high"] == pytest.approx(high[0], rel=5e-3)


def test_verdicts_in_words(report: BiasReport) -> None:
    said = dict(zip(report.verdicts["group"], report.verdicts["sentence"], strict=True))
    verdict = dict(zip(report.verdicts["group"], report.verdicts["verdict"], strict=True))
    assert verdict == {
        "Restaurant": schemas.REFERENCE,
        "Grocery Store": schemas.OUTSIDE,
        "School": schemas.OUTSIDE,
    }
    assert said["Grocery Store"].startswith("Grocery Store (150 inspections): its false positive rate of 64%")
    assert "2.55 times that of Restaurant" in said["Grocery Store"]
    assert "its establishments that would pass are put on the list more often" in said["Grocery Store"]
    overall = report.overall[0]
    assert overall.verdict == schemas.OUTSIDE and overall.rows == 640
    assert "0 of the 2 groups that can be judged are within 0.8 to 1.25" in overall.sentence
    assert "outside: facility_type Grocery Store, facility_type School" in overall.sentence
    assert with_overall(report)["attribute"].tolist()[-1] == "overall"


def test_false_positive_and_false_discovery_rate_come_first(report: BiasReport) -> None:
    assert report.table["metric"].tolist()[:2] == ["fpr", "fdr"]
    assert set(report.table["metric"]) == set(CELLS_OF)
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
    groceries = frame.loc[frame["facility_type"] == "Grocery Store"]
    places = [g["score"].to_numpy(float) > 0.5 for _, g in groceries.groupby("establishment_id")]
    draws = [np.concatenate([places[i] for i in rng.integers(0, len(places), len(places))]).mean() for _ in range(2000)]
    assert (cell["value_high"] - cell["value_low"]) / (2 * 1.96) == pytest.approx(np.std(draws), rel=0.12)


def test_small_groups_are_named_but_not_judged() -> None:
    cells = {**CELLS, ("Bakery", True, False): 8, ("Bakery", False, False): 8}
    report = audit(_rows(cells), RULE, WEEK_0)
    verdict = dict(zip(report.verdicts["group"], report.verdicts["verdict"], strict=True))
    assert verdict["Bakery"] == schemas.TOO_SMALL
    assert "Bakery (16 inspections) is too small to judge: 20 are needed." in report.verdicts["sentence"].tolist()
    # Large enough, but with hardly a place on the list: only what rests on enough rows is judged.
    cells = {**CELLS, ("Bakery", True, False): 2, ("Bakery", False, False): 30, ("School", True, False): 118}
    report = audit(_rows(cells), RULE, WEEK_0)
    assert _cell(report, "Bakery", "fdr")["verdict"] == schemas.TOO_SMALL
    assert _cell(report, "Bakery", "fpr")["verdict"] in (schemas.OUTSIDE, schemas.UNCERTAIN)


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
    cell = _cell(audit(_rows(cells), RULE, WEEK_0), "School", "fdr")
    assert cell["disparity"] > 0.8 and cell["verdict"] == schemas.WITHIN
    cells[("School", True, True)], cells[("School", True, False)] = 13, 9
    cell = _cell(audit(_rows(cells), RULE, WEEK_0), "School", "fdr")
    assert cell["disparity"] < 0.8 < cell["disparity_high"] and cell["verdict"] == schemas.UNCERTAIN


def test_a_missing_reference_is_said() -> None:
    cells = {key: n for key, n in CELLS.items() if key[0] != "Restaurant"}
    cells[("School", False, False)] += 220 - 120
    report = audit(_rows(cells), RULE, WEEK_0)
    assert report.table["disparity"].isna().all() and set(report.verdicts["verdict"]) == {schemas.TOO_SMALL}
    assert "the reference group has no rows" in report.verdicts["sentence"][0]
    assert report.overall[0].verdict == schemas.TOO_SMALL


def test_the_largest_group_is_the_reference_where_none_is_named() -> None:
    report = audit(_rows(CELLS), AuditRule(attributes=("facility_type",), references={}, capacity_share=0.5), WEEK_0)
    assert set(report.table["reference"]) == {"Restaurant"}


def test_the_largest_and_the_least_group_are_references_too() -> None:
    rule = AuditRule(
        attributes=("facility_type",),
        references={"facility_type": "School"},
        capacity_share=0.5,
        min_group_size=20,
        min_denominator=5,
    )
    # Eight bakeries that would pass and are not listed: a rate of 0, on too few rows to compare others with.
    cells = {**CELLS, ("Bakery", False, False): 8, ("School", True, False): 98}
    report = audit(_rows(cells), rule, WEEK_0)
    assert set(report.table["reference"]) == {"School"}
    assert set(report.table["majority_reference"]) == {"Restaurant"}
    grocery, bakery = _cell(report, "Grocery Store", "fpr"), _cell(report, "Bakery", "fpr")
    assert grocery["majority_disparity"] == pytest.approx((70 / 110) / (60 / 240))
    assert grocery["disparity"] == pytest.approx((70 / 110) / (98 / 158))
    # The least false positive rate is that of restaurants, the least recall that of schools and groceries, 0.75, too.
    assert (grocery["minimum_reference"], bakery["minimum_reference"]) == ("Restaurant", "Restaurant")
    assert grocery["minimum_disparity"] == pytest.approx(grocery["majority_disparity"])
    assert pd.isna(bakery["minimum_disparity"]) and bakery["majority_disparity"] == 0
    assert _cell(report, "Restaurant", "tpr")["minimum_reference"] == "Restaurant"
    judged = report.table.dropna(subset=["minimum_disparity"])
    assert (judged["minimum_disparity"] >= 1).all() and judged["metric"].nunique() == len(CELLS_OF)
    small = audit(_rows(cells), AuditRule(attributes=("facility_type",), min_group_size=900), WEEK_0).table
    assert small["minimum_reference"].isna().all() and small["minimum_disparity"].isna().all()


def test_a_least_rate_of_zero_compares_nobody() -> None:
    report = audit(_rows(_never_listed()), RULE, WEEK_0)
    cells = [_cell(report, group, "fpr") for group in ("School", "Restaurant", "Bakery")]
    assert {cell["minimum_reference"] for cell in cells} == {"School"}
    assert all(pd.isna(cell["minimum_disparity"]) for cell in cells)


def test_nothing_selected_and_nothing_scored_are_said() -> None:
    empty = _rows(CELLS).head(0)
    report = audit_weeks({"xgboost": empty}, RULE, {WEEK_0: None, WEEK_0 + WEEK: "xgboost"})
    assert report.table.empty and report.verdicts.empty
    assert [o.verdict for o in report.overall] == [None, None]
    assert "no model was selected" in report.overall[0].sentence
    assert "xgboost scored no rows" in report.overall[1].sentence
    assert len(with_overall(report)) == 2
    with pytest.raises(
        FoodInspectionsError, match=r"'knn' was selected for the week of 2014-01-06.*`food-inspections run`"
    ):
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
            "side": rng.choice(["Central", "North", "South"], n),
            "risk": rng.choice(["High", "Low"], n),
        },
        {"inspection_id": pa.int64(), "facility_type": pa.string(), "side": pa.string(), "risk": pa.string()},
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
        window = rows[group]
        window = window.loc[(window["week"] > week - WEEK * 8) & (window["week"] <= week)]
        alone = audit(window.sample(frac=1, random_state=3), rule, week, group)
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


def test_attributes_are_joined_by_inspection() -> None:
    backtest = _rows(CELLS).head(4).drop(columns="facility_type").set_axis([7, 5, 3, 1])
    known = frames.table(
        {"inspection_id": [3, 1, 0, 2, 9], "kind": ["d", "b", "a", "c", "e"], "size": ["4", "2", "1", "3", "5"]},
        {"inspection_id": pa.int64(), "kind": pa.string(), "size": pa.string()},
    )
    joined = with_attributes(backtest, known)
    assert joined["kind"].tolist() == ["a", "b", "c", "d"] and joined["size"].tolist() == ["1", "2", "3", "4"]
    assert joined.index.tolist() == [7, 5, 3, 1] and joined["score"].equals(backtest["score"])


def test_a_deleted_row_names_its_week_and_the_way_out() -> None:
    rows = _many()["a"]
    weeks = [WEEK_0 + WEEK * 4, WEEK_0 + WEEK * 11]
    kept = rows.loc[
        ~rows["week"].isin(weeks) | (rows["inspection_id"].astype("int64") % 2 == 0), ["inspection_id", "risk"]
    ]
    gone = len(rows) - len(kept)
    with pytest.raises(FoodInspectionsError, match=f"^{gone} inspections of the backtest, such as") as error:
        with_attributes(rows.drop(columns="risk"), kept)
    assert f"the weeks of {weeks[0]}, {weeks[1]}" in str(error.value)
    assert "`food-inspections run`" in str(error.value)


# ---------------------------------------------------------------------- running sums


def test_crosstabs_are_those_of_aequitas_on_the_rows_themselves() -> None:
    from aequitas.group import Group

    rule = AuditRule(evaluation_weeks=8, min_group_size=10)
    rows = _many(seed=5)["a"].sort_values(["week", "inspection_id"], ignore_index=True)
    # A group that comes late and is never listed: its rates have no denominator.
    late = (rows["week"] > WEEK_0 + WEEK * 15) & (rows["score"] < 0.2)
    rows["facility_type"] = rows["facility_type"].where(~late, "Bakery")
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 25)
    counted = AuditedRows(rows, rule)
    listed = fairness.on_list(rows, rule.capacity_share)
    for attribute in rule.attributes:
        counts = counted.counts(attribute, weeks)
        at, group = np.nonzero(counts.cells.any(axis=2))
        whole = crosstabs(counts.cells[at, group], counts.names[group], at, attribute)
        for place, week in enumerate(weeks):
            window = ((rows["week"] > week - WEEK * 8) & (rows["week"] <= week)).to_numpy(dtype=bool)
            here = whole.loc[whole["model_id"] == place].reset_index(drop=True)
            if not window.any():
                assert here.empty
                continue
            frame = pd.DataFrame(
                {
                    "score": listed[window].astype(int),
                    "label_value": rows["label"].to_numpy(dtype=bool)[window].astype(int),
                    attribute: frames.texts(rows[attribute])[window],
                }
            )
            expected, _ = Group().get_crosstabs(frame, attr_cols=[attribute])
            expected = expected.assign(model_id=place)
            assert set(here.columns) == set(expected.columns)
            pd.testing.assert_frame_equal(here[expected.columns], expected, check_exact=True, check_dtype=False)


def test_effective_sizes_are_those_of_the_windows_rows() -> None:
    """Row by row, with establishments that change their group and are inspected twice a week."""
    rule = AuditRule(attributes=("facility_type",), evaluation_weeks=6)
    rows = _many(seed=6)["a"]
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 19)
    counts = AuditedRows(rows, rule).counts("facility_type", weeks)
    at, group = np.nonzero(counts.cells.any(axis=2))
    n, effective = effective_sizes(counts.cells[at, group], counts.products[at, group], counts.clusters[at, group])
    rows = rows.assign(listed=fairness.on_list(rows, rule.capacity_share))
    for row, (place, name) in enumerate(zip(at, counts.names[group], strict=True)):
        window = rows.loc[(rows["week"] > weeks[place] - WEEK * 6) & (rows["week"] <= weeks[place])]
        window = window.loc[window["facility_type"] == name]
        label, listed = window["label"].to_numpy(bool), window["listed"].to_numpy(bool)
        cell = {"tp": listed & label, "fp": listed & ~label, "fn": ~listed & label, "tn": ~listed & ~label}
        cluster = frames.codes(window["establishment_id"])
        for metric, (over, under) in enumerate(CELLS_OF.values()):
            if not under:
                assert np.isnan(n[row, metric])
                continue
            top, bottom = (sum(cell[c].astype(float) for c in cells) for cells in (over, under))
            assert n[row, metric] == bottom.sum()
            share = top.sum() / bottom.sum() if bottom.sum() else np.nan
            binomial = share * (1 - share) / bottom.sum() if bottom.sum() else 0
            error = metrics.clustered_ratio_se(top, bottom, cluster)
            effect = max(1.0, error**2 / binomial) if binomial > 0 else 1.0
            assert effective[row, metric] == pytest.approx(bottom.sum() / effect, rel=1e-12)


# ---------------------------------------------------------------------- zero


def _never_listed() -> dict[tuple[str, bool, bool], int]:
    """The fault's numbers: 463 rows that would pass and none listed, against 48 % of the reference."""
    return {
        ("Restaurant", True, True): 120,
        ("Restaurant", True, False): 1_200,
        ("Restaurant", False, True): 80,
        ("Restaurant", False, False): 740,
        ("School", False, True): 17,
        ("School", False, False): 463,
        ("Bakery", True, False): 20,
        ("Bakery", False, False): 40,
    }


def test_a_group_that_is_never_listed_is_outside() -> None:
    report = audit(_rows(_never_listed()), RULE, WEEK_0)
    cell = _cell(report, "School", "fpr")
    assert (cell["value"], cell["disparity"], cell["disparity_low"]) == (0, 0, 0)
    assert cell["disparity_high"] < 0.05 and cell["verdict"] == schemas.OUTSIDE
    assert "School" in report.overall[0].sentence and report.overall[0].verdict == schemas.OUTSIDE
    # Its false discovery rate has no denominator; that is said, with the count.
    sentence = dict(zip(report.verdicts["group"], report.verdicts["sentence"], strict=True))["School"]
    assert "0% (0% to 1%) is 0.00 times that of Restaurant (0.00 to 0.0" in sentence
    assert "its false discovery rate rests on too few rows to judge (0; 5 are needed)" in sentence


def test_a_reference_at_zero_is_undefined_in_words() -> None:
    cells = {
        ("Restaurant", True, True): 100,
        ("Restaurant", False, True): 10,
        ("Restaurant", False, False): 400,
        ("School", True, False): 410,
        ("School", False, True): 100,
        ("School", False, False): 300,
        ("Bakery", True, True): 400,
        ("Bakery", False, False): 100,
    }
    report = audit(_rows(cells), RULE, WEEK_0)
    for group in ("School", "Bakery"):
        cell = _cell(report, group, "fpr")
        assert cell["verdict"] == schemas.UNDEFINED
        assert pd.isna(cell["disparity"]) and pd.isna(cell["disparity_low"]) and pd.isna(cell["disparity_high"])
    sentences = dict(zip(report.verdicts["group"], report.verdicts["sentence"], strict=True))
    assert (
        "its false positive rate of 58% (54% to 61%) cannot be compared, for that of Restaurant" in sentences["School"]
    )
    assert "10.00 times" not in sentences["School"] and "too few" not in sentences["Bakery"]
    assert (
        "undefined, for their reference is 0: facility_type Bakery, facility_type School" in report.overall[0].sentence
    )
    assert report.overall[0].verdict == schemas.UNDEFINED


def test_the_denominator_that_is_too_small_is_named() -> None:
    cells = {
        ("Restaurant", True, True): 3,
        ("Restaurant", True, False): 1,
        ("Restaurant", False, True): 100,
        ("Restaurant", False, False): 200,
        ("School", True, False): 400,
        ("School", False, False): 104,
    }
    report = audit(_rows(cells), RULE, WEEK_0)
    assert _cell(report, "School", "fdr")["verdict"] == schemas.TOO_SMALL
    sentence = dict(zip(report.verdicts["group"], report.verdicts["sentence"], strict=True))["School"]
    assert (
        "its false discovery rate cannot be judged, for that of Restaurant, its reference, rests on too few" in sentence
    )
    assert "too few rows (4; 5 are needed)" in sentence


# ---------------------------------------------------------------------- tables and summary


def test_tables_keep_their_schemas(report: BiasReport) -> None:
    for of in (report, audit(_rows(_never_listed()), RULE, WEEK_0), audit_weeks({}, RULE, {WEEK_0: None})):
        assert len(validated(BIAS_REPORT, of.table)) == len(of.table)
        assert len(validated(BIAS_VERDICTS, with_overall(of))) == len(of.verdicts) + 1


def test_one_sentence_for_each_attribute(report: BiasReport) -> None:
    verdicts = with_overall(report)
    assert fairness.summary(verdicts, WEEK_0) == {
        "facility_type": "facility_type: 0 of 2 groups that can be judged are within the bounds of Restaurant; "
        "outside: Grocery Store, School."
    }
    assert fairness.summary(verdicts, WEEK_0, most=1)["facility_type"].endswith("outside: Grocery Store and 1 more.")
    assert fairness.summary(verdicts, WEEK_0 + WEEK) == {}
    small = audit(
        _rows(CELLS), AuditRule(attributes=("facility_type",), capacity_share=0.5, min_group_size=900), WEEK_0
    )
    assert fairness.summary(with_overall(small), WEEK_0) == {
        "facility_type": "facility_type: no group can be judged; 2 are too small to judge."
    }


# ---------------------------------------------------------------------- unsound weeks

_ATTRIBUTES = ("facility_type", "side", "risk")
_SPOILS = {
    "missing week": (lambda r, v, w: (r[r["week"] != w], v[v["week"] != w]), "counts nothing"),
    "missing attribute": (
        lambda r, v, w: tuple(t[(t["week"] != w) | (t["attribute"] != "side")] for t in (r, v)),
        "side: missing in the report",
    ),
    "missing in the report": (
        lambda r, v, w: (r[(r["week"] != w) | (r["attribute"] != "risk")], v),
        "risk: missing in the report",
    ),
    "missing in the verdicts": (
        lambda r, v, w: (r, v[(v["week"] != w) | (v["attribute"] != "risk")]),
        "risk: missing in the verdicts",
    ),
    "missing group": (
        lambda r, v, w: tuple(t[(t["week"] != w) | (t["group"] != "South")] for t in (r, v)),
        "the groups of side add up to",
    ),
    "missing group of the report": (
        lambda r, v, w: (r[(r["week"] != w) | (r["group"] != "South")], v),
        "report and verdicts|lacks metrics",
    ),
    "missing metric": (
        lambda r, v, w: (r[(r["week"] != w) | (r["metric"] != "tnr")], v),
        "lacks metrics",
    ),
    "another size": (
        lambda r, v, w: (r.assign(group_size=r["group_size"].where(r["week"] != w, r["group_size"] + 1)), v),
        "disagree",
    ),
    "another verdict": (
        lambda r, v, w: (r, v.assign(verdict=v["verdict"].where(v["week"] != w, schemas.TOO_SMALL))),
        "report and verdicts disagree",
    ),
    "another model": (
        lambda r, v, w: (r.assign(model_group=r["model_group"].where(r["week"] != w, "c")), v),
        "the report is on c",
    ),
}


@pytest.fixture(scope="module")
def audited() -> tuple[pd.DataFrame, pd.DataFrame, dict[date, str | None], dict[date, int]]:
    rows = _many()
    rule = AuditRule(evaluation_weeks=8, min_group_size=10)
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 12)
    selected: dict[date, str | None] = {w: ("a", "b", None)[i % 3] for i, w in enumerate(weeks)}
    report = audit_weeks(rows, rule, selected)
    return report.table, with_overall(report), selected, fairness.audited_rows(rows, selected, 8)


def test_a_sound_audit_has_no_unsound_week(
    audited: tuple[pd.DataFrame, pd.DataFrame, dict[date, str | None], dict[date, int]],
) -> None:
    report, verdicts, selected, rows = audited
    assert rows[WEEK_0] == 60 and rows[WEEK_0 + WEEK * 12] == 480 and rows[WEEK_0 + WEEK * 2] == 0
    assert fairness.unsound_weeks(report, verdicts, selected, _ATTRIBUTES, rows) == {}


@pytest.mark.parametrize("spoil", list(_SPOILS))
def test_what_does_not_add_up_is_named(
    audited: tuple[pd.DataFrame, pd.DataFrame, dict[date, str | None], dict[date, int]], spoil: str
) -> None:
    report, verdicts, selected, rows = audited
    week = WEEK_0 + WEEK * 9
    change, words = _SPOILS[spoil]
    failing = fairness.unsound_weeks(*change(report, verdicts, week), selected, _ATTRIBUTES, rows)
    assert list(failing) == [week] and re.search(words, failing[week])


def test_fewer_rows_than_were_to_be_audited_and_foreign_weeks_fail(
    audited: tuple[pd.DataFrame, pd.DataFrame, dict[date, str | None], dict[date, int]],
) -> None:
    report, verdicts, selected, rows = audited
    week = WEEK_0 + WEEK * 9
    failing = fairness.unsound_weeks(report, verdicts, selected, _ATTRIBUTES, {**rows, week: rows[week] + 1})
    assert list(failing) == [week] and "481 rows were to be audited" in failing[week]
    fewer = {w: g for w, g in selected.items() if w != week}
    assert list(fairness.unsound_weeks(report, verdicts, fewer, _ATTRIBUTES, rows)) == [week]
    # Where nothing was selected, nothing may be reported.
    none = {**selected, week: None}
    assert list(fairness.unsound_weeks(report, verdicts, none, _ATTRIBUTES, rows)) == [week]


# ---------------------------------------------------------------------- unmapped weeks


def test_every_group_of_the_rows_is_in_the_report() -> None:
    rows = _many()
    rule = AuditRule(evaluation_weeks=8, min_group_size=10)
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 12)
    selected: dict[date, str | None] = {w: ("a", "b", None)[i % 3] for i, w in enumerate(weeks)}
    report = audit_weeks(rows, rule, selected).table
    assert fairness.unmapped_weeks(report, rows, selected, rule) == {}
    week = weeks[9]
    gone = report[(report["week"] != week) | (report["group"] != "South")]
    words = {week: "side: South in the rows or in the report only"}
    assert fairness.unmapped_weeks(gone, rows, selected, rule) == words
    other = report.assign(group=report["group"].where(report["week"] != week, report["group"].replace("South", "S")))
    assert fairness.unmapped_weeks(other, rows, selected, rule)[week].startswith("side: S, South in the rows or in")
    more = report.assign(group_size=report["group_size"].where(report["week"] != week, report["group_size"] + 1))
    assert re.match(r"facility_type Restaurant: \d+ rows, and \d+ in the report", _only(more, rows, selected, rule))


def test_too_many_rows_without_a_group_are_said() -> None:
    rows = _many()
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 19)
    # Since a week a source is gone.
    late = rows["a"]["week"] == weeks[-1]
    rows["a"]["side"] = rows["a"]["side"].where(~late, fairness.UNKNOWN)
    selected: dict[date, str | None] = dict.fromkeys(weeks, "a")
    for share, failing in ((0.125, []), (0.12, weeks[-1:])):
        rule = AuditRule(evaluation_weeks=8, max_unknown_share=share)
        report = audit_weeks(rows, rule, selected).table
        unmapped = fairness.unmapped_weeks(report, rows, selected, rule)
        assert list(unmapped) == failing
    assert unmapped[weeks[-1]].startswith("side: 60 of 480 rows have no group, more than 12%: look whether")


def _only(
    report: pd.DataFrame, rows: dict[str, pd.DataFrame], selected: dict[date, str | None], rule: AuditRule
) -> str:
    (words,) = fairness.unmapped_weeks(report, rows, selected, rule).values()
    return words
