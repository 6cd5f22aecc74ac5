import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.fairness.audits import BiasReport, audit
from food_inspections_dagster.modeling.fairness.counts import AuditedRows
from food_inspections_dagster.modeling.fairness.disparities import crosstabs, effective_sizes
from food_inspections_dagster.modeling.fairness.rows import on_list
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import CELLS
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.fairness.cases import (
    COUNTS,
    RULE,
    WEEK_0,
    cell_of,
    many_rows,
    never_listed,
    rows_of,
)


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
    cell = cell_of(report, group, metric)
    assert cell["value"] == pytest.approx(value)
    assert cell["n"] == n
    low, high = metrics.wilson(np.array([value]), np.array([float(n)]))
    # One row per establishment: the design effect is 1 but for its small-sample factor.
    assert cell["value_low"] == pytest.approx(low[0], abs=2e-3)
    assert cell["value_high"] == pytest.approx(high[0], abs=2e-3)


def test_clustering_widens_intervals() -> None:
    alone, together = (audit(rows_of(COUNTS, repeat), RULE, WEEK_0) for repeat in (1, 5))
    width = [
        float(c["value_high"] - c["value_low"]) for c in (cell_of(r, "Restaurant", "fpr") for r in (alone, together))
    ]
    # Five equal rows per establishment carry the information of one: intervals are sqrt(5) times as wide.
    assert width[1] == pytest.approx(width[0] * np.sqrt(5), rel=0.1)


def test_design_effect_against_a_bootstrap_of_establishments() -> None:
    rng = np.random.default_rng(2)
    cells = dict(COUNTS)
    frame = rows_of(cells)
    frame = frame.assign(
        establishment_id=pd.Series([f"L{e}" for e in np.sort(rng.integers(0, 160, len(frame)))])
        .astype(frame["model_id"].dtype)
        .array
    )
    cell = cell_of(audit(frame, RULE, WEEK_0), "Grocery Store", "pprev")
    groceries = frame.loc[frame["facility_type"] == "Grocery Store"]
    places = [g["score"].to_numpy(float) > 0.5 for _, g in groceries.groupby("establishment_id")]
    draws = [np.concatenate([places[i] for i in rng.integers(0, len(places), len(places))]).mean() for _ in range(2000)]
    assert (cell["value_high"] - cell["value_low"]) / (2 * 1.96) == pytest.approx(np.std(draws), rel=0.12)


def test_the_largest_group_is_the_reference_where_none_is_named() -> None:
    report = audit(rows_of(COUNTS), AuditRule(attributes=("facility_type",), references={}, capacity_share=0.5), WEEK_0)
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
    cells = {**COUNTS, ("Bakery", False, False): 8, ("School", True, False): 98}
    report = audit(rows_of(cells), rule, WEEK_0)
    assert set(report.table["reference"]) == {"School"}
    assert set(report.table["majority_reference"]) == {"Restaurant"}
    grocery, bakery = cell_of(report, "Grocery Store", "fpr"), cell_of(report, "Bakery", "fpr")
    assert grocery["majority_disparity"] == pytest.approx((70 / 110) / (60 / 240))
    assert grocery["disparity"] == pytest.approx((70 / 110) / (98 / 158))
    # The least false positive rate is that of restaurants, the least recall that of schools and groceries, 0.75, too.
    assert (grocery["minimum_reference"], bakery["minimum_reference"]) == ("Restaurant", "Restaurant")
    assert grocery["minimum_disparity"] == pytest.approx(grocery["majority_disparity"])
    assert pd.isna(bakery["minimum_disparity"]) and bakery["majority_disparity"] == 0
    assert cell_of(report, "Restaurant", "tpr")["minimum_reference"] == "Restaurant"
    judged = report.table.dropna(subset=["minimum_disparity"])
    assert (judged["minimum_disparity"] >= 1).all() and judged["metric"].nunique() == len(CELLS)
    small = audit(rows_of(cells), AuditRule(attributes=("facility_type",), min_group_size=900), WEEK_0).table
    assert small["minimum_reference"].isna().all() and small["minimum_disparity"].isna().all()


def test_a_least_rate_of_zero_compares_nobody() -> None:
    report = audit(rows_of(never_listed()), RULE, WEEK_0)
    cells = [cell_of(report, group, "fpr") for group in ("School", "Restaurant", "Bakery")]
    assert {cell["minimum_reference"] for cell in cells} == {"School"}
    assert all(pd.isna(cell["minimum_disparity"]) for cell in cells)


def test_crosstabs_are_those_of_aequitas_on_the_rows_themselves() -> None:
    from aequitas.group import Group

    rule = AuditRule(evaluation_weeks=8, min_group_size=10)
    rows = many_rows(seed=5)["a"].sort_values(["week", "inspection_id"], ignore_index=True)
    # A group that comes late and is never listed: its rates have no denominator.
    late = (rows["week"] > WEEK_0 + WEEK * 15) & (rows["score"] < 0.2)
    rows["facility_type"] = rows["facility_type"].where(~late, "Bakery")
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 25)
    counted = AuditedRows(rows, rule)
    listed = on_list(rows, rule.capacity_share)
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
    rows = many_rows(seed=6)["a"]
    weeks = week_range(WEEK_0, WEEK_0 + WEEK * 19)
    counts = AuditedRows(rows, rule).counts("facility_type", weeks)
    at, group = np.nonzero(counts.cells.any(axis=2))
    n, effective = effective_sizes(counts.cells[at, group], counts.products[at, group], counts.clusters[at, group])
    rows = rows.assign(listed=on_list(rows, rule.capacity_share))
    for row, (place, name) in enumerate(zip(at, counts.names[group], strict=True)):
        window = rows.loc[(rows["week"] > weeks[place] - WEEK * 6) & (rows["week"] <= weeks[place])]
        window = window.loc[window["facility_type"] == name]
        label, listed = window["label"].to_numpy(bool), window["listed"].to_numpy(bool)
        cell = {"tp": listed & label, "fp": listed & ~label, "fn": ~listed & label, "tn": ~listed & ~label}
        cluster = frames.codes(window["establishment_id"])
        for metric, (over, under) in enumerate(CELLS.values()):
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
