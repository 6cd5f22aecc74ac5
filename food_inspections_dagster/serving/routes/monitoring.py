"""``/v1/monitoring``: what came of the lists, and what else is watched."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from food_inspections_dagster.catalog import PUBLISHED_LIST, TABLES
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.answers import about, answer, format_of
from food_inspections_dagster.serving.documents import MonitoringDocument
from food_inspections_dagster.serving.parameters import Watched
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster.serving.store import Store

#: By name, the tables of monitoring that are not read elsewhere: the audit is below /v1/bias.
WATCHED = {
    table.name: table
    for table in TABLES.values()
    if table.database_schema == "monitoring" and table not in PUBLISHED_LIST.copies
}


def router(store: Store) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["monitoring"])

    @routes.get("/v1/monitoring", response_model=MonitoringDocument, summary="What came of the lists")
    def monitoring(request: Request, asked: Annotated[Watched, Query()]) -> Response:
        """Tables of monitoring up to a published week, the newest weeks first: evaluations of every model group, rules
        of choice, scores of the past beside what was found, and whatever else is made there."""
        format_of(request)
        if asked.table is not None and asked.table not in WATCHED:
            raise Problem("not-found", f"There is no such table of monitoring: use one of {', '.join(WATCHED)}.")
        with store.snapshot() as reads:
            publication = reads.publication(asked.week)
            tables = [
                table for name, table in WATCHED.items() if asked.table in (None, name) and reads.has_table(str(table))
            ]
            rows = {
                table.name: reads.rows(
                    queries.of_monitoring(table), week=publication.week, label=asked.label, limit=asked.limit
                )
                for table in tables
            }
        descriptions = {table.name: str(table.schema.description) for table in tables}
        document = {"publication": about(publication), "tables": rows, "descriptions": descriptions}
        return answer(document, None)

    return routes
