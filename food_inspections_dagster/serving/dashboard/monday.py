"""The first page: this week's list beside the map, what more or fewer visits would give, and the places themselves."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

import dash_ag_grid as dag
import numpy as np
from dash import dcc, html

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import figures, queries
from food_inspections_dagster.serving.dashboard.filters import MOST_INSPECTORS, MOST_VISITS_A_DAY, Filters
from food_inspections_dagster.serving.dashboard.outlines import outlines
from food_inspections_dagster.serving.dashboard.parts import (
    RISKS,
    aria,
    choose,
    day,
    label_words,
    note,
    number,
    page,
    percent,
    title_case,
)
from food_inspections_dagster.serving.dashboard.what_if import Promise
from food_inspections_dagster.serving.store import Publication, Reads, Row
from food_inspections_dagster.weeks import WEEK

#: Rows that a page holds; filters find the others, and the file has them all.
SHOWN = 500
Outlines = Mapping[str, Sequence[np.ndarray]]
_FILE = (
    *("rank", "establishment_id", "dba_name", "address", "zip", "facility_type", "risk", "community_area"),
    *("expected_find", "own_risk", "reason_1", "reason_2", "reason_3", "caution", "last_inspection_date"),
    *("last_result", "visits", "latitude", "longitude"),
)
_COLUMNS: list[dict[str, Any]] = [
    {"field": "rank", "headerName": "Rank", "width": 72, "pinned": "left", "type": "numericColumn"},
    {"field": "name", "headerName": "Place", "minWidth": 165, "flex": 3, "tooltipField": "name"},
    {"field": "chance", "headerName": "Chance", "width": 92, "type": "numericColumn"},
    {"field": "why", "headerName": "Why, most of all", "minWidth": 240, "flex": 4, "tooltipField": "why"},
    {"field": "address", "headerName": "Address", "minWidth": 170, "flex": 2},
    {"field": "area", "headerName": "Area", "minWidth": 140, "flex": 2},
    {"field": "kind", "headerName": "Kind", "minWidth": 130, "flex": 2},
    {"field": "risk", "headerName": "Risk class", "width": 110},
    {"field": "last", "headerName": "Last visit", "minWidth": 170, "flex": 2},
]
_THEME = (
    "themeQuartz.withParams({backgroundColor: 'var(--surface)', foregroundColor: 'var(--ink)', "
    "headerBackgroundColor: 'var(--raised)', headerTextColor: 'var(--ink)', borderColor: 'var(--line)', "
    "rowHoverColor: 'var(--hover)', selectedRowBackgroundColor: 'var(--chosen)', accentColor: 'var(--accent)', "
    "oddRowBackgroundColor: 'var(--surface)', fontFamily: 'inherit', fontSize: 14})"
)


def labels_of(reads: Reads, publication: Publication) -> list[str]:
    """Return what there are lists for."""
    return [row["label"] for row in reads.rows(shared.LABELS, week=publication.week)]


def with_label(filters: Filters, labels: Sequence[str]) -> Filters:
    """Return the same choices with a label that is published: 'failed' or the first, where another stood there."""
    usual = "failed" if "failed" in labels else labels[0]
    return Filters(**{**filters.__dict__, "label": filters.label if filters.label in labels else usual})


def listed(reads: Reads, publication: Publication, filters: Filters, limit: int = SHOWN) -> list[Row]:
    """Return the first places of the list that are meant."""
    values = {"week": publication.week, "label": filters.label, **filters.values()}
    return reads.rows(queries.LISTED, limit=limit, **values)


def promise(reads: Reads, publication: Publication, filters: Filters) -> tuple[Promise, float]:
    """Return what the places that are meant promise, and the finds to expect of the visits of a week."""
    values = {"week": publication.week, "label": filters.label, "capacity": filters.capacity, **filters.values()}
    row = reads.row(queries.PROMISE, **values)
    assert row is not None  # an aggregate has always one
    return Promise(row["places"], row["finds"], row["rank_of_finds"]), row["at_capacity"]


def city_outlines(reads: Reads, publication: Publication) -> Outlines:
    """Return the outlines of the areas, from all places that are known in them."""
    rows = reads.rows(queries.POSITIONS, week=publication.week)
    longitude, latitude = (np.array([row[name] for row in rows], dtype=float) for name in ("longitude", "latitude"))
    return outlines(longitude, latitude, [row["community_area"] for row in rows])


def csv_file(rows: Sequence[Row]) -> str:
    """Return the list as a file."""
    out = io.StringIO()
    writer = csv.DictWriter(out, _FILE, extrasaction="ignore", lineterminator="\r\n")
    writer.writeheader()
    writer.writerows(rows)
    return out.getvalue()


def grid_rows(rows: Sequence[Row]) -> list[dict[str, Any]]:
    """Return what the grid shows of places, in words."""
    return [
        {
            "id": row["establishment_id"],
            "rank": row["rank"],
            "name": title_case(row["dba_name"]),
            "chance": percent(row["expected_find"]),
            "why": row["reason_1"] or "nothing in particular",
            "address": title_case(row["address"]),
            "area": title_case(row["community_area"]),
            "kind": row["facility_type"],
            "risk": RISKS.get(row["risk"], "unknown"),
            "last": f"{row['last_result']}, {row['last_inspection_date']}" if row["last_inspection_date"] else "never",
        }
        for row in rows
    ]


def summary(shown: int, places: int) -> str:
    """Return how many places are shown of how many."""
    if not places:
        return "No place fits: take a filter away."
    if shown < places:
        return f"The first {shown:,} of {places:,} places. Narrow the list by filters; the file has all of them."
    return f"{places:,} {'place' if places == 1 else 'places'}."


def links(filters: Filters) -> tuple[str, str]:
    """Return the addresses of the file and of the route sheets."""
    return f"/list.csv{filters.search()}", f"/routes{filters.search()}"


def what_if(promised: Promise, at_capacity: float, filters: Filters) -> list[Any]:
    """Return the answer to: what if we had so many visits a week?"""
    visits = min(filters.capacity, promised.places)
    earlier = promised.days_earlier(filters.capacity)
    usual = promised.usual_finds(visits)
    answers = [
        (number(visits), "visits in the week", f"{filters.inspectors} inspectors, {filters.visits} visits a day each"),
        (number(at_capacity, 1), "finds to expect", f"{usual:.1f} without the list, in no particular order"),
        (
            "–" if earlier is None else number(earlier, 1),
            "days earlier",
            f"finds come sooner, if all {promised.places:,} places are visited in this order, in "
            f"{promised.weeks_needed(filters.capacity):,.0f} weeks",
        ),
    ]
    return [
        html.Div([html.Strong(value), html.Span(unit), html.Small(says)], className="answer")
        for value, unit, says in answers
    ]


def layout(reads: Reads, publication: Publication, filters: Filters) -> html.Div:
    """Return the page."""
    labels = labels_of(reads, publication)
    filters = with_label(filters, labels)
    rows = listed(reads, publication, filters)
    promised, at_capacity = promise(reads, publication, filters)
    facets: dict[str, list[Row]] = {}
    for facet in reads.rows(shared.FACETS, week=publication.week, label=filters.label):
        facets.setdefault(facet["attribute"], []).append(facet)
    notes = reads.rows(shared.NOTES, week=publication.week, label=filters.label)
    file, routes = links(filters)
    return page(
        f"Where to go first, week of {day(publication.week + WEEK)}",
        [
            "Places in the order in which a visit pays most: the chance that each ",
            html.B(label_words(filters.label or ""), id="label-words"),
            f". Made from what was known before that Monday, published on {day(publication.published_at)}.",
        ],
        _controls(filters, labels, facets),
        html.Div([_list(rows, promised, file, routes), _map_section()], className="beside"),
        _what_if(promised, at_capacity, filters),
        html.Section(
            [
                html.H2("What holds for whole zip codes"),
                html.Ul([html.Li(one["sentence"]) for one in notes[:8]]),
            ],
            className="card",
        )
        if notes
        else None,
        html.Aside(id="details", className="closed", tabIndex="-1", **aria(label="The chosen place")),
        name="monday",
    )


def _controls(filters: Filters, labels: Sequence[str], facets: Mapping[str, Sequence[Row]]) -> html.Form:
    def options(attribute: str, number: bool = False, chosen: Sequence[Any] = ()) -> list[dict[str, Any]]:
        known = [(int(one["value"]) if number else one["value"], one["places"]) for one in facets.get(attribute, ())]
        known += [(value, 0) for value in chosen if value not in {name for name, _ in known}]
        words = {value: f"Risk {RISKS[value]}" if number else title_case(str(value)) for value, _ in known}
        return [{"label": f"{words[value]} ({places:,})", "value": value} for value, places in known]

    return html.Form(
        [
            choose(
                "The chance that it ...",
                "label",
                [{"label": label_words(one), "value": one} for one in labels],
                filters.label,
            ),
            choose(
                "Kind of place",
                "facility-type",
                options("facility_type", chosen=filters.facility_type),
                list(filters.facility_type),
                many=True,
            ),
            choose("Risk class", "risk", options("risk", True, filters.risk), list(filters.risk), many=True),
            choose(
                "Community area",
                "community-area",
                options("community_area", chosen=filters.community_area),
                list(filters.community_area),
                many=True,
            ),
            html.Div(
                [
                    html.Label("Name or address", htmlFor="text"),
                    dcc.Input(id="text", type="text", value=filters.text, debounce=0.3, maxLength=80),
                ],
                className="field",
            ),
        ],
        className="controls",
        role="search",
    )


def _list(rows: Sequence[Row], promised: Promise, file: str, routes: str) -> html.Section:
    grid = dag.AgGrid(
        id="list",
        rowData=grid_rows(rows),
        columnDefs=_COLUMNS,
        defaultColDef={"sortable": True, "resizable": True, "suppressMovable": True},
        getRowId="params.data.id",
        dashGridOptions={
            "theme": {"function": _THEME},
            "rowSelection": {"mode": "singleRow", "checkboxes": False, "enableClickSelection": True},
            "tooltipShowDelay": 300,
            "animateRows": False,
            "rowHeight": 36,
            "ensureDomOrder": True,
        },
        className="",
        style={"height": "100%", "width": "100%"},
        dangerously_allow_code=False,
    )
    return html.Section(
        [
            html.H2("The list", className="hidden"),
            html.Div(
                [
                    html.P(summary(len(rows), promised.places), id="summary", role="status"),
                    html.A("Download CSV", id="file-link", href=file, download="priorities.csv", className="button"),
                    html.A("Route sheets", id="routes-link", href=routes, className="button"),
                ],
                className="bar",
            ),
            html.Div(grid, id="grid-holder"),
            html.P("Click a place, or go to it by the arrow keys and press Space, to see why and its history."),
        ],
        className="card list",
    )


def _map_section() -> html.Section:
    says = "Map of the places on the list; the list beside it has the same places."
    return html.Section(
        [
            html.H2("The map", className="hidden"),
            # Filled by `map_of` once the list is there: plotly alone is 5 MB, and takes longer than all the rest.
            html.Div(html.P("Drawing the map ..."), id="map-holder", role="group", **aria(label=says)),
            dcc.Store(id="list-is-there"),
            html.P(
                "Large: the visits of this week, darker where the chance is higher. Small: the places that follow. "
                "Outlines follow from the places known in each community area."
            ),
        ],
        className="card map",
    )


def map_of(rows: Sequence[Row], filters: Filters, rings: Outlines) -> dcc.Graph:
    """Return the map of the places that the list shows."""
    return dcc.Graph(
        id="map",
        figure=figures.city(rings, filters.community_area, rows, filters.capacity),
        config={
            "displayModeBar": True,
            "displaylogo": False,
            "responsive": True,
            "modeBarButtons": [["zoomIn2d", "zoomOut2d", "resetScale2d"]],
        },
        style={"height": "100%", "width": "100%"},
    )


def _what_if(promised: Promise, at_capacity: float, filters: Filters) -> html.Section:
    def slider(label: str, identifier: str, value: int, most: int, marks: Sequence[int]) -> html.Div:
        control = dcc.Slider(
            id=identifier,
            min=1,
            max=most,
            step=1,
            value=value,
            marks={one: str(one) for one in marks},
            updatemode="drag",
        )
        name = f"{identifier}-name"
        return html.Div(
            [html.Div(label, id=name), html.Div(control, role="group", **aria(labelledby=name))], className="slider"
        )

    return html.Section(
        [
            html.H2("What if we had more visits, or fewer?"),
            html.Div(
                [
                    slider("Inspectors", "inspectors", filters.inspectors, MOST_INSPECTORS, (1, 10, 20, 30, 40)),
                    slider("Visits a day, each", "visits", filters.visits, MOST_VISITS_A_DAY, (1, 4, 8, 12)),
                ],
                className="sliders",
            ),
            html.Div(what_if(promised, at_capacity, filters), id="what-if", className="answers", role="status"),
            note(
                "Expected, not certain: sums of the chances of the places that the filters leave. Five days a week. "
                "What past lists really brought stands under Models and Monitoring."
            ),
        ],
        className="card",
    )
