from food_inspections_dagster.serving.dashboard import sheets
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster.serving.dashboard.monday import listed
from food_inspections_dagster_tests.serving.dashboard.pages import words


def test_each_visit_of_the_week_is_one_inspectors(reads, publication):
    filters = Filters(label="failed", inspectors=3, visits=2)
    rows = listed(reads, publication, filters, filters.capacity)
    by_inspector = sheets.sheets_of(rows, 3)
    visited = [row["rank"] for ways in by_inspector for way in ways for row in way]
    assert sorted(visited) == [row["rank"] for row in rows]
    assert [len(ways) for ways in by_inspector] == [5, 5, 5]
    finds = [[sum(row["expected_find"] for row in way) for way in ways] for ways in by_inspector]
    assert all(days == sorted(days, reverse=True) for days in finds)
    text = words(sheets.layout(reads, publication, filters))
    assert "Inspector 3" in text and "Friday" in text


def test_without_places_there_is_nothing_to_print(reads, publication):
    text = words(sheets.layout(reads, publication, Filters(label="failed", text="no such place")))
    assert "No place fits" in text


def test_fewer_places_than_inspectors(reads, publication):
    rows = listed(reads, publication, Filters(label="failed"), 2)
    assert sorted(len(ways) for ways in sheets.sheets_of(rows, 4)) == [0, 0, 1, 1]
