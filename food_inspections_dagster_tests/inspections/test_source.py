"""Raw rows of any source as its clean table, and what is left out."""

from datetime import date

import pytest

from food_inspections_dagster.inspections.source import clean
from food_inspections_dagster.inspections.sources import SOURCES, find_sources
from food_inspections_dagster.schemas import broken_weeks
from food_inspections_dagster_tests.inspections.portal_rows import raw


def crime(**changed: str | None) -> dict[str, str | None]:
    row = {"id": "1", "date": "2014-01-07T21:30:00.000", "primary_type": "BURGLARY", "community_area": "25"}
    return {**row, "latitude": "41.9", "longitude": "-87.7", **changed}


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_each_source_declares_what_it_cleans(name):
    source = SOURCES[name]
    assert set(source.key) <= set(source.required)
    for form in source.forms:
        assert set(source.required) <= set(form.columns) <= set(source.fields)
        assert (form.date is None) == (source.date is None)
        assert form.date is None or form.columns[source.date] == form.date
        assert source.form_of({*form.columns.values()}) is form
    assert source.form_of(["something", "else"]) is None
    assert all(column.description for column in source.schema.columns.values())


@pytest.mark.parametrize("name", sorted(SOURCES))
def test_nothing_in_a_raw_row_raises_and_the_schema_is_always_kept(name):
    source = SOURCES[name]
    columns = {column for form in source.forms for column in form.columns.values()} - {":id"}
    texts = ("", " ", "0", "-1", "78", "99999999999", "1e3", "NaN", "2014-01-07", "2014-13-40", "\x00", "é" * 300, None)
    rows = [dict.fromkeys(columns, text) for text in texts]
    cleaned = clean(source, raw(*rows))
    assert broken_weeks(source.schema, cleaned.rows) == ({}, "")
    assert len(cleaned.rows) + sum(cleaned.dropped.values()) == len(rows)
    assert clean(source, raw({"unknown": "x"})).rows.empty
    assert clean(source, raw().iloc[:0]).rows.columns.tolist() == list(source.schema.columns)


def test_rows_that_were_not_asked_for_are_left_out():
    """A portal that overlooks the condition sends every theft of the city."""
    licence = {"id": "1", "license_number": "7", "license_start_date": "2014-01-07T00:00:00.000"}
    licences = [
        licence | {"id": str(at), "license_code": code} for at, code in enumerate(("1006", "1006.0", "4000", None))
    ]
    cleaned = clean(SOURCES["business_licenses"], raw(*licences))
    assert cleaned.rows["license_code"].tolist() == [1006, 1006]
    assert cleaned.dropped == {"another license_code": 1, "no usable license_code": 1}
    old = {"creation_date": "2014-01-07", "service_request_number": "14-1"}
    new = {
        "created_date": "2014-01-07",
        "sr_number": "SR1",
        "sr_type": "Sanitation Code Violation",
        "legacy_record": "false",
    }
    changes = ({"legacy_record": "true"}, {"sr_type": "Pothole"}, {"sr_type": None}, {"legacy_record": "False"})
    rows = [old, new, *(new | changed for changed in changes)]
    cleaned = clean(SOURCES["sanitation_complaints"], raw(*({":id": str(at), **row} for at, row in enumerate(rows))))
    assert sorted(cleaned.rows["row_id"]) == ["0", "1", "5"], "rows of the other form have no such columns"
    assert cleaned.dropped == {"another legacy_record": 1, "another sr_type": 2}


def test_rows_from_before_a_column_was_asked_for_are_kept():
    new = {":id": "1", "created_date": "2014-01-07", "sr_number": "SR1"}
    assert len(clean(SOURCES["sanitation_complaints"], raw(new)).rows) == 1


def test_sources_are_those_of_the_modules():
    assert dict(find_sources()) == dict(SOURCES)


def test_rows_are_left_out_by_reason_and_the_newest_of_repeated_ones_stays():
    rows = raw(
        crime(id="2", **{":updated_at": "2014-01-08T00:00:00.000Z", "community_area": "1"}),
        crime(id="2", **{":updated_at": "2014-01-09T00:00:00.000Z", "community_area": "0"}),
        crime(id="x"),
        crime(id="3", date="2014-01-13T00:00:00.000"),
        crime(id="4", date=None),
        crime(id="1", longitude="-70.0"),
        crime(id="5", primary_type="THEFT"),
    )
    cleaned = clean(SOURCES["crimes"], rows)
    assert cleaned.dropped == {
        "another primary_type": 1, "date outside of its week": 1, "no usable crime_id": 1, "no usable date": 1,
        "repeated": 1,
    }  # fmt: skip
    assert cleaned.rows["crime_id"].tolist() == [1, 2]
    assert cleaned.rows["date"].tolist() == [date(2014, 1, 7)] * 2
    assert cleaned.rows["latitude"].isna().tolist() == [True, False]
    assert cleaned.rows["community_area"].isna().tolist() == [False, True]
    assert clean(SOURCES["crimes"], rows.iloc[::-1].reset_index(drop=True)).rows.equals(cleaned.rows)
