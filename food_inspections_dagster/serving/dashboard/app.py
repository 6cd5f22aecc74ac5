"""The dashboard as a WSGI application: pages by address, what their controls change, and the file of the list."""

from collections.abc import Callable
from functools import lru_cache
from typing import Any
from urllib.parse import parse_qs

import dash
from dash import ClientsideFunction, Dash, Input, Output, State, dcc, html
from flask import Flask, Response, request

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.dashboard import fairness, figures, models, monday, monitoring, places, sheets
from food_inspections_dagster.serving.dashboard import profiles as profile_page
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster.serving.dashboard.parts import aria, empty
from food_inspections_dagster.serving.store import NothingPublished, Publication, Reads, Store
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
<title>{%title%}</title>{%css%}
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
    app.layout = _shell(room.is_simulated)
    _pages(app, room)
    _list(app, room)
    server.add_url_rule("/list.csv", "list", room.file)
    return server


class _Room:
    """What pages need: the store, the settings, and outlines that are drawn once for each publication."""

    def __init__(self, store: Store, settings: Settings) -> None:
        self.store = store
        self.bounds = (settings.bias.tau_low, settings.bias.tau_high)
        self.is_simulated = settings.portal.is_simulated
        self._outlines = lru_cache(maxsize=2)(self._draw)

    def _draw(self, publication_id: int) -> monday.Outlines:
        with self.store.snapshot() as reads:
            return monday.city_outlines(reads, reads.publication())

    def outlines(self, publication: Publication) -> monday.Outlines:
        """Return the outlines of the areas, drawn from the places of the publication."""
        return self._outlines(publication.publication_id)

    def page(self, path: str, search: str | None) -> Any:
        """Return the page of an address; where it cannot be shown, what to do about it."""
        try:
            with self.store.snapshot() as reads:
                return self._page(reads, reads.publication(), path, search)
        except NothingPublished:
            return _nothing()
        except FoodInspectionsError as error:
            return _message("Not to be shown at the moment", str(error))

    def _page(self, reads: Reads, publication: Publication, path: str, search: str | None) -> Any:
        filters = Filters.from_search(search)
        if path.startswith(_PLACE):
            known = places.establishment(reads, publication, path.removeprefix(_PLACE).replace("\0", ""), html.H1)
            return html.Div([known, dcc.Link("To the list", href="/", className="button")], id="page-place")
        shown: dict[str, Callable[[], Any]] = {
            "/": lambda: monday.layout(reads, publication, filters, self.outlines(publication)),
            "/models": lambda: models.layout(reads, publication, filters),
            "/fairness": lambda: fairness.layout(reads, publication, filters, self.bounds),
            "/monitoring": lambda: monitoring.layout(reads, publication, filters, self.is_simulated),
            "/data": lambda: profile_page.layout(reads, publication, _one(search, "table")),
            "/routes": lambda: sheets.layout(reads, publication, filters),
        }
        make = shown.get(path.rstrip("/") or "/")
        return make() if make else _message("There is no such page", "Choose one above.")

    def file(self) -> Response:
        """Return the list of the filters in the address as a CSV file."""
        filters = Filters.from_search(request.query_string.decode("utf-8", "replace"))
        try:
            with self.store.snapshot() as reads:
                publication = reads.publication()
                chosen = monday.with_label(filters, monday.labels_of(reads, publication))
                text = monday.csv_file(monday.listed(reads, publication, chosen, limit=2**31 - 1))
        except FoodInspectionsError as error:
            return Response(str(error), status=503, mimetype="text/plain")
        name = f"priorities-{chosen.label}-{publication.week}.csv"
        return Response(text, mimetype="text/csv", headers={"Content-Disposition": f'attachment; filename="{name}"'})


def _one(search: str | None, name: str) -> str | None:
    return parse_qs((search or "").lstrip("?")).get(name, [None])[-1]


def _shell(is_simulated: bool) -> html.Div:
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
            dcc.Location(id="location", refresh="callback-nav"),
            html.Header(
                [
                    html.Div("Food inspections, Chicago", className="brand"),
                    html.Nav(id="nav", **aria(label="Pages")),
                ]
            ),
            simulated if is_simulated else None,
            html.Main(html.P("Loading ...", className="loading"), id="page", tabIndex="-1"),
            # The query string that keeps what a reader has chosen; the script in assets puts it into the address.
            dcc.Store(id="kept"),
            dcc.Store(id="nowhere"),
        ]
    )


