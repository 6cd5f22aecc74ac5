"""The report prints whatever the tables hold, and fits one screen."""

from datetime import date

import pandas as pd
import pytest

from food_inspections_dagster.command_line import report
from food_inspections_dagster_tests.world import WEEKS

ROW = {
    "rank": 1,
    "score": 0.41,
    "dba_name": "A [/B]",
    "address": "1 [red] ST",
    "zip": "60601",
    "facility_type": "Restaurant",
    "last_result": "Pass",
    "last_inspection_date": date(2010, 5, 3),
    "reason_1": "its [name] says so",
    "reason_2": None,
    "reason_3": pd.NA,
}
ESTIMATE = {"value": 0.6123, "low": 0.5, "high": 0.7}
DECISION = {
    "week": "2010-05-03",
    "selected": "knn",
    "selected_model_id": "abc",
    "rows": 40,
    "reasons": ["because [x]"],
    "rule": {"capacity_share": 0.25},
    "candidates": [{"group": "knn", "metrics": {"roc_auc": ESTIMATE}}, {"group": "xgboost", "metrics": {}}],
}


class Tables:
    """Answers each question with the same rows."""

    def __init__(self, *rows):
        self.rows = pd.DataFrame(list(rows))

    def query(self, statement, params):
        return self.rows


@pytest.mark.parametrize("name", ["A [/B]", "[bold]", "back\\", "A [/bold]", "[", "ünïcode 🍕"])
def test_names_are_printed_as_they_are(out, told, name):
    """Issue 9, 14: a MarkupError after a finished run."""
    report._print_list(out, Tables({**ROW, "dba_name": name}), DECISION, WEEKS[-1])
    assert f"  1. {name}, 1 [red] ST, 60601 (Restaurant): 41%; last: Pass on 2010-05-03" in told()
    assert "     its [name] says so\n" in told()


def test_a_place_without_name_or_address_is_on_the_list(out, told):
    report._print_list(out, Tables({**ROW, "dba_name": None, "address": None, "zip": pd.NA}), DECISION, WEEKS[-1])
    assert "  1. (no name),  (Restaurant)" in told()


def test_warnings_are_printed_as_they_are(out, told):
    report.print_warnings(out, ["schema_drift of raw_inspections failed: new column [/x]"])
    assert told() == "Warning: schema_drift of raw_inspections failed: new column [/x]\n"


def test_an_interval_that_is_unknown_is_left_out(out, told):
    """Issue 9, 26."""
    unknown = [
        {"group": "knn", "metrics": {"roc_auc": {"value": 0.6123, "low": None, "high": None}}},
        {"group": "xgboost", "metrics": {"roc_auc": {"value": None, "low": None, "high": None}}},
        {"group": "baseline", "metrics": {"roc_auc": ESTIMATE, "mean_days_earlier": {**ESTIMATE, "value": 8.26}}},
    ]
    report._print_decision(out, {**DECISION, "candidates": unknown})
    lines = told().splitlines()
    assert lines[2].split() == ["knn", "(selected)", "0.612", "-", "-", "-", "-", "-"]
    assert lines[3].split() == ["xgboost", *["-"] * 6]
    assert "0.612 (0.500 to 0.700)" in lines[4] and "8.3" in lines[4]


def test_where_nothing_is_selected_it_says_why_once(out, told):
    report._print_decision(out, {**DECISION, "selected": None})
    assert told() == "\nNo model could be selected. because [x]\n"


def test_the_audit_is_a_sentence_for_each_attribute(made, out, told):
    report._print_bias(out, made.stored, WEEKS[-1])
    lines = [line for line in told().splitlines() if line.startswith("- ")]
    assert [line.split(":")[0] for line in lines] == ["- facility_type", "- risk", "- side"]
    sentences = made.table("monitoring.bias_verdicts")["sentence"]
    assert not any(sentence in made.told for sentence in sentences), "paragraphs stay in their table"


def test_an_audit_of_nothing_says_why(made, out, told):
    report._print_bias(out, made.stored, WEEKS[0])
    assert "Each group in words" not in told()
    assert len(told().splitlines()[-1]) > 20


def test_the_list_has_ten_places(made):
    of_list = made.told[made.told.index("Inspect first in the week of") :]
    assert [f"{rank:>3}. " in of_list for rank in (1, 10, 11)] == [True, True, False]


def test_each_stage_is_a_line_and_what_is_made_together_is_timed_once(made):
    table = made.told[made.told.index("\nstage ") + 1 :].splitlines()
    lines = {line.split()[0]: line.split() for line in table[1:14]}
    assert list(lines) == made.graph.assets
    assert lines["violations"][-1] == lines["xgboost_model"][-1] == '"'
    rows = made.database.query("select count(*) as n from clean.inspections")["n"][0]
    assert lines["inspections"][1:3] == ["44", f"{rows:,}"]
