"""The application: routes, documentation, health, and what stands in front of them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import version

from a2wsgi import WSGIMiddleware
from anyio import to_thread
from fastapi import FastAPI
from fastapi_offline import FastAPIOffline
from starlette.exceptions import HTTPException
from starlette.types import Receive, Scope, Send

from food_inspections_dagster.serving.dashboard.app import create_dashboard
from food_inspections_dagster.serving.front import READINGS, Access, Front
from food_inspections_dagster.serving.metrics import Metrics
from food_inspections_dagster.serving.openapi import describe
from food_inspections_dagster.serving.prediction.pool import Predictor
from food_inspections_dagster.serving.problems import add_handlers
from food_inspections_dagster.serving.routes import (
    bias,
    establishments,
    health,
    inspections,
    models,
    monitoring,
    plans,
    predictions,
    priorities,
    weeks,
)
from food_inspections_dagster.serving.state import Watcher
from food_inspections_dagster.serving.store import Store
from food_inspections_dagster.settings import Settings

DESCRIPTION = """
Which of Chicago's food establishments to inspect first, how surely, why, and whether the list is fair.

Every list is made of what was known when its week began. Readings are of the published week that is shown, unless
`week` names another. Errors are problem details (RFC 9457). Answers carry an ETag: ask with `If-None-Match`.
A score says how likely a routine visit finds something; it is no judgement on a single place.
"""


class Server:
    """The ASGI application of the server, and the parts that it is made of.

    Args:
        store: opened when the application starts, closed when it ends.
        access: who may ask.
    """

    def __init__(self, settings: Settings, store: Store, access: Access) -> None:
        serving = settings.serving
        self.store = store
        self.metrics = Metrics(store)
        self.watcher = Watcher(store, access.keys)
        self.api = _api(settings, store, self.watcher, self.metrics)
        self.front = Front(
            self.api,
            self.watcher,
            self.metrics,
            access,
            serving.request_seconds,
            serving.body_bytes,
            serving.cache_megabytes * 2**20,
        )

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request."""
        await self.front(scope, receive, send)


def create_app(settings: Settings, access: Access | None = None) -> Server:
    """Return the application over the database that the settings name.

    Args:
        access: who may ask; everybody by default, which is for loopback alone.

    Raises:
        FoodInspectionsError: when the embedded database cannot start.
    """
    return Server(settings, Store.from_settings(settings), access or Access())


def _api(settings: Settings, store: Store, watcher: Watcher, metrics: Metrics) -> FastAPI:
    predictor = Predictor(settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        # One connection is the watcher's: no thread waits for a connection that another thread has.
        to_thread.current_default_thread_limiter().total_tokens = settings.serving.connections - 1
        with store:
            try:
                yield
            finally:
                predictor.close()

    app = FastAPIOffline(
        title="Food inspections",
        version=version("food-inspections-dagster"),
        summary="Who to inspect first, every Monday, and why",
        description=DESCRIPTION,
        redoc_url=None,
        lifespan=lifespan,
        redirect_slashes=False,
    )
    add_handlers(app)
    for router in (
        priorities.router(store, settings),
        establishments.router(store, settings),
        inspections.router(store),
        models.router(store),
        bias.router(store),
        monitoring.router(store),
        weeks.router(store),
        plans.router(store, settings),
        predictions.router(store, settings, predictor),
        health.router(watcher, metrics),
    ):
        app.include_router(router)
    pages = create_dashboard(store, settings)
    dashboard = WSGIMiddleware(pages, workers=settings.serving.connections)  # type: ignore[arg-type]

    async def elsewhere(scope: Scope, receive: Receive, send: Send) -> None:
        """Answer what no route of the API is for: its own addresses with 404, all others by the dashboard."""
        if scope["type"] != "http" or scope["path"].startswith(READINGS):
            raise HTTPException(404)
        await dashboard(scope, receive, send)  # type: ignore[arg-type]

    # Not mounted: a mount would match before Starlette answers a wrong method with 405.
    app.router.default = elsewhere
    app.openapi = lambda: describe(app)  # type: ignore[method-assign]
    return app
