"""``/v1/bias``: whether the lists are fair."""

from typing import Annotated

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from food_inspections_dagster.catalog import BIAS_REPORT, BIAS_VERDICTS, LIST_EFFECTS, REMEDY_PRICES
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.answers import about, answer, format_of
from food_inspections_dagster.serving.documents import BiasDocument, columns, only
from food_inspections_dagster.serving.parameters import Audited
from food_inspections_dagster.serving.store import Store

_PARTS = {
    "verdicts": (queries.VERDICTS, columns(BIAS_VERDICTS)),
    "report": (queries.BIAS, columns(BIAS_REPORT)),
    "effects": (queries.EFFECTS, columns(LIST_EFFECTS)),
    "remedies": (queries.PRICES, columns(REMEDY_PRICES)),
}


def router(store: Store) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["models"])

    @routes.get("/v1/bias", response_model=BiasDocument, summary="Whether the lists are fair")
    def bias(request: Request, asked: Annotated[Audited, Query()]) -> Response:
        """The audit up to a published week: a verdict in words for each group, the metrics and disparities behind it,
        who gains and who waits, and what remedies would cost."""
        format_of(request)
        with store.snapshot() as reads:
            publication = reads.publication(asked.week)
            of = {"week": publication.week, "label": asked.label, "attribute": asked.attribute}
            parts = {
                name: [only(row, names) for row in reads.rows(query, **of)] for name, (query, names) in _PARTS.items()
            }
        return answer({"publication": about(publication), **parts}, publication)

    return routes
