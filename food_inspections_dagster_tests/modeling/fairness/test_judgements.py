from dataclasses import replace

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.modeling import metrics, schemas
from food_inspections_dagster.modeling.fairness.audits import BiasReport, audit
from food_inspections_dagster.modeling.fairness.counts import AuditedRows
from food_inspections_dagster.modeling.fairness.disparities import group_metrics
from food_inspections_dagster.modeling.fairness.judgements import Judged, judge, table_of
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import BIAS_REPORT, CELLS, OUTSIDE, UNCERTAIN, WITHIN
from food_inspections_dagster.schemas import validated
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.modeling.fairness.cases import (
    RULE,
    WEEK_0,
    cell_of,
    many_rows,
    never_listed,
    rows_of,
)


def test_share_of_the_list_has_no_interval(report: BiasReport) -> None:
    cell = cell_of(report, "Grocery Store", "ppr")
    assert cell["value"] == pytest.approx(100 / 320) and pd.isna(cell["value_low"]) and pd.isna(cell["n"])


def test_disparity_against_the_fixed_reference(report: BiasReport) -> None:
    cell = cell_of(report, "Grocery Store", "fpr")
    assert cell["reference"] == "Restaurant" and cell["disparity"] == pytest.approx((70 / 110) / (60 / 240))
    low, high = metrics.ratio_interval(*(np.array([number]) for number in (70 / 110, 110.0, 60 / 240, 240.0)))
    assert cell["disparity_low"] == pytest.approx(low[0], rel=5e-3)
    assert cell["disparity_high"] == pytest.approx(high[0], rel=5e-3)


def test_false_positive_and_false_discovery_rate_come_first(report: BiasReport) -> None:
    assert report.table["metric"].tolist()[:2] == ["fpr", "fdr"]
    assert set(report.table["metric"]) == set(CELLS)
    judged = report.table.loc[report.table["verdict"].notna(), "metric"]
    assert set(judged) == {"fpr", "fdr"}


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
    cell = cell_of(audit(rows_of(cells), RULE, WEEK_0), "School", "fdr")
    assert cell["disparity"] > 0.8 and cell["verdict"] == schemas.WITHIN
    cells[("School", True, True)], cells[("School", True, False)] = 13, 9
    cell = cell_of(audit(rows_of(cells), RULE, WEEK_0), "School", "fdr")
    assert cell["disparity"] < 0.8 < cell["disparity_high"] and cell["verdict"] == schemas.UNCERTAIN


def test_a_group_that_is_never_listed_is_outside() -> None:
    report = audit(rows_of(never_listed()), RULE, WEEK_0)
    cell = cell_of(report, "School", "fpr")
    assert (cell["value"], cell["disparity"], cell["disparity_low"]) == (0, 0, 0)
    assert cell["disparity_high"] < 0.05 and cell["verdict"] == schemas.OUTSIDE
    assert "School" in report.overall[0].sentence and report.overall[0].verdict == schemas.OUTSIDE
    # Its false discovery rate has no denominator; that is sentence, with the count.
    sentence = dict(zip(report.verdicts["group"], report.verdicts["sentence"], strict=True))["School"]
    assert "0% (0% to 1%) is 0.00 times that of Restaurant (0.00 to 0.0" in sentence
    assert "its false discovery rate rests on too few rows to judge (0; 5 are needed)" in sentence


def _judged(rule: AuditRule, rows: dict[str, pd.DataFrame]) -> Judged:
    """Judge two weeks of two model groups, the later one first."""
    weeks = {"b": WEEK_0 + 9 * WEEK, "a": WEEK_0 + 8 * WEEK}
    parts = [
        group_metrics(AuditedRows(rows[group], rule).counts(attribute, [week]), attribute, [week], group, rule)
        for group, week in weeks.items()
        for attribute in rule.attributes
    ]
    return judge(parts, rule)


def test_judgements_are_in_the_order_of_week_and_attribute_and_point_to_their_references() -> None:
    rule = AuditRule(attributes=("side", "facility_type"), references={}, evaluation_weeks=8, min_group_size=10)
    of = _judged(rule, many_rows()).metrics
    assert of.model_group.tolist() == ["a"] * 5 + ["b"] * 5
    assert of.attribute.tolist() == (["side"] * 3 + ["facility_type"] * 2) * 2
    assert of.group.tolist() == ["Central", "North", "South", "Restaurant", "School"] * 2
    assert of.group[of.at].tolist() == of.reference.tolist()
    assert of.week[of.at].tolist() == of.week.tolist() and of.attribute[of.at].tolist() == of.attribute.tolist()


def test_wider_bounds_and_less_confidence_change_verdicts_and_not_disparities() -> None:
    rule = AuditRule(attributes=("side", "facility_type"), references={}, evaluation_weeks=8, min_group_size=10)
    rows = many_rows()
    strict = _judged(replace(rule, tau_low=0.9999, tau_high=1.0001), rows)
    wide = _judged(replace(rule, tau_low=0.01, tau_high=100.0, confidence=0.5), rows)
    compared = strict.metrics.at != np.arange(len(strict.metrics.at))
    place = list(CELLS).index("fpr")
    assert set(strict.verdict[compared, place]) <= {schemas.VERDICTS.index(v) for v in (OUTSIDE, UNCERTAIN)}
    assert set(wide.verdict[compared, place]) == {schemas.VERDICTS.index(WITHIN)}
    np.testing.assert_array_equal(strict.disparity, wide.disparity)
    narrower = (wide.high - wide.low)[:, place] < (strict.high - strict.low)[:, place]
    assert narrower.all()


def test_the_table_has_a_line_for_each_metric_of_each_group() -> None:
    rule = AuditRule(attributes=("side",), references={}, evaluation_weeks=8, min_group_size=10)
    judged = _judged(rule, many_rows())
    table = table_of(judged)
    assert len(validated(BIAS_REPORT, table)) == 6 * len(CELLS)
    assert table["metric"].tolist() == list(CELLS) * 6
    of_group = table.iloc[: len(CELLS)]
    assert of_group["group"].tolist() == ["Central"] * len(CELLS)
    np.testing.assert_array_equal(of_group["value"].to_numpy(float, na_value=np.nan), judged.metrics.value[0])
