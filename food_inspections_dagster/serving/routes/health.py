"""``/healthz``, ``/readyz`` and ``/metrics``: for whoever watches the server."""

from fastapi import APIRouter
from starlette.responses import Response

from food_inspections_dagster.serving.documents import Health
from food_inspections_dagster.serving.metrics import CONTENT_TYPE, Metrics
from food_inspections_dagster.serving.state import Watcher


def router(watcher: Watcher, metrics: Metrics) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["server"])

    @routes.get("/healthz", summary="Whether the server runs")
    async def healthz() -> Health:
        """Answers as long as the server does; it asks nobody."""
        return Health(status="ok")

    @routes.get("/readyz", summary="Whether the server can answer")
    async def readyz() -> Health:
        """Whether the database answers and a list is published; else 503 says which of them is missing."""
        (await watcher.state()).required()
        return Health(status="ready")

    @routes.get("/metrics", summary="Counters for Prometheus", response_class=Response, responses=_TEXT)
    async def counters() -> Response:
        """Requests by route and status, their time, answers by source, the pool of connections."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    return routes


_TEXT: dict[int | str, dict[str, object]] = {
    200: {"description": "Counters", "content": {"text/plain": {"schema": {"type": "string"}}}}
}
