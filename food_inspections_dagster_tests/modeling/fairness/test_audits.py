from datetime import date

import pandas as pd
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.fairness.audits import BiasReport, audit, audit_weeks, with_overall
from food_inspections_dagster.modeling.fairness.words import EVERYBODY, OVERALL
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import BIAS_REPORT, BIAS_VERDICTS
from food_inspections_dagster.schemas import validated
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.fairness.cases import (
    COUNTS,
    RULE,
    WEEK_0,
    many_rows,
    never_listed,
    rows_of,
)


def test_nothing_selected_and_nothing_scored_have_a_sentence() -> None:
    empty = rows_of(COUNTS).head(0)
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
        audit(rows_of(COUNTS), AuditRule(attributes=("side",), references={}), WEEK_0)


def test_a_week_audited_alone_is_the_same_as_in_a_range() -> None:
    rows = many_rows()
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


def test_tables_keep_their_schemas(report: BiasReport) -> None:
    for of in (report, audit(rows_of(never_listed()), RULE, WEEK_0), audit_weeks({}, RULE, {WEEK_0: None})):
        assert len(validated(BIAS_REPORT, of.table)) == len(of.table)
        assert len(validated(BIAS_VERDICTS, with_overall(of))) == len(of.verdicts) + 1


def test_verdicts_alone_are_the_same_as_with_every_reference() -> None:
    rows, rule = many_rows(), AuditRule(evaluation_weeks=8, min_group_size=10)
    selected: dict[date, str | None] = {WEEK_0 + WEEK * 9: "a", WEEK_0 + WEEK * 10: "b"}
    whole, judged = (audit_weeks(rows, rule, selected, judged_only=only) for only in (False, True))
    pd.testing.assert_frame_equal(judged.verdicts, whole.verdicts, check_exact=True)
    assert judged.overall == whole.overall
    assert whole.table["majority_disparity"].notna().any() and judged.table["majority_disparity"].isna().all()


def test_the_whole_list_is_the_last_line_of_its_verdicts(report: BiasReport) -> None:
    verdicts = with_overall(report)
    pd.testing.assert_frame_equal(verdicts.iloc[:-1], report.verdicts)
    last = verdicts.iloc[-1]
    assert (last["week"], last["attribute"], last["group"], last["group_size"]) == (WEEK_0, OVERALL, EVERYBODY, 640)
    assert (last["verdict"], last["sentence"]) == (report.overall[0].verdict, report.overall[0].sentence)
