import csv
from datetime import date

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.codebooks import codebook, codebook_of


def test_codes_and_severities_of_2010():
    book = codebook("2010")
    assert list(book) == [*range(1, 46), 70]
    assert {code for code, v in book.items() if v.severity == "critical"} == set(range(1, 15))
    assert {code for code, v in book.items() if v.severity == "serious"} == set(range(15, 30))
    assert {code for code, v in book.items() if v.severity == "minor"} == set(range(30, 45))
    assert {code for code, v in book.items() if v.severity == "none"} == {45, 70}


def test_codes_of_2018_leave_the_severity_to_the_comment():
    book = codebook("2018")
    assert list(book) == list(range(1, 65))
    assert {v.severity for v in book.values()} == {None}


@pytest.mark.parametrize("name", ["2010", "2018"])
def test_each_entry_has_a_title_and_a_summary_for_people(name):
    for entry in codebook(name).values():
        assert entry.title == entry.title.upper()
        assert 5 < len(entry.summary) < 60
        assert "|" not in entry.title  # the parser relies on it


def test_the_codebook_changes_on_the_first_of_july_2018():
    assert codebook_of(date(2018, 6, 30)) == "2010"
    assert codebook_of(date(2018, 7, 1)) == "2018"


def test_an_unknown_codebook_is_named():
    with pytest.raises(FoodInspectionsError, match=r"no codebook '2024'.*2010, 2018"):
        codebook("2024")


def test_titles_are_those_of_the_real_texts(shared_data):
    names = {"pre-2018-07": "2010", "post-2018-07": "2018"}
    with (shared_data / "violation_titles.csv").open() as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == 110
    for row in rows:
        assert codebook(names[row["era"]])[int(row["code"])].title == row["title"]
