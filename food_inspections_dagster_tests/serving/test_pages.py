import pytest
from starlette.requests import Request

from food_inspections_dagster.catalog import ESTABLISHMENTS
from food_inspections_dagster.serving.formats import Format
from food_inspections_dagster.serving.pages import DEFAULT_ROWS, file_of, next_page, page_rows
from food_inspections_dagster.settings import load_settings

pytestmark = pytest.mark.usefixtures("project_settings")


@pytest.mark.parametrize(
    ("form", "limit", "rows"),
    [
        (Format.JSON, None, DEFAULT_ROWS),
        (Format.JSON, 7, 7),
        (Format.JSON, 9_999, 1_000),
        (Format.CSV, None, 100_000),
        (Format.PARQUET, 7, 7),
    ],
)
def test_a_page_has_a_most_and_a_file_is_whole(form, limit, rows):
    assert page_rows(form, limit, load_settings().serving) == rows


def test_the_next_page_keeps_the_filters():
    scope = {"type": "http", "path": "/v1/x", "query_string": b"zip=60611&cursor=old", "headers": []}
    request = Request({**scope, "server": ("host", 1), "scheme": "http"})
    assert next_page(request, "new") == "/v1/x?zip=60611&cursor=new"
    assert next_page(request, None) == ""


@pytest.mark.parametrize(
    ("form", "first"), [(Format.CSV, b"establishment_id"), (Format.GEOJSON, b"{"), (Format.PARQUET, b"PAR1")]
)
def test_a_file_of_each_format(form, first):
    row = {"establishment_id": "L1", "latitude": 41.9, "longitude": -87.6}
    assert file_of(form, [row], ESTABLISHMENTS, tuple(row), {}).startswith(first)
