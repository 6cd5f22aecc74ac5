import re
from html.parser import HTMLParser

import pytest

from food_inspections_dagster.profiles.changes import Bounds, all_jumps
from food_inspections_dagster.profiles.report import render
from food_inspections_dagster_tests.profiles.cases import ROWS, WEEKS, profile_of, violations

WORDS = {"violations": {"": "One row per violation.", "comment": "What the inspector <wrote>"}}
BOUNDS = Bounds(0.05, 2, 0.01, 50)
PROFILE = profile_of(ROWS)


def page_of(profile=PROFILE, jumps=(), simulated=False, week=WEEKS[-1]):
    return render(week, profile, jumps, WORDS, simulated, 10)


class Tags(HTMLParser):
    """Sees that every tag is closed, in order."""

    def __init__(self, page):
        super().__init__()
        self.open, self.all, self.faults = [], [], []
        self.feed(page)

    def handle_starttag(self, tag, attributes):
        self.all.append((tag, dict(attributes)))
        if tag not in ("meta",):
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.all.append((tag, dict(attributes)))

    def handle_endtag(self, tag):
        if not self.open or self.open.pop() != tag:
            self.faults.append((tag, self.getpos()))


def test_it_is_html_that_needs_nothing_from_anywhere():
    page = page_of()
    tags = Tags(page)
    assert tags.faults == [] and tags.open == []
    assert page.lstrip().startswith("<!doctype html>")
    assert not {"script", "link", "img", "iframe"} & {tag for tag, _ in tags.all}
    assert not re.search(r"https?:|@import|url\(", page)
    assert all(
        attributes.get("role") == "img" and attributes["aria-label"] for tag, attributes in tags.all if tag == "svg"
    )


def test_it_says_what_the_table_says():
    page = page_of()
    assert f"week of {WEEKS[-1]}" in page and "200 rows, 7 columns" in page
    assert re.search(r"<h4>comment</h4>\s*<p class=\"quiet\">What the inspector &lt;wrote&gt;</p>", page)
    assert "25.0 % (newest 25.0 %, before 25.0 %)" in page
    assert "Codebook of 2010" in page and "Codebook of 2018" in page
    assert "Potentially hazardous food meets temperature requirement" in page


def test_what_is_to_be_looked_at_stands_first():
    assert "Nothing: shares of missing values" in page_of()
    profile = profile_of(violations(comment=["x"] * 160 + [None] * 40))
    jumps = all_jumps(profile, BOUNDS)
    assert jumps and f"<li>{jumps[0]}</li>" in page_of(profile, jumps)


def test_values_of_the_data_are_never_markup():
    page = page_of(profile_of(violations(comment=["<script>alert(1)</script>"] * len(ROWS))))
    assert "<script" not in page and "&lt;script&gt;" in page


def test_a_simulated_city_is_said_to_be_one():
    assert "SIMULATED" in page_of(simulated=True) and "SIMULATED" not in page_of()


def test_the_same_rows_give_the_same_bytes_and_only_those_of_the_week_count():
    both = profile_of(ROWS, WEEKS[-3], WEEKS[-1])
    assert page_of(both) == page_of() == page_of()
    assert page_of(both, week=WEEKS[-3]) != page_of()


@pytest.mark.parametrize("rows", [ROWS[:0], ROWS[ROWS["week"] == WEEKS[-1]]], ids=["no row", "one week"])
def test_few_rows_make_a_page_too(rows):
    tags = Tags(page_of(profile_of(rows)))
    assert tags.faults == []
