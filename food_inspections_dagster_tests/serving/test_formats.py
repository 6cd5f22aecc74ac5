import io
import math

import orjson
import pyarrow.parquet as pq
import pytest

from food_inspections_dagster.catalog import ESTABLISHMENTS
from food_inspections_dagster.serving.formats import Format, negotiate, to_csv, to_geojson, to_json, to_parquet
from food_inspections_dagster.serving.problems import Problem

ROWS = [
    {"establishment_id": "L1", "dba_name": 'A "B", C', "latitude": 41.9, "longitude": -87.6, "visits": 1},
    {"establishment_id": "L2", "dba_name": None, "latitude": None, "longitude": None, "visits": 0},
]
COLUMNS = ("establishment_id", "dba_name", "latitude", "longitude", "visits")


@pytest.mark.parametrize(
    ("accept", "form"),
    [
        ("", Format.JSON),
        ("*/*", Format.JSON),
        ("text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8", Format.JSON),
        ("text/csv", Format.CSV),
        ("text/*", Format.CSV),
        ("application/json;q=0.5, text/csv", Format.CSV),
        ("application/geo+json, application/json", Format.JSON),
        ("application/json;q=0, */*", Format.CSV),
        ("APPLICATION/VND.APACHE.PARQUET", Format.PARQUET),
        ("application/geo+json;q=0.9, text/csv;q=x", Format.GEOJSON),
    ],
)
def test_the_format_is_what_the_client_likes_best(accept, form):
    assert negotiate(accept) is form


@pytest.mark.parametrize("accept", ["image/png", "application/json;q=0", "nonsense", ",", "text/csv;q=-1"])
def test_what_is_not_offered_is_refused(accept):
    with pytest.raises(Problem) as refused:
        negotiate(accept)
    assert refused.value.status_code == 406 and "text/csv" in refused.value.detail


def test_csv_has_a_header_and_nothing_for_null():
    assert to_csv(ROWS, COLUMNS).decode().splitlines() == [
        "establishment_id,dba_name,latitude,longitude,visits",
        'L1,"A ""B"", C",41.9,-87.6,1',
        "L2,,,,0",
    ]


def test_geojson_has_a_point_where_the_place_is_known():
    document = orjson.loads(to_geojson(ROWS, COLUMNS, {"label": "failed"}))
    assert document["label"] == "failed"
    assert [feature["geometry"] for feature in document["features"]] == [
        {"type": "Point", "coordinates": [-87.6, 41.9]},
        None,
    ]
    assert document["features"][1]["properties"] == {"establishment_id": "L2", "dba_name": None, "visits": 0}


def test_parquet_has_the_types_of_the_table_even_without_a_row():
    for rows in (ROWS, []):
        table = pq.read_table(io.BytesIO(to_parquet(rows, ESTABLISHMENTS.schema, COLUMNS, {"label": "failed"})))
        assert [str(field.type) for field in table.schema] == ["string", "string", "double", "double", "int64"]
        assert table.to_pylist() == rows
        assert orjson.loads(table.schema.metadata[b"food_inspections"]) == {"label": "failed"}


def test_what_is_no_number_is_null_in_json():
    assert to_json({"a": math.nan, 1: None}) == b'{"a":null,"1":null}'
