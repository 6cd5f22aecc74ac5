"""``/v1/weeks``: which weeks are published."""

from fastapi import APIRouter, Request
from starlette.responses import Response

from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.answers import answer, format_of
from food_inspections_dagster.serving.documents import PointerMove, WeeksDocument, only
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster.weeks import WEEK

_MOST_MOVES = 100


def router(store: Store) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["lists"])

    @routes.get("/v1/weeks", response_model=WeeksDocument, summary="The published weeks")
    def weeks(request: Request) -> Response:
        """The published weeks, the newest first, which of them is shown, and how that came."""
        format_of(request)
        with store.snapshot() as reads:
            publication = reads.publication()
            rows = reads.rows(queries.WEEKS)
            moves = reads.rows(queries.MOVES, limit=_MOST_MOVES)
        # Not by whom: that is a name of a user of the machine.
        content = {
            "weeks": [{**row, "list_week": row["week"] + WEEK} for row in rows],
            "moves": [only(move, tuple(PointerMove.model_fields)) for move in moves],
        }
        return answer(content, publication)

    return routes
