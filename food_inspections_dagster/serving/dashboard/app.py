"""The dashboard as a WSGI application: pages by address, what their controls change, and the file of the list."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import date
from functools import lru_cache
from typing import Any
from urllib.parse import urlsplit

import dash
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from flask import Flask, Response, has_request_context, request

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import (
    fairness,
    models,
    monday,
    monitoring,
    places,
    sheets,
    weeks,
)
from food_inspections_dagster.serving.dashboard import profiles as profile_page
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster.serving.dashboard.parts import aria, empty
from food_inspections_dagster.serving.store import NothingPublished, NotPublished, Publication, Reads, Store
from food_inspections_dagster.settings import Settings

_PAGES = (
    ("/", "This week"),
    ("/models", "Models"),
    ("/fairness", "Fairness"),
    ("/monitoring", "Monitoring"),
    ("/data", "Data"),
)
_PLACE = "/establishments/"
_BODY_BYTES = 1_000_000
_CLOSES: dict[str, Any] = {"data-closes": "details"}
_INDEX = """<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark"><link rel="icon" href="data:,">
<title>{%title%}</title>
<link rel="preload" href="/_dash-layout" as="fetch" crossorigin="anonymous">
<link rel="preload" href="/_dash-dependencies" as="fetch" crossorigin="anonymous">{%css%}
</head>
<body><a class="skip" href="#page">Skip to the content</a>{%app_entry%}
<noscript>This page needs JavaScript; the same lists are under /v1/priorities, see /docs.</noscript>
{%config%}{%scripts%}{%renderer%}</body>
</html>"""


def create_dashboard(store: Store, settings: Settings) -> Flask:
    """Return the application, to be mounted at the root.

    Args:
        store: what is read; opened by whoever serves.
        settings: for the bounds of the audit, and whose city it is.
    """
    server = Flask(__name__)
    server.config["MAX_CONTENT_LENGTH"] = _BODY_BYTES
    app = Dash(
        "food_inspections_dagster.serving.dashboard.app",
        server=server,  # type: ignore[arg-type]
        title="Where to inspect first",
        update_title="",
        serve_locally=True,
        suppress_callback_exceptions=True,
        index_string=_INDEX,
        add_log_handler=False,
    )
    room = _Room(store, settings)
    app.layout = room.layout
    _pages(app, room)
    _list(app, room)
    server.add_url_rule("/list.csv", "list", room.file)
    return server


@dataclass(frozen=True)
class _Shown:
    """What the shell shows of an address: the page, the ways to others, the choice of a week, and the query string."""

    page: Any
    nav: Any
    week: Any
    search: str

    @property
    def parts(self) -> tuple[Any, Any, Any, str]:
        """All of it, as callbacks return it."""
        return self.page, self.nav, self.week, self.search


class _Room:
    """What pages need: the store, the settings, and outlines that are drawn once for each publication."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.bounds = (settings.bias.tau_low, settings.bias.tau_high)
        self.is_simulated = settings.portal.is_simulated
        self.dagster_url = settings.serving.dagster_url
        self._outlines = lru_cache(maxsize=4)(self._draw)

    def _draw(self, week: date, publication_id: int) -> monday.Outlines:
        with self.store.snapshot() as reads:
            return monday.city_outlines(reads, reads.publication(week))

    def outlines(self, publication: Publication) -> monday.Outlines:
        """Return the outlines of the areas, drawn from the places of the publication."""
        return self._outlines(publication.week, publication.publication_id)

    def layout(self) -> html.Div:
        """Return the shell, with the page that the browser which asks for it is on.

        It asks while it still reads the scripts, so no callback has to be waited for. One that does not say where it
        is asks again, by a callback.
        """
        page = urlsplit(request.referrer or "") if has_request_context() else None
        if page is None or page.netloc != request.host:
            return _shell(self.is_simulated, None)
        search = f"?{page.query}" if page.query else ""
        return _shell(self.is_simulated, self.shown(page.path, search), pathname=page.path, search=search)

    def meant(self, reads: Reads, filters: Filters) -> tuple[Publication, Filters]:
        """Return the publication that filters are about, and them with a label that it has."""
        publication = reads.publication(filters.week)
        return publication, monday.with_label(filters, monday.labels_of(reads, publication))

    def shown(self, path: str, search: str | None) -> _Shown:
        """Return the page of an address; where it cannot be shown, what to do about it."""
        filters = Filters.from_search(search)
        page, chooser = self._shown(path, filters)
        return _Shown(page, _nav(path, filters), chooser, filters.search())

    def _shown(self, path: str, filters: Filters) -> tuple[Any, Any]:
        try:
            with self.store.snapshot() as reads:
                published = reads.rows(shared.WEEKS)
                try:
                    publication = reads.publication(filters.week)
                except NotPublished:
                    return _message("This week is not published", "Choose one above."), weeks.chooser(published, None)
                page = self._page(reads, publication, path, filters)
                return [weeks.banner(published, publication, path), page], weeks.chooser(published, publication.week)
        except NothingPublished:
            return _nothing(), None
        except FoodInspectionsError as error:
            return _message("Not to be shown at the moment", str(error)), None

    def _page(self, reads: Reads, publication: Publication, path: str, filters: Filters) -> Any:
        if path.startswith(_PLACE):
            known = places.establishment(reads, publication, path.removeprefix(_PLACE).replace("\0", ""), html.H1)
            back = dcc.Link("To the list", href=f"/{filters.elsewhere()}", className="button")
            return html.Div([known, back], id="page-place")
        shown: dict[str, Callable[[], Any]] = {
            "/": lambda: monday.layout(reads, publication, filters),
            "/models": lambda: models.layout(reads, publication, filters),
            "/fairness": lambda: fairness.layout(reads, publication, filters, self.bounds),
            "/monitoring": lambda: monitoring.layout(reads, publication, filters, self.is_simulated, self.dagster_url),
            "/data": lambda: profile_page.layout(reads, publication, filters),
            "/routes": lambda: sheets.layout(reads, publication, filters),
        }
        make = shown.get(path.rstrip("/") or "/")
        return make() if make else _message("There is no such page", "Choose one above.")

    def file(self) -> Response:
        """Return the list of the filters in the address as a CSV file."""
        filters = Filters.from_search(request.query_string.decode("utf-8", "replace"))
        try:
            with self.store.snapshot() as reads:
                publication, chosen = self.meant(reads, filters)
                text = monday.csv_file(monday.listed(reads, publication, chosen, limit=2**31 - 1))
        except NotPublished as error:
            return Response(str(error), status=404, mimetype="text/plain")
        except FoodInspectionsError as error:
            return Response(str(error), status=503, mimetype="text/plain")
        name = f"priorities-{chosen.label}-{publication.week}.csv"
        return Response(text, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _shell(is_simulated: bool, shown: _Shown | None, **location: str) -> html.Div:
    loading = html.P("Loading ...", className="loading")
    page, nav, week, search = shown.parts if shown else (loading, None, None, None)
    simulated = html.Section(
        [
            html.Strong("SIMULATED CITY. "),
            "No real establishment is meant: every place, visit and find on these pages is made up.",
        ],
        className="simulated",
        **aria(label="Simulated city"),
    )
    return html.Div(
        [
            dcc.Location(id="location", refresh="callback-nav", **location),
            html.Header(
                [
                    html.Div("Food inspections, Chicago", className="brand"),
                    html.Nav(nav, id="nav", **aria(label="Pages")),
                    html.Div(week, id="week-holder"),
                ]
            ),
            simulated if is_simulated else None,
            html.Main(page, id="page", tabIndex="-1"),
            # The query string that keeps what a reader has chosen; the script in assets puts it into the address.
            dcc.Store(id="kept", data=search),
            dcc.Store(id="nowhere"),
        ]
    )


def _nav(path: str, filters: Filters) -> list[Any]:
    chosen, search = path.rstrip("/") or "/", filters.elsewhere()
    return [
        html.Span(dcc.Link(name, href=f"{href}{search}", className="here" if href == chosen else ""), className="entry")
        for href, name in _PAGES
    ] + [html.A("API", href="/docs")]


def _message(title: str, says: str) -> html.Div:
    return html.Div([html.H1(title), html.P(says)], className="empty", id="page-message")


def _nothing() -> html.Div:
    return html.Div(
        [
            html.H1("Nothing is published yet"),
            empty(
                "How to get the first list",
                html.Ol(
                    [
                        html.Li([html.Code("make run"), " loads the data, makes every stage and publishes a list."]),
                        html.Li("Come back here and load the page again: nothing needs to be started anew."),
                        html.Li([html.Code("make dev"), " shows how far it is, and which check refused a week."]),
                    ]
                ),
            ),
        ],
        id="page-nothing",
    )


def _pages(app: Dash, room: _Room) -> None:
    parts = (("page", "children"), ("nav", "children"), ("week-holder", "children"), ("kept", "data"))

    @app.callback(
        *(Output(component, part) for component, part in parts),
        Input("location", "pathname"),
        Input("location", "search"),
        prevent_initial_call=True,
    )
    def show(path: str | None, search: str | None) -> tuple[Any, ...]:
        return room.shown(path or "/", search).parts

    def follow(control: str, name: str) -> None:
        @app.callback(
            *(Output(component, part, allow_duplicate=True) for component, part in parts),
            Input(control, "value"),
            State("location", "pathname"),
            State("kept", "data"),
            prevent_initial_call=True,
        )
        def chosen(value: Any, path: str, kept: str | None) -> tuple[Any, ...]:
            change = {name: getattr(Filters.of(**{name: value}), name)}
            return room.shown(path, replace(Filters.from_search(kept), **change).search()).parts

    follow("page-label", "label")
    follow("page-table", "table")
    follow("page-week", "week")
    _in_browser(app, "keep", "kept", "data")
    _in_browser(app, "shown", "page", "children", initially=True)
    _in_browser(app, "opened", "details", "children")


def _in_browser(app: Dash, function: str, component: str, part: str, initially: bool = False) -> None:
    app.clientside_callback(
        ClientsideFunction("inspections", function),
        Output("nowhere", "data", allow_duplicate=True),
        Input(component, part),
        prevent_initial_call="initial_duplicate" if initially else True,
    )


def _list(app: Dash, room: _Room) -> None:
    chosen = [
        Input("label", "value"),
        Input("facility-type", "value"),
        Input("risk", "value"),
        Input("community-area", "value"),
        Input("text", "value"),
    ]
    capacity = [Input("inspectors", "value"), Input("visits", "value")]

    kept = State("kept", "data")  # of it the week, which no control of the list changes

    def filters_of(*values: Any) -> Filters:
        names = ("label", "facility_type", "risk", "community_area", "text", "inspectors", "visits")
        chosen = Filters.of(**dict(zip(names, values[:-1], strict=True)))
        return replace(chosen, week=Filters.from_search(values[-1]).week)

    listed = (*chosen, *(State(one.component_id, one.component_property) for one in capacity), kept)

    @app.callback(
        Output("list", "rowData"),
        Output("summary", "children"),
        Output("label-words", "children"),
        *listed,
        prevent_initial_call=True,
    )
    def filtered(*values: Any) -> tuple[Any, ...]:
        with room.store.snapshot() as reads:
            publication, filters = room.meant(reads, filters_of(*values))
            rows = monday.listed(reads, publication, filters)
            promised, _ = monday.promise(reads, publication, filters)
        words = monday.label_words(filters.label or "")
        return monday.grid_rows(rows), monday.summary(len(rows), promised.places), words

    @app.callback(
        Output("map-holder", "children"),
        Input("list-is-there", "data"),
        *listed,
        prevent_initial_call=True,
    )
    def drawn(_: Any, *values: Any) -> Any:
        with room.store.snapshot() as reads:
            publication, filters = room.meant(reads, filters_of(*values))
            rows = monday.listed(reads, publication, filters)
        return monday.map_of(rows, filters, room.outlines(publication))

    @app.callback(
        Output("what-if", "children"),
        Output("file-link", "href"),
        Output("routes-link", "href"),
        Output("kept", "data", allow_duplicate=True),
        *chosen,
        *capacity,
        kept,
        prevent_initial_call=True,
    )
    def asked(*values: Any) -> tuple[Any, ...]:
        with room.store.snapshot() as reads:
            publication, filters = room.meant(reads, filters_of(*values))
            answers = monday.what_if(*monday.promise(reads, publication, filters), filters)
        file, routes = monday.links(filters)
        return answers, file, routes, filters.search()

    def panel(identifier: Any, search: str | None) -> tuple[Any, Any]:
        if not isinstance(identifier, str):
            return dash.no_update, dash.no_update
        filters = Filters.from_search(search)
        with room.store.snapshot() as reads:
            known = places.establishment(reads, reads.publication(filters.week), identifier.replace("\0", ""))
        bar = html.Div(
            [
                html.A("On a page of its own", href=f"{_PLACE}{identifier}{filters.elsewhere()}", className="button"),
                html.Button("Close", id="close", type="button", className="button", **_CLOSES),
            ],
            className="bar",
        )
        return [bar, known], "open"

    @app.callback(
        Output("details", "children"),
        Output("details", "className"),
        Input("list", "selectedRows"),
        kept,
        prevent_initial_call=True,
    )
    def selected(rows: Any, search: str | None) -> tuple[Any, Any]:
        return panel(rows[0].get("id") if rows else None, search)

    # Apart from the list's: the map comes later, and a callback waits for all of its inputs.
    @app.callback(
        Output("details", "children", allow_duplicate=True),
        Output("details", "className", allow_duplicate=True),
        Input("map", "clickData"),
        kept,
        prevent_initial_call=True,
    )
    def clicked(point: Any, search: str | None) -> tuple[Any, Any]:
        return panel(point["points"][0].get("customdata") if point else None, search)
