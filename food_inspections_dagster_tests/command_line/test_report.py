"""The report prints whatever the tables hold, and is short."""

from datetime import date

import pandas as pd
import pytest

from food_inspections_dagster.command_line import report
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster_tests.world import WEEKS

ROW = {
    "rank": 1,
    "own_risk_rank": 3,
    "expected_find": 0.41,
    "own_risk": 0.28,
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
    """Answers each question for the list with the same rows, and for what holds around places with notes."""

    def __init__(self, *rows, notes=()):
        self.rows, self.notes = pd.DataFrame(list(rows)), pd.DataFrame(list(notes), columns=["zip", "sentence"])

    def query(self, statement, params):
        return self.notes if "{area_notes}" in statement else self.rows


@pytest.mark.parametrize("name", ["A [/B]", "[bold]", "back\\", "A [/bold]", "[", "ünïcode 🍕"])
def test_names_are_printed_as_they_are(out, told, name):
    """Issue 9, 14: a MarkupError after a finished run."""
    report._print_list(out, Tables({**ROW, "dba_name": name}), DECISION, WEEKS[-1], "failed")
    assert f"  1. {name}, 1 [red] ST, 60601 (Restaurant): 41%, own 28%; last: Pass on 2010-05-03" in told()
    assert "     its [name] says so\n" in told()


def test_a_place_without_name_or_address_is_on_the_list(out, told):
    report._print_list(
        out, Tables({**ROW, "dba_name": None, "address": None, "zip": pd.NA}), DECISION, WEEKS[-1], "failed"
    )
    assert "  1. (no name),  (Restaurant)" in told()


def test_a_place_that_nobody_has_visited_says_so(out, told):
    row = {**ROW, "last_result": None, "last_inspection_date": None}
    report._print_list(out, Tables(row), DECISION, WEEKS[-1], "critical_violation")
    assert "41%, own 28%; never visited" in told()
    assert "a visit finds a critical violation" in told().replace("\n", " ")


def test_what_holds_around_the_first_places_is_said_once_for_each_area(out, told):
    notes = [("60602", "In 60602 [x]."), ("60601", "In 60601 more."), ("60699", "In 60699, far down the list.")]
    rows = [
        {**ROW, "rank": place, "zip": code} for place, code in ((1, "60601"), (2, "60602"), (3, "60601"), (4, None))
    ]
    report._print_list(out, Tables(*rows, notes=notes), DECISION, WEEKS[-1], "failed")
    lines = told().splitlines()
    assert lines[-1] == "Around them: In 60601 more.; In 60602 [x]."
    out.file.seek(0), out.file.truncate()
    report._print_list(out, Tables(ROW), DECISION, WEEKS[-1], "failed")
    assert "Around them" not in told()


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
    report._print_decision(out, "failed", {**DECISION, "candidates": unknown})
    lines = told().splitlines()
    assert lines[2].split() == ["knn", "(selected)", "0.612", "-", "-", "-", "-", "-"]
    assert lines[3].split() == ["xgboost", *["-"] * 6]
    assert "0.612 (0.500 to 0.700)" in lines[4] and "8.3" in lines[4]


def test_where_nothing_is_selected_it_says_why_once(out, told):
    report._print_decision(out, "failed", {**DECISION, "selected": None})
    assert told() == "\nNo model could be selected for failed. because [x]\n"


@pytest.mark.parametrize("label", ["failed", "critical_violation"])
def test_the_audit_is_a_sentence_for_each_attribute_with_who_waits_and_what_a_remedy_costs(made, out, told, label):
    report._print_bias(out, made.stored, WEEKS[-1], label)
    lines = [line for line in told().splitlines() if line.startswith("- ")]
    attributes = sorted(made.settings.bias.attributes)
    assert [line.split(":")[0] for line in lines[: len(attributes)]] == [f"- {name}" for name in attributes]
    verdicts, prices = (made.table(f"monitoring.{name}") for name in ("bias_verdicts", "remedy_prices"))
    assert not any(sentence in made.told for sentence in verdicts["sentence"]), "paragraphs stay in their table"
    priced = prices[(prices["label"] == label) & (prices["kind"] == "quota") & (prices["basis"] == "cohort")]
    text = " ".join(told().split())
    (price,) = priced["sentence"]
    assert f"- {price[:100]}" in text
    others = prices[(prices["label"] == label) & (prices["sentence"] != price)]["sentence"]
    assert len(others) and not any(f"- {sentence[:100]}" in text for sentence in others), "they are in their table"
    assert "monitoring.remedy_prices" in text
    assert max(map(len, told().splitlines())) <= 120


def test_an_audit_of_nothing_says_why(made, out, told):
    report._print_bias(out, made.stored, WEEKS[0], "failed")
    assert "In full: tables" not in told()
    assert len(told().splitlines()[-1]) > 20


def test_both_labels_are_told_and_the_list_is_of_the_one_that_was_asked_for(made, out, told):
    report.print_monday(out, made.stored, WEEKS[-1], "critical_violation")
    text = " ".join(told().split())
    assert "critical_violation: " in text and "failed: " in text and "is in use, AUC " in text
    assert "finds a critical violation" in text
    scores = made.table("predictions.scores")
    first = scores[(scores["label"] == "critical_violation") & (scores["rank"] == 1)].iloc[0]
    assert f"1. {first['dba_name']}" in text and f"{first['expected_find']:.0%}, own {first['own_risk']:.0%}" in text


def test_the_list_has_ten_places(made):
    of_list = made.told[made.told.index("Inspect first in the week of") :]
    assert [f"{rank:>3}. " in of_list for rank in (1, 10, 11)] == [True, True, False]


def test_a_long_warning_is_cut_and_it_says_where_it_stands_in_full(out, told):
    report.print_warnings(out, ["short", "long " * 50])
    lines = told().splitlines()
    assert lines[0] == "Warning: short" and lines[1].endswith("…") and len(lines[1]) <= 120
    assert lines[2:] == ["In full: the checks in the UI."]
    report.print_warnings(out, ["one", "two", "three", "four"])
    assert told().splitlines()[3:] == [
        "Warning: one",
        "Warning: two",
        "2 more warnings; all in full: the checks in the UI.",
    ]


def test_each_stage_is_a_line_and_so_are_all_sources(made):
    table = made.told[made.told.index("\nstage ") + 1 :].splitlines()
    stages = [
        stage for stage in made.graph.stages if not {*stage.outputs} & {*SOURCES, *(f"raw_{name}" for name in SOURCES)}
    ]
    assert table[1].startswith("sources, raw and clean (2 assets)  ")
    lines = table[2 : 2 + len(stages)]
    for stage, line in zip(stages, lines, strict=True):
        first, *others = stage.outputs
        assert line.startswith(first) and float(line.split()[-1]) >= 0
        assert all(other in line for other in others) or f"{first} and {len(others)} more " in line
    (cleaned,) = (line.split() for line in lines if line.startswith("inspections and 2 more"))
    counts = [len(made.table(f"clean.{name}")) for name in ("inspections", "violations", "rejected_inspections")]
    assert cleaned[-3:-1] == ["44", f"{sum(counts):,}"]
