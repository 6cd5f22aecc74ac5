"""The page on the data: how much there is of what, what is missing, and what is unusual."""

from collections.abc import Mapping, Sequence
from typing import Any

from dash import html

from food_inspections_dagster.catalog import DATA_PROFILE
from food_inspections_dagster.serving.dashboard import figures, queries
from food_inspections_dagster.serving.dashboard.filters import Filters
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
SPAN, _RECENT = "history", "recent"
WHOLE_TABLE = "*"
_TOP = 8
_FEW = 40  # different values that a picture can hold most of
_CODES = 12
_MOVED = 0.01
_ERAS = {"rows_of_2018_code": "Since July 2018", "rows_of_2010_code": "Until June 2018"}


def layout(reads: Reads, publication: Publication, filters: Filters) -> html.Div:
    """Return the page; of inspections, or of the first table, where that of the filters has no profile."""
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
    chosen = filters.table if filters.table in names else usual
    rows = reads.rows(queries.PROFILE, week=publication.week, table_name=chosen, span=SPAN)
    options = [{"label": one.replace("_", " "), "value": one} for one in names]
    whole = {row["measure"]: row["value"] for row in rows if row["column_name"] == WHOLE_TABLE and row["position"] == 0}
    first, last = (rows[0]["first_week"], rows[0]["week"] + WEEK) if rows else (None, None)
    return page(
        _TITLE,
        f"The table {chosen.replace('_', ' ')}: {number(whole.get('rows'))} rows from {day(first)} to {day(last)}. "
        f"{_repeated(whole)}",
        html.Form(choose("Table", "page-table", options, chosen), className="controls"),
        _by_year(rows),
        _by_code(rows),
        _lately(reads.rows(queries.PROFILE, week=publication.week, table_name=chosen, span=_RECENT)),
        *_values(rows),
        _columns(rows, whole.get("rows")),
        name="data",
    )


def _repeated(whole: Mapping[str, float]) -> str:
    keys, rows = whole.get("repeated_keys"), whole.get("repeated_rows")
    if not keys and not rows:
        return "No key stands twice, and no two rows are alike."
    return f"{number(keys)} repeat a key, {number(rows)} are alike in all but their number."


def _by_year(rows: Sequence[Row]) -> html.Section | None:
    years = [row for row in rows if row["measure"] == "rows_of_year"]
    if not years:
        return None
    figure = figures.bars([row["item"] for row in years], [row["value"] for row in years], "rows")
    says = "Rows by year; the first and the last year may be parts of one."
    return section("Rows by year", picture(figure, says, "profile-years", 90 + 28 * len(years)), wide=True)


def _by_code(rows: Sequence[Row]) -> html.Section | None:
    shown = []
    for measure, era in _ERAS.items():
        codes = sorted((row for row in rows if row["measure"] == measure), key=lambda row: -row["value"])
        if codes:
            names = [f"{row['position']}: {(row['item'] or '').capitalize()[:42]}" for row in codes[:_CODES]]
            figure = figures.bars(names, [row["value"] for row in codes[:_CODES]], "violations")
            says = f"{era}: the most frequent of {len(codes)} codes."
            shown.append(picture(figure, says, f"codes-{measure.replace('_', '-')}", 90 + 28 * len(names)))
    return section("Violations by code", html.Div(shown, className="pair"), wide=True) if shown else None


def _lately(rows: Sequence[Row]) -> html.Section | None:
    """Return what is missing in the newest weeks beside as many weeks before them."""
    total = next((row for row in rows if row["measure"] == "rows"), None)
    if total is None or not total["value"] or not total["value_before"]:
        return None
    shares = [
        (row["column_name"], row["value"] / total["value"], row["value_before"] / total["value_before"])
        for row in rows
        if row["measure"] == "missing" and row["value_before"] is not None
    ]
    moved = sorted((one for one in shares if abs(one[1] - one[2]) >= _MOVED), key=lambda one: -abs(one[1] - one[2]))
    body = [(name.replace("_", " "), percent(now, 1), percent(before, 1)) for name, now, before in moved[:_TOP]]
    says = (
        f"{number(total['value'])} rows from {day(total['first_week'])} on; {number(total['value_before'])} in as many "
        "weeks before."
    )
    columns = ("Column", "Missing now", "Missing before")
    return section(
        "The newest weeks",
        table(columns, body, "Columns that miss more or less than before", (1, 2))
        if body
        else html.P("No column misses noticeably more or less than before."),
        says=says,
        wide=True,
    )


def _columns(rows: Sequence[Row], total: float | None) -> html.Section:
    measures: dict[str, dict[str, Row]] = {}
    for row in rows:
        if row["column_name"] != WHOLE_TABLE and row["measure"] not in ("top_value", "histogram"):
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


def _values(rows: Sequence[Row]) -> list[html.Section]:
    """Return what stands in the columns: those of few values as pictures, all others on demand."""
    few: list[Any] = []
    others: list[Any] = []
    for name in dict.fromkeys(row["column_name"] for row in rows):
        mine = [row for row in rows if row["column_name"] == name]
        drawn = _column(name, mine)
        if drawn is None:
            continue
        distinct = next((row["value"] for row in mine if row["measure"] == "distinct"), 0)
        words = name.replace("_", " ")
        if 1 < distinct <= _FEW:
            few.append(html.Div([html.H3(words.capitalize()), drawn]))
        else:
            others.append(more(words, drawn))
    return [
        section(title, body, wide=True)
        for title, body in (
            ("What stands in the columns", html.Div(few, className="pair") if few else None),
            ("Columns of many values, or of one", html.Div(others) if others else None),
        )
        if body is not None
    ]


def _column(name: str, rows: Sequence[Row]) -> html.Figure | None:
    top = [row for row in rows if row["measure"] == "top_value"][:_TOP]
    histogram = [row for row in rows if row["measure"] == "histogram"]
    if name == WHOLE_TABLE or not (top or histogram):
        return None
    shown = top or histogram
    names = [str(row["item"] or f"{row['low']:,.4g}")[:40] for row in shown]
    figure = figures.bars(names, [row["value"] for row in shown], "rows")
    says, kind = ("Most frequent values.", "top") if top else ("Rows by value.", "histogram")
    return picture(figure, says, f"{kind}-{name}", 90 + 28 * len(shown))
