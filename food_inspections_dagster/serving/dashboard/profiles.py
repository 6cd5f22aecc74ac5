"""The page on the data: how much there is of what, what is missing, and what is unusual."""

from collections.abc import Sequence
from typing import Any

from dash import html

from food_inspections_dagster.catalog import DATA_PROFILE
from food_inspections_dagster.serving.dashboard import figures, queries
from food_inspections_dagster.serving.dashboard.parts import (
    NONE,
    choose,
    day,
    empty,
    more,
    number,
    page,
    percent,
    picture,
    section,
    table,
)
from food_inspections_dagster.serving.store import Publication, Reads, Row
from food_inspections_dagster.weeks import WEEK

_TITLE = "What is in the data?"
SPAN = "history"
_TOP = 8


def layout(reads: Reads, publication: Publication, table_name: str | None) -> html.Div:
    """Return the page.

    Args:
        table_name: whose profile is shown; of the first table where it has none.
    """
    absent = not reads.has_table(str(DATA_PROFILE))
    names = [] if absent else [row["table_name"] for row in reads.rows(queries.PROFILED, week=publication.week)]
    if not names:
        return page(
            _TITLE,
            "Counts of every column of every table.",
            empty("No profile yet", html.P("`make run` makes it where this project can: the asset data_profile.")),
            name="data",
        )
    usual = "inspections" if "inspections" in names else names[0]
    chosen = table_name if table_name is not None and table_name in names else usual
    rows = reads.rows(queries.PROFILE, week=publication.week, table_name=chosen, span=SPAN)
    options = [{"label": one.replace("_", " "), "value": one} for one in names]
    whole = {row["measure"]: row["value"] for row in rows if row["column_name"] == "*" and row["position"] == 0}
    first, last = (rows[0]["first_week"], rows[0]["week"] + WEEK) if rows else (None, None)
    return page(
        _TITLE,
        f"The table {chosen.replace('_', ' ')}: {number(whole.get('rows'))} rows from {day(first)} to {day(last)}. "
        f"{number(whole.get('repeated_keys'))} repeat a key, {number(whole.get('repeated_rows'))} are alike in all but "
        "their number.",
        html.Form(choose("Table", "page-table", options, chosen), className="controls"),
        _by_year(rows),
        _columns(rows, whole.get("rows")),
        *(_column(name, rows) for name in dict.fromkeys(row["column_name"] for row in rows) if name != "*"),
        name="data",
    )


def _by_year(rows: Sequence[Row]) -> html.Section | None:
    years = [row for row in rows if row["measure"] == "rows_of_year"]
    if not years:
        return None
    series = {"rows": ([f"{row['item']}-01-01" for row in years], [row["value"] for row in years])}
    figure = figures.lines(series, "rows", rangemode="tozero")
    return section("Rows by year", picture(figure, "Rows by year.", "profile-years", 260), wide=True)


def _columns(rows: Sequence[Row], total: float | None) -> html.Section:
    measures: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["column_name"] != "*" and row["measure"] not in ("top_value", "histogram"):
            measures.setdefault(row["column_name"], {})[row["measure"]] = row

    def share(of: dict[str, Row]) -> str:
        return percent(of["missing"]["value"] / total, 1) if "missing" in of and total else NONE

    def value(of: dict[str, Row], measure: str) -> str:
        row = of.get(measure)
        return NONE if row is None else row["item"] or f"{row['value']:,.4g}"

    shown = ("min", "median", "mean", "max")
    body = [
        (
            name.replace("_", " "),
            share(of),
            number(of["distinct"]["value"]) if "distinct" in of else NONE,
            *(value(of, one) for one in shown),
        )
        for name, of in measures.items()
    ]
    columns = ("Column", "Missing", "Different values", *shown)
    return section("Columns", table(columns, body, "Columns of the table", range(1, 7)), wide=True)


def _column(name: str, rows: Sequence[Row]) -> html.Section | None:
    mine = [row for row in rows if row["column_name"] == name]
    top = [row for row in mine if row["measure"] == "top_value"][:_TOP]
    histogram = [row for row in mine if row["measure"] == "histogram"]
    shown: list[Any] = []
    if top:
        names, values = [str(row["item"])[:40] for row in top], [row["value"] for row in top]
        shown.append(
            picture(figures.bars(names, values, "rows"), "Most frequent values.", f"top-{name}", 90 + 28 * len(top))
        )
    elif histogram:
        names, values = [row["item"] or f"{row['low']:,.4g}" for row in histogram], [row["value"] for row in histogram]
        height = 90 + 24 * len(histogram)
        shown.append(picture(figures.bars(names, values, "rows"), "Rows by value.", f"histogram-{name}", height))
    return section(name.replace("_", " "), more("Show", *shown), wide=False) if shown else None
