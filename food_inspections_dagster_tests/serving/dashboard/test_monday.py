import csv
import io

import pytest

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import monday
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster_tests.serving.dashboard.pages import with_id, words


@pytest.fixture
def page(reads, publication):
    def made(**chosen):
        return monday.layout(reads, publication, Filters(**chosen))

    return made


def test_the_list_is_that_of_the_week(page, reads, publication):
    made = page()
    everything = reads.rows(shared.LIST, week=publication.week, label="failed")
    rows = with_id(made, "list").rowData
    assert [row["id"] for row in rows] == [row["establishment_id"] for row in everything[: monday.SHOWN]]
    assert f"{len(everything):,} places" in words(made)


def test_the_map_has_the_places_of_the_list_those_of_the_week_on_top(reads, publication):
    filters = Filters(label="failed", inspectors=2)
    rows = monday.listed(reads, publication, filters)
    *_, others, first = monday.map_of(rows, filters, monday.city_outlines(reads, publication)).figure["data"]
    assert 0 < len(first["customdata"]) <= filters.capacity
    assert set(first["customdata"]) <= {row["establishment_id"] for row in rows[: filters.capacity]}
    assert set(others["customdata"]) <= {row["establishment_id"] for row in rows[filters.capacity :]}


def test_choices_of_a_link_are_kept(page):
    made = page(label="critical_violation", risk=(1,), inspectors=2)
    assert with_id(made, "label").value == "critical_violation" and with_id(made, "risk").value == [1]
    assert {row["risk"] for row in with_id(made, "list").rowData} == {"1, high"}
    assert "risk=1" in with_id(made, "file-link").href and "inspectors=2" in with_id(made, "routes-link").href


def test_a_list_that_is_not_published_is_not_asked_for(page):
    assert with_id(page(label="no such label"), "label").value == "failed"


def test_more_visits_find_more_and_sooner(reads, publication):
    few, many = (Filters(label="failed", inspectors=one) for one in (1, 5))
    promised, at_few = monday.promise(reads, publication, few)
    _, at_many = monday.promise(reads, publication, many)
    assert at_few < at_many
    assert promised.days_earlier(few.capacity) > promised.days_earlier(many.capacity) > 0
    assert f"{at_many:,.1f}" in words(monday.what_if(promised, at_many, many))


def test_the_file_has_every_place(reads, publication):
    rows = monday.listed(reads, publication, Filters(label="failed"), limit=100_000)
    read = list(csv.DictReader(io.StringIO(monday.csv_file(rows))))
    assert [row["establishment_id"] for row in read] == [row["establishment_id"] for row in rows]
    assert float(read[0]["expected_find"]) == rows[0]["expected_find"]


@pytest.mark.parametrize(
    ("shown", "places", "expected"),
    [(0, 0, "No place fits"), (1, 1, "1 place."), (500, 2000, "The first 500 of 2,000 places")],
)
def test_how_many_are_shown_is_told(shown, places, expected):
    assert monday.summary(shown, places).startswith(expected)
