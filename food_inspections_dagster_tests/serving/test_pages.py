import json
from types import SimpleNamespace

import pytest
from starlette.requests import Request

from food_inspections_dagster.catalog import PRIORITIES
from food_inspections_dagster.serving.formats import Format
from food_inspections_dagster.serving.pages import DEFAULT_ROWS, file_of, next_page, page_rows

SERVING = SimpleNamespace(page_rows=500, file_rows=20_000)
ROW = {"establishment_id": "L1", "rank": 1, "latitude": None, "longitude": None}


@pytest.mark.parametrize(
    ("form", "limit", "rows"),
    [
        (Format.JSON, None, DEFAULT_ROWS),
        (Format.JSON, 7, 7),
        (Format.JSON, 9_999, 500),
        (Format.CSV, None, 20_000),
        (Format.PARQUET, 3, 3),
    ],
)
def test_a_page_has_what_is_asked_for_within_the_settings(form, limit, rows):
    assert page_rows(form, limit, SERVING) == rows


@pytest.mark.parametrize(("form", "starts"), [(Format.CSV, b"establishment_id"), (Format.PARQUET, b"PAR1")])
def test_a_file_is_of_the_format_that_was_asked_for(form, starts):
    assert file_of(form, [ROW], PRIORITIES, ("establishment_id", "rank"), {}).startswith(starts)


def test_geojson_has_what_stands_beside_the_rows():
    document = json.loads(file_of(Format.GEOJSON, [ROW], PRIORITIES, tuple(ROW), {"label": "failed"}))
    assert document["label"] == "failed" and len(document["features"]) == 1


def test_the_next_page_keeps_the_filters():
    scope = {
        **{"type": "http", "method": "GET", "path": "/v1/priorities", "headers": [], "scheme": "http"},
        **{"server": ("h", 80), "query_string": b"zip=60611&cursor=old"},
    }
    assert next_page(Request(scope), "new") == "/v1/priorities?zip=60611&cursor=new"
    assert next_page(Request(scope), None) == ""
