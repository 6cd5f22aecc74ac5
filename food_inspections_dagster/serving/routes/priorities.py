"""``/v1/priorities``: who to inspect first."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from food_inspections_dagster.catalog import PRIORITIES
from food_inspections_dagster.serving import cursors, queries
from food_inspections_dagster.serving.answers import ALL, about, answer, format_of
from food_inspections_dagster.serving.documents import PRIORITY_COLUMNS, PrioritiesPage, only
from food_inspections_dagster.serving.formats import Format
from food_inspections_dagster.serving.pages import file_of, next_page, page_rows
from food_inspections_dagster.serving.parameters import Listed, box, patterns
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster.settings import Settings

_OF_VALUES = ("facility_type", "risk", "zip", "community_area", "side")


def router(store: Store, settings: Settings) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["lists"])

    @routes.get("/v1/priorities", response_model=PrioritiesPage, summary="Who to inspect first, and why")
    def priorities(request: Request, asked: Annotated[Listed, Query()]) -> Response:
        """The list of a published week, in the order of its ranks unless asked otherwise, page by page.

        As JSON, CSV, GeoJSON or Parquet, by the Accept header or `format`; a file holds the whole list unless `limit`
        says less. A cursor belongs to one publication: when its week is published anew, it is answered by 409."""
        form = format_of(request, asked.format, ALL)
        label = asked.label or settings.scores.label
        sort, descending = asked.sort.removeprefix("-"), asked.sort.startswith("-")
        rows = page_rows(form, asked.limit, settings.serving)
        with store.snapshot() as reads:
            publication = reads.publication(asked.week)
            after = cursors.decode(asked.cursor, publication, asked.sort, queries.SORTS[sort][1])
            filters = {
                **{"week": publication.week, "label": label, "words": patterns(asked.q), **box(asked.bbox)},
                **{
                    name: getattr(asked, name) or None
                    for name in ("facility_type", "risk", "zip", "community_area", "side")
                },
                "min_probability": asked.min_probability,
            }
            total = reads.row(queries.COUNT_PRIORITIES, **filters)
            there = reads.rows(queries.priorities(sort, descending), **filters, **after, limit=rows + 1)
        page, more = there[:rows], len(there) > rows
        cursor = None
        if more:
            last = page[-1]
            cursor = cursors.encode(publication, asked.sort, last["sort_key"], last["establishment_id"])
        beside = {"publication": about(publication), "label": label, "sort": asked.sort}
        if form is Format.JSON:
            items = [only(row, PRIORITY_COLUMNS) for row in page]
            content = {**beside, "total": total["total"] if total else 0, "items": items, "next": cursor}
            return answer(content, publication, link=next_page(request, cursor))
        file = file_of(form, page, PRIORITIES, PRIORITY_COLUMNS, beside)
        name = f"priorities-{label}-{publication.week}"
        return answer(file, publication, form, name, next_page(request, cursor))

    return routes
