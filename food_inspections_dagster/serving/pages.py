"""Pages of rows, in any format."""

from collections.abc import Mapping, Sequence
from typing import Any

from starlette.requests import Request

from food_inspections_dagster.catalog import Table
from food_inspections_dagster.serving.formats import Format, to_csv, to_geojson, to_parquet
from food_inspections_dagster.settings.sections import Serving

DEFAULT_ROWS = 100


def page_rows(form: Format, limit: int | None, serving: Serving) -> int:
    """Return the rows of a page: as many as asked for, at most what the settings allow; of a file all."""
    most = serving.page_rows if form is Format.JSON else serving.file_rows
    return min(limit or (DEFAULT_ROWS if form is Format.JSON else most), most)


def file_of(
    form: Format, rows: Sequence[Mapping[str, Any]], table: Table, columns: Sequence[str], beside: Mapping[str, Any]
) -> bytes:
    """Return rows as a file of a format that is not JSON."""
    if form is Format.CSV:
        return to_csv(rows, columns)
    if form is Format.GEOJSON:
        return to_geojson(rows, columns, beside)
    return to_parquet(rows, table.schema, columns, beside)


def next_page(request: Request, cursor: str | None) -> str:
    """Return the address of the next page, empty without one."""
    if cursor is None:
        return ""
    url = request.url.include_query_params(cursor=cursor)
    return f"{url.path}?{url.query}"
