"""``/v1/models``: which models made the lists, how good they were, and why they were chosen."""

from datetime import date
from typing import Annotated

from fastapi import APIRouter, Path, Query, Request
from starlette.responses import Response

from food_inspections_dagster.catalog import PUBLISHED_MODELS
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.answers import about, answer, format_of, with_json
from food_inspections_dagster.serving.documents import ModelsDocument, columns, only
from food_inspections_dagster.serving.parameters import OfWeek
from food_inspections_dagster.serving.store import Store

MOST_MODELS = 2_000
_COLUMNS = columns(PUBLISHED_MODELS)


def router(store: Store) -> APIRouter:
    """Return the routes."""
    routes = APIRouter(tags=["models"])

    @routes.get("/v1/models", response_model=ModelsDocument, summary="The models in use over the published weeks")
    def models(request: Request, asked: Annotated[OfWeek, Query()]) -> Response:
        """The model groups whose scores made the lists up to a week, the newest first, with metrics on weeks that they
        had not learnt from, and why they were chosen."""
        format_of(request)
        with store.snapshot() as reads:
            publication = reads.publication(asked.week)
            rows = reads.rows(queries.MODELS_OVER_TIME, week=publication.week, limit=MOST_MODELS)
        content = {"publication": about(publication), "models": [only(with_json(row), _COLUMNS) for row in rows]}
        return answer(content, publication)

    @routes.get("/v1/models/{week}", response_model=ModelsDocument, summary="All model groups of a week")
    def models_of(
        request: Request,
        week: Annotated[date, Path(description="A published week, by its Monday.", examples=["2026-11-16"])],
    ) -> Response:
        """Each model group that could have made the lists of a week, with its metrics; the selected one with its card:
        features, parameters, windows, hashes and library versions."""
        format_of(request)
        with store.snapshot() as reads:
            publication = reads.publication(week)
            rows = reads.rows(queries.MODELS, week=publication.week)
        content = {"publication": about(publication), "models": [only(with_json(row), _COLUMNS) for row in rows]}
        return answer(content, publication)

    return routes
