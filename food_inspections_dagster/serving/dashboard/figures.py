"""Pictures as plotly's figures, plain dictionaries: colours that stand out on light and dark ground alike.

Text and grid lines take their colours from the style sheet.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

Figure = dict[str, Any]

BLUE, ORANGE, GREEN, PURPLE, GREY, RED = "#3b82c4", "#d9730d", "#2f9e62", "#9b6dd7", "#8a8f98", "#d64545"
OTHERS = (BLUE, GREEN, PURPLE, GREY, RED)
_MARKED = 40  # points of a line; more of them are a ribbon
DASHES = ("dash", "dot", "dashdot", "longdash", "longdashdot")
_FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif'
_CLEAR = "rgba(0,0,0,0)"
_MARGIN = {"l": 52, "r": 14, "t": 12, "b": 52}


def _layout(**parts: Any) -> dict[str, Any]:
    return {
        "paper_bgcolor": _CLEAR,
        "plot_bgcolor": _CLEAR,
        "margin": _MARGIN,
        "font": {"family": _FONT, "size": 13},
        "legend": {"orientation": "h", "y": 1.02, "yanchor": "bottom", "x": 0},
        "hovermode": "closest",
        "dragmode": False,
        "showlegend": False,
        **parts,
    }


def _axis(title: str, **parts: Any) -> dict[str, Any]:
    return {"title": {"text": title}, "zeroline": False, "automargin": True, "fixedrange": True, **parts}


def lines(
    series: Mapping[str, tuple[Sequence[Any], Sequence[float | None]]], y: str, emphasis: str | None = None, **axis: Any
) -> Figure:
    """Return a line per name over time; that of ``emphasis`` is thicker.

    Args:
        series: by name, weeks and values.
        y: what the values are.
        axis: more of plotly's properties of the axis of values.
    """
    alone = len(series) == 1
    data = [
        {
            "type": "scatter",
            "mode": "lines+markers" if len(x) <= _MARKED else "lines",
            "name": name,
            "x": [str(one) for one in x],
            "y": list(values),
            "line": {
                "color": ORANGE if name == emphasis else OTHERS[at % len(OTHERS)],
                "width": 4 if name == emphasis else 2,
                # The sixth has the colour of the first, and another dash.
                "dash": "solid" if name == emphasis or alone else DASHES[(at + at // len(OTHERS)) % len(DASHES)],
            },
            "marker": {"size": 8 if name == emphasis else 5},
        }
        for at, (name, (x, values)) in enumerate(series.items())
    ]
    return {
        "data": data,
        "layout": _layout(xaxis=_axis("", type="date"), yaxis=_axis(y, **axis), showlegend=len(data) > 1),
    }


def intervals(
    names: Sequence[str],
    estimates: Sequence[Sequence[float | None]],
    x: str,
    colours: Sequence[str] | None = None,
    line_at: float | None = None,
    bounds: tuple[float, float] | None = None,
) -> Figure:
    """Return a dot per name with its interval, the first on top.

    Args:
        estimates: by name value, low end and high end.
        x: what the values are.
        line_at: where a line stands that means 'the same'.
        bounds: a range that is marked.
    """
    plus = [None if v is None or high is None else max(0.0, high - v) for v, _, high in estimates]
    minus = [None if v is None or low is None else max(0.0, v - low) for v, low, _ in estimates]
    shapes: list[dict[str, Any]] = []
    if bounds:
        x0, x1 = bounds
        shapes.append(
            {
                **{"type": "rect", "xref": "x", "yref": "paper", "x0": x0, "x1": x1, "y0": 0, "y1": 1},
                **{"fillcolor": GREEN, "opacity": 0.13, "line": {"width": 0}, "layer": "below"},
            }
        )
    if line_at is not None:
        shapes.append(
            {
                **{"type": "line", "xref": "x", "yref": "paper", "x0": line_at, "x1": line_at, "y0": 0, "y1": 1},
                "line": {"color": GREY, "width": 1.5, "dash": "dot"},
            }
        )
    data = {
        "type": "scatter",
        "mode": "markers",
        "x": [value for value, _, _ in estimates],
        "y": list(names),
        "marker": {"size": 11, "color": list(colours) if colours else BLUE},
        "error_x": {
            **{"type": "data", "symmetric": False, "array": plus, "arrayminus": minus},
            **{"color": GREY, "thickness": 2, "width": 4},
        },
    }
    y = _axis("", range=[len(names) - 0.4, -0.6], type="category", ticksuffix="  ")
    return {"data": [data], "layout": _layout(xaxis=_axis(x), yaxis=y, shapes=shapes)}


def calibration(bins: Sequence[Mapping[str, Any]]) -> Figure:
    """Return shares found against shares foreseen, by tenths of the inspections; on the line both are the same."""
    most = max((one[key] for one in bins for key in ("observed_high", "predicted")), default=1.0)
    line = {
        **{"type": "scatter", "mode": "lines", "x": [0, most], "y": [0, most], "hoverinfo": "skip"},
        "line": {"color": GREY, "dash": "dot", "width": 1.5},
    }
    points = {
        "type": "scatter",
        "mode": "markers",
        "x": [one["predicted"] for one in bins],
        "y": [one["observed"] for one in bins],
        "marker": {"size": 11, "color": BLUE},
        "hovertemplate": "foreseen %{x:.0%}, found %{y:.0%}<extra></extra>",
        "error_y": {
            **{"type": "data", "symmetric": False, "color": GREY, "thickness": 2, "width": 4},
            "array": [one["observed_high"] - one["observed"] for one in bins],
            "arrayminus": [one["observed"] - one["observed_low"] for one in bins],
        },
    }
    axes = {"xaxis": _axis("foreseen", tickformat=".0%"), "yaxis": _axis("found", tickformat=".0%")}
    return {"data": [line, points], "layout": _layout(**axes)}


def bars(names: Sequence[str], values: Sequence[float], x: str) -> Figure:
    """Return a bar per name, the first on top."""
    data = {
        "type": "bar",
        "orientation": "h",
        "x": list(values),
        "y": list(names),
        "marker": {"color": BLUE},
    }
    y = _axis("", autorange="reversed", type="category", ticksuffix="  ")
    return {"data": [data], "layout": _layout(xaxis=_axis(x, rangemode="tozero"), yaxis=y, bargap=0.3)}


def city(
    outlines: Mapping[str, Sequence[np.ndarray]],
    chosen: Sequence[str],
    places: Sequence[Mapping[str, Any]],
    capacity: int,
) -> Figure:
    """Return the map: outlines of the areas, and the places of the list.

    Args:
        outlines: rings by area, longitude and latitude.
        chosen: areas that are marked.
        places: rows of the list, with rank, establishment_id, dba_name, expected_find, longitude and latitude.
        capacity: the first places of the list that are large; the others are small.
    """

    def rings(names: Sequence[str], colour: str, opacity: float) -> dict[str, Any]:
        x: list[float | None] = []
        y: list[float | None] = []
        for name in names:
            for ring in outlines.get(name, ()):
                x += [*ring[:, 0].tolist(), None]
                y += [*ring[:, 1].tolist(), None]
        fill = f"rgba({int(colour[1:3], 16)},{int(colour[3:5], 16)},{int(colour[5:7], 16)},{opacity})"
        return {
            **{"type": "scatter", "mode": "lines", "x": x, "y": y, "fill": "toself", "fillcolor": fill},
            **{"line": {"color": "rgba(138,143,152,0.55)", "width": 1}, "hoverinfo": "skip"},
        }

    def points(rows: Sequence[Mapping[str, Any]], first: bool) -> dict[str, Any]:
        chances = [row["expected_find"] for row in rows]
        marker: dict[str, Any] = {"size": 5, "color": GREY, "opacity": 0.55}
        if first:
            marker = {
                **{"size": 11, "color": chances, "line": {"color": "#ffffff", "width": 1}},
                "colorscale": [[0, "#f3b13e"], [0.5, "#e0662b"], [1, "#a3153c"]],
                "colorbar": {
                    **{"title": {"text": "chance"}, "tickformat": ".0%", "thickness": 10, "len": 0.4},
                    **{"x": 0.02, "xanchor": "left", "y": 0.02, "yanchor": "bottom", "outlinewidth": 0},
                },
            }
        return {
            "type": "scatter",
            "mode": "markers",
            "x": [row["longitude"] for row in rows],
            "y": [row["latitude"] for row in rows],
            "customdata": [row["establishment_id"] for row in rows],
            "text": [f"{row['rank']}. {row['dba_name']}<br>chance {row['expected_find']:.0%}" for row in rows],
            "hovertemplate": "%{text}<extra></extra>",
            "marker": marker,
        }

    on_map = [row for row in places if row["longitude"] is not None and row["latitude"] is not None]
    listed = {row["establishment_id"] for row in places[:capacity]}
    first = [row for row in on_map if row["establishment_id"] in listed]
    others = [row for row in on_map if row["establishment_id"] not in listed]
    # The first places last: they lie on top.
    data = [
        rings([name for name in outlines if name not in chosen], GREY, 0.13),
        rings(list(chosen), BLUE, 0.28),
        points(others, False),
        points(first[::-1], True),
    ]
    hidden = {"visible": False}
    layout = _layout(
        xaxis={**hidden, "scaleanchor": "y", "scaleratio": 0.744},  # cosine of Chicago's latitude
        yaxis=hidden,
        margin=dict.fromkeys("lrtb", 0),
        dragmode="pan",
        uirevision="city",
    )
    return {"data": data, "layout": layout}
