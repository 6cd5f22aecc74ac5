import csv
import io
import json
from datetime import date

import pyarrow.parquet as pq
import pytest

from food_inspections_dagster.catalog import PRIORITIES
from food_inspections_dagster.serving.formats import Format, negotiate, to_csv, to_geojson, to_json, to_parquet
from food_inspections_dagster.serving.problems import Problem

COLUMNS = ("establishment_id", "rank", "dba_name", "latitude", "longitude", "last_inspection_date")
ROWS = [
    dict(zip(COLUMNS, ("L1", 1, 'A "B", C\nD', 41.9, -87.6, date(2026, 4, 16)), strict=True)),
    dict(zip(COLUMNS, ("L2", 2, None, None, None, None), strict=True)),
]


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Format.JSON),
        ("*/*", Format.JSON),
        ("text/csv", Format.CSV),
        ("text/*;q=0.5, application/geo+json", Format.GEOJSON),
        ("application/json;q=0.1, text/csv;q=0.2", Format.CSV),
        ("application/json;q=0, */*", Format.CSV),
        ("application/vnd.apache.parquet; q=1, nonsense;q=x", Format.PARQUET),
    ],
)
def test_the_client_s_favourite_is_offered(accept, form):
    assert negotiate(accept) is form


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "text/csv;q=x"])
def test_what_nobody_offers_is_refused(accept):
    with pytest.raises(Problem) as refused:
        negotiate(accept)
    assert refused.value.status_code == 406 and "text/csv" in refused.value.detail


def test_only_what_is_offered_is_chosen():
    assert negotiate("text/csv, */*;q=0.1", (Format.JSON,)) is Format.JSON


def test_no_number_is_null():
    assert json.loads(to_json({"a": float("nan"), "b": date(2026, 1, 5)})) == {"a": None, "b": "2026-01-05"}


def test_csv_is_read_back():
    read = list(csv.DictReader(io.StringIO(to_csv(ROWS, COLUMNS).decode(), newline="")))
    assert read[0]["dba_name"] == 'A "B", C\nD' and read[1]["latitude"] == ""
    assert list(read[0]) == list(COLUMNS)


def test_geojson_has_points_east_first_and_none_where_none_is_known():
    document = json.loads(to_geojson(ROWS, COLUMNS, {"label": "failed"}))
    assert document["label"] == "failed" and document["type"] == "FeatureCollection"
    assert document["features"][0]["geometry"] == {"type": "Point", "coordinates": [-87.6, 41.9]}
    assert document["features"][1]["geometry"] is None and document["features"][1]["id"] == "L2"
    assert set(document["features"][0]["properties"]) == set(COLUMNS) - {"latitude", "longitude"}


def test_parquet_keeps_types_and_says_what_it_is():
    table = pq.read_table(io.BytesIO(to_parquet(ROWS, PRIORITIES.schema, COLUMNS, {"label": "failed"})))
    assert table.to_pylist() == ROWS
    assert str(table.schema.field("rank").type) == "int32"
    assert json.loads(table.schema.metadata[b"food_inspections"]) == {"label": "failed"}
