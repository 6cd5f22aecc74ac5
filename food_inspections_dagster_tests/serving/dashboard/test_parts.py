from datetime import UTC, date, datetime

import pytest

from food_inspections_dagster.modeling.rules import LABELS
from food_inspections_dagster.serving.dashboard import parts


def test_numbers_in_words():
    assert parts.percent(0.256) == "26%" and parts.percent(0.256, 1) == "25.6%" and parts.percent(None) == "–"
    assert parts.number(12345) == "12,345" and parts.number(1.26, 1, signed=True) == "+1.3"
    assert parts.between(0.1, 0.25, 0, 100) == "10 to 25" and parts.between(None, 1) == ""
    assert parts.day(date(2012, 11, 19)) == "19 November 2012" and parts.day(None) == "–"
    assert parts.minute(datetime(2012, 11, 20, 2, 5, tzinfo=UTC)) == "19 November 2012, 20:05"


@pytest.mark.parametrize(
    ("text", "expected"),
    [("NEAR WEST SIDE", "Near West Side"), ("MARIA'S 53RD ST", "Maria's 53rd St"), ("McDonald's", "McDonald's")],
)
def test_names_in_capitals_are_written_as_people_do(text, expected):
    assert parts.title_case(text) == expected


def test_each_label_has_words_of_its_own():
    assert {parts.label_words(label) for label in LABELS} == {words for words, _ in parts.LABELS.values()}
    assert parts.label_words("some_other") == "some other"


def test_a_table_scrolls_by_keyboard_and_has_headings():
    made = parts.table(("Name", "Rows"), [("a", "1")], "Rows by name", (1,))
    assert made.tabIndex == "0" and made.to_plotly_json()["props"]["aria-label"] == "Rows by name"
    head, body = made.children.children[1:]
    assert [one.scope for one in head.children.children] == ["col", "col"]
    assert body.children[0].children[0].scope == "row" and body.children[0].children[1].className == "number"


def test_of_a_long_table_the_first_rows_are_shown_and_the_others_on_demand():
    rows = [(str(n), "1") for n in range(20)]
    shown, others = parts.long_table(("Name", "Rows"), rows, "Rows by name", (1,)).children
    assert len(shown.children.children[2].children) == 10
    assert (
        others.children[0].children == "10 more" and len(list(others.children[1].children.children[2].children)) == 10
    )
    assert "more" not in str(parts.long_table(("Name", "Rows"), rows[:13], "Rows by name", (1,)))


def test_names_of_programs_are_written_as_people_do():
    assert parts.plain("logistic_regression has the best roc_auc") == "logistic regression has the best AUC"
    assert parts.title_case("Sam'S Station") == "Sam's Station"