def _nav(path: str) -> list[Any]:
    chosen = path.rstrip("/") or "/"
    return [
        html.Span(dcc.Link(name, href=href, className="here" if href == chosen else ""), className="entry")
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
    @app.callback(
        Output("page", "children"),
        Output("nav", "children"),
        Input("location", "pathname"),
        State("location", "search"),
    )
    def show(path: str | None, search: str | None) -> tuple[Any, Any]:
        return room.page(path or "/", search), _nav(path or "/")

    @app.callback(
        Output("page", "children", allow_duplicate=True),
        Output("kept", "data", allow_duplicate=True),
        Input("page-label", "value"),
        State("location", "pathname"),
        prevent_initial_call=True,
    )
    def other_label(label: str | None, path: str) -> tuple[Any, str]:
        search = Filters.of(label=label).search()
        return room.page(path, search), search

    @app.callback(
        Output("page", "children", allow_duplicate=True),
        Output("kept", "data", allow_duplicate=True),
        Input("page-table", "value"),
        State("location", "pathname"),
        prevent_initial_call=True,
    )
    def other_table(name: str | None, path: str) -> tuple[Any, str]:
        search = f"?table={name}" if isinstance(name, str) and name.replace("_", "").isalnum() else ""
        return room.page(path, search), search

    _in_browser(app, "keep", "kept", "data")
    _in_browser(app, "shown", "page", "children")
    _in_browser(app, "opened", "details", "children")


def _in_browser(app: Dash, function: str, component: str, part: str) -> None:
    app.clientside_callback(
        ClientsideFunction("inspections", function),
        Output("nowhere", "data", allow_duplicate=True),
        Input(component, part),
        prevent_initial_call=True,
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

    def filters_of(*values: Any) -> Filters:
        names = ("label", "facility_type", "risk", "community_area", "text", "inspectors", "visits")
        return Filters.of(**dict(zip(names, values, strict=True)))

    @app.callback(
        Output("list", "rowData"),
        Output("map", "figure"),
        Output("summary", "children"),
        Output("label-words", "children"),
        *chosen,
        *(State(one.component_id, one.component_property) for one in capacity),
        prevent_initial_call=True,
    )
    def filtered(*values: Any) -> tuple[Any, ...]:
        with room.store.snapshot() as reads:
            publication = reads.publication()
            filters = monday.with_label(filters_of(*values), monday.labels_of(reads, publication))
            rows = monday.listed(reads, publication, filters)
            promised, _ = monday.promise(reads, publication, filters)
        drawn = figures.city(room.outlines(publication), filters.community_area, rows, filters.capacity)
        words = monday.label_words(filters.label or "")
        return monday.grid_rows(rows), drawn, monday.summary(len(rows), promised.places), words

    @app.callback(
        Output("what-if", "children"),
        Output("file-link", "href"),
        Output("routes-link", "href"),
        Output("kept", "data", allow_duplicate=True),
        *chosen,
        *capacity,
        prevent_initial_call=True,
    )
    def asked(*values: Any) -> tuple[Any, ...]:
        filters = filters_of(*values)
        with room.store.snapshot() as reads:
            publication = reads.publication()
            filters = monday.with_label(filters, monday.labels_of(reads, publication))
            answers = monday.what_if(*monday.promise(reads, publication, filters), filters)
        file, routes = monday.links(filters)
        return answers, file, routes, filters.search()

    @app.callback(
        Output("details", "children"),
        Output("details", "className"),
        Input("list", "selectedRows"),
        Input("map", "clickData"),
        prevent_initial_call=True,
    )
    def opened(selected: Any, clicked: Any) -> tuple[Any, Any]:
        identifier = None
        if dash.ctx.triggered_id == "map" and clicked:
            identifier = clicked["points"][0].get("customdata")
        elif dash.ctx.triggered_id == "list" and selected:
            identifier = selected[0].get("id")
        if not isinstance(identifier, str):
            return dash.no_update, dash.no_update
        with room.store.snapshot() as reads:
            known = places.establishment(reads, reads.publication(), identifier.replace("\0", ""))
        bar = html.Div(
            [
                html.A("On a page of its own", href=f"{_PLACE}{identifier}", className="button"),
                html.Button("Close", id="close", type="button", className="button", **_CLOSES),
            ],
            className="bar",
        )
        return [bar, known], "open"
