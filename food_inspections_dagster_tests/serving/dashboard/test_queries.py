import pytest

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import queries
from food_inspections_dagster.serving.dashboard.filters import Filters


def asked(reads, publication, query, filters, **values):
    return reads.rows(query, week=publication.week, label=filters.label, **filters.values(), **values)


@pytest.fixture
def everything(reads, publication):
    return reads.rows(shared.LIST, week=publication.week, label="failed")


def test_the_promise_of_a_whole_list_is_the_published_one(reads, publication, everything):
    (promise,) = asked(reads, publication, queries.PROMISE, Filters(label="failed"), capacity=7)
    assert promise["places"] == len(everything)
    assert promise["at_capacity"] == pytest.approx(everything[6]["expected_finds"])
    assert promise["finds"] == pytest.approx(everything[-1]["expected_finds"])
    assert 1 < promise["rank_of_finds"] < len(everything) / 2


def test_filters_leave_what_fits_in_the_order_of_the_list(reads, publication, everything):
    kind = everything[0]["facility_type"]
    filters = Filters(label="failed", facility_type=(kind,), risk=(1, 2))
    rows = asked(reads, publication, queries.LISTED, filters, limit=10_000)
    expected = [row["rank"] for row in everything if row["facility_type"] == kind and row["risk"] in (1, 2)]
    assert [row["rank"] for row in rows] == expected
    (promise,) = asked(reads, publication, queries.PROMISE, filters, capacity=1)
    assert promise["places"] == len(expected)
    assert promise["at_capacity"] == pytest.approx(rows[0]["expected_find"])


def test_nothing_fits_nothing(reads, publication):
    filters = Filters(label="failed", text="no such place at all")
    (promise,) = asked(reads, publication, queries.PROMISE, filters, capacity=1)
    assert promise == {"places": 0, "finds": 0, "rank_of_finds": 0, "at_capacity": 0}


def test_the_map_is_drawn_from_places_of_known_areas(reads, publication):
    rows = reads.rows(queries.POSITIONS, week=publication.week)
    assert rows and all(row["community_area"] not in (None, "Unknown") for row in rows)


def test_a_place_is_found_on_each_list(reads, publication, everything):
    values = {"week": publication.week, "establishment_id": everything[0]["establishment_id"]}
    rows = reads.rows(queries.PLACE_ON_LISTS, **values)
    assert {row["label"] for row in rows} == {"failed", "critical_violation"}
    (size,) = reads.rows(queries.LIST_SIZE, week=publication.week, label="failed")
    assert size["places"] == len(everything)
