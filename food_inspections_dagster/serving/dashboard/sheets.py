"""Route sheets to print: a page per inspector, a table per day."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from dash import dcc, html

from food_inspections_dagster.serving.dashboard.filters import DAYS_A_WEEK, Filters
from food_inspections_dagster.serving.dashboard.monday import labels_of, listed, with_label
from food_inspections_dagster.serving.dashboard.parts import (
    day,
    empty,
    label_words,
    number,
    page,
    percent,
    table,
    title_case,
)
from food_inspections_dagster.serving.dashboard.routes import shared_out, walked
from food_inspections_dagster.serving.store import Publication, Reads, Row
from food_inspections_dagster.weeks import WEEK

DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday")
_COLUMNS = ("No.", "Place", "Address", "Kind", "Chance", "Why", "Result")


def sheets_of(rows: Sequence[Row], inspectors: int) -> list[list[list[Row]]]:
    """Return by inspector and day the places to visit, near each other; days of many finds come first."""
    longitude = np.array([row["longitude"] for row in rows], dtype=float)
    latitude = np.array([row["latitude"] for row in rows], dtype=float)
    out = []
    for mine in shared_out(longitude, latitude, inspectors):
        days = [mine[part] for part in shared_out(longitude[mine], latitude[mine], DAYS_A_WEEK)] if len(mine) else []
        ways = [[rows[one] for one in walked(longitude, latitude, part.tolist())] for part in days if len(part)]
        out.append(sorted(ways, key=lambda way: -sum(row["expected_find"] for row in way)))
    return out


def layout(reads: Reads, publication: Publication, filters: Filters) -> html.Div:
    """Return the page."""
    filters = with_label(filters, labels_of(reads, publication))
    rows = listed(reads, publication, filters, filters.capacity)
    sheets = sheets_of(rows, filters.inspectors) if rows else []
    return page(
        f"Route sheets, week of {day(publication.week + WEEK)}",
        f"The first {number(len(rows))} places of the list, shared out among {filters.inspectors} inspectors so that "
        f"each stays in one part of the city; {filters.visits} visits a day. Chance: that the place "
        f"{label_words(filters.label or '')}.",
        html.Div(
            [
                html.Button("Print", id="print", type="button", className="button"),
                dcc.Link("Back to the list", href=f"/{filters.search()}", className="button"),
            ],
            className="bar screen-only",
        ),
        *(_sheet(at, ways) for at, ways in enumerate(sheets, 1)),
        None if rows else empty("No place fits", html.P("Go back to the list and take a filter away.")),
        name="routes",
    )


def _sheet(inspector: int, ways: Sequence[Sequence[Row]]) -> html.Section:
    finds = sum(row["expected_find"] for way in ways for row in way)
    children: list[Any] = [
        html.H2(f"Inspector {inspector}"),
        html.P(f"{sum(len(way) for way in ways)} visits, {finds:.1f} finds to expect."),
    ]
    for name, way in zip(DAYS, ways, strict=False):
        body = [
            (
                str(at),
                title_case(row["dba_name"]),
                f"{title_case(row['address'])}, {row['zip'] or ''}",
                row["facility_type"],
                percent(row["expected_find"]),
                row["reason_1"] or "",
                "",
            )
            for at, row in enumerate(way, 1)
        ]
        children += [html.H3(name), table(_COLUMNS, body, f"Inspector {inspector}, {name}")]
    return html.Section(children, className="card sheet")
