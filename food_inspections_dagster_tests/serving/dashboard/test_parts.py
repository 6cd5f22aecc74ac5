from datetime import date

import pytest

from food_inspections_dagster.modeling.rules import LABELS
from food_inspections_dagster.serving.dashboard import parts


def test_numbers_in_words():
    assert parts.percent(0.256) == "26%" and parts.percent(0.256, 1) == "25.6%" and parts.percent(None) == "–"
    assert parts.number(12345) == "12,345" and parts.number(1.26, 1, signed=True) == "+1.3"
    assert parts.between(0.1, 0.25, 0, 100) == "10 to 25" and parts.between(None, 1) == ""
    assert parts.day(date(2012, 11, 19)) == "19 November 2012" and parts.day(None) == "–"


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
