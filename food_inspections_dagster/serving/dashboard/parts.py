"""What pages are made of: headings, notes, tables, pictures, and numbers in words."""

from collections.abc import Sequence
from datetime import date, datetime
from string import capwords
from typing import Any

from dash import dcc, html

from food_inspections_dagster.weeks import CHICAGO

#: What is to be found, in the words of somebody who plans visits.
LABELS = {
    "failed": ("fails its inspection", "a failed inspection"),
    "critical_violation": ("has a critical violation", "a critical violation"),
}
RISKS = {1: "1, high", 2: "2, medium", 3: "3, low"}
NONE = "–"


def label_words(label: str) -> str:
    """Return what a label means, after 'a place'."""
    return LABELS.get(label, (label.replace("_", " "),))[0]


def percent(value: float | None, places: int = 0) -> str:
    """Return a share in percent."""
    return NONE if value is None else f"{value * 100:.{places}f}%"


def plain(text: str) -> str:
    """Return names of programs as people write them: logistic_regression, logistic regression."""
    return text.replace("roc_auc", "AUC").replace("_", " ")


def number(value: float | None, places: int = 0, signed: bool = False) -> str:
    """Return a number with thousands apart."""
    return NONE if value is None else f"{value:{'+' if signed else ''},.{places}f}"


def between(low: float | None, high: float | None, places: int = 2, scale: float = 1) -> str:
    """Return an interval in words; nothing without one."""
    return "" if low is None or high is None else f"{low * scale:.{places}f} to {high * scale:.{places}f}"


def day(value: date | datetime | None) -> str:
    """Return a date as people write it: 19 November 2012."""
    return NONE if value is None else f"{value.day} {value:%B %Y}"


def minute(value: datetime | None) -> str:
    """Return a moment as it was in Chicago: 19 November 2012, 08:05."""
    return NONE if value is None else f"{day(value.astimezone(CHICAGO))}, {value.astimezone(CHICAGO):%H:%M}"


def title_case(text: str | None) -> str:
    """Return a name in capitals as people write it: NEAR WEST SIDE, Near West Side."""
    written = capwords(text) if text and text.isupper() else text or NONE
    return written.replace("'S ", "'s ")  # of names that a program has put into capitals


def aria(**values: str) -> dict[str, Any]:
    """Return what a screen reader is told, as properties of a component."""
    return {f"aria-{name}": value for name, value in values.items()}


def page(title: str, lead: Any, *children: Any, name: str) -> html.Div:
    """Return a page: its one heading, what it tells, and the rest."""
    return html.Div(
        [html.H1(title, id="title", tabIndex="-1"), html.P(lead, className="lead"), *children], id=f"page-{name}"
    )


def section(title: str, *children: Any, says: Any = None, wide: bool = False) -> html.Section:
    """Return a part of a page with a heading and a sentence on how to read it."""
    explained = [html.P(says, className="says")] if says else []
    return html.Section([html.H2(title), *explained, *children], className="card wide" if wide else "card")


def long_table(
    columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str, numeric: Sequence[int], first: int = 10
) -> html.Div:
    """Return a table of which the first rows are shown and the others open on demand."""
    shown = table(columns, rows[:first], caption, numeric)
    if len(rows) <= first + 3:
        return table(columns, rows, caption, numeric)
    rest = table(columns, rows[first:], f"{caption}, the others", numeric)
    return html.Div([shown, more(f"{len(rows) - first} more", rest)])


def note(*children: Any, kind: str = "plain", **attributes: Any) -> html.Div:
    """Return a note; of kind plain, warning or good."""
    return html.Div(list(children), className=f"note {kind}", **attributes)


def empty(title: str, *children: Any) -> html.Div:
    """Return what stands where nothing is to be shown, with what to do about it."""
    return html.Div([html.H2(title), *children], className="empty")


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], caption: str, numeric: Sequence[int] = ()) -> html.Div:
    """Return a table that scrolls by itself where it is wider than the page.

    Args:
        caption: what it shows, for whoever cannot see it.
        numeric: positions of columns of numbers.
    """
    kind = ["number" if at in numeric else "" for at in range(len(columns))]
    head = html.Tr([html.Th(one, scope="col", className=kind[at]) for at, one in enumerate(columns)])
    body = [
        html.Tr(
            [
                html.Th(value, scope="row", className=kind[at]) if at == 0 else html.Td(value, className=kind[at])
                for at, value in enumerate(row)
            ]
        )
        for row in rows
    ]
    return html.Div(
        html.Table([html.Caption(caption, className="hidden"), html.Thead(head), html.Tbody(body)]),
        className="scroll",
        tabIndex="0",
        role="region",
        **aria(label=caption),
    )


def picture(figure: dict[str, Any], says: str, identifier: str, height: int = 320) -> html.Figure:
    """Return a plotly figure with what it shows in words."""
    graph = dcc.Graph(
        figure=figure,
        id=identifier,
        config={"displayModeBar": False, "responsive": True},
        style={"height": f"{height}px"},
    )
    return html.Figure([html.Div(graph, role="img", **aria(label=says)), html.Figcaption(says)])


def more(summary: str, *children: Any) -> html.Details:
    """Return what opens on demand."""
    return html.Details([html.Summary(summary), *children])


def choose(label: str, identifier: str, options: Sequence[Any], value: Any, many: bool = False) -> html.Div:
    """Return a labelled choice of one or many options."""
    control = dcc.Dropdown(
        options=list(options),
        value=value,
        id=identifier,
        multi=many,
        clearable=many,
        placeholder="all" if many else None,
        # The label stands above; the control is a button, which takes its name from here.
        labels={"select_all": "Take all", "deselect_all": "Take none"},
    )
    return html.Div([html.Label(label, htmlFor=identifier), control], className="field")
