"""The figures of the story, as SVG: the same numbers give the same bytes.

Drawn without pyplot and its global state. Texts stay texts, in whatever font the reader has.
"""

import io
from collections.abc import Callable
from datetime import date

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_svg import FigureCanvasSVG
from matplotlib.figure import Figure
from matplotlib.ticker import PercentFormatter

from food_inspections_dagster.inspections.codebooks import SWITCH_DATE
from food_inspections_dagster.profiles.story import Story

BLUE, ORANGE, GREEN, GREY = "#0072B2", "#D55E00", "#009E73", "#777777"
LABELS = {"failed": ("failed", BLUE), "critical_violation": ("with a critical violation", ORANGE)}


def figures(of: Story) -> dict[str, str]:
    """Return the figures by name."""
    return {
        "volumes": volumes(of),
        "change_2018": change_2018(of),
        "seasons": seasons(of),
        "types": types(of),
        "areas": areas(of),
    }


def volumes(of: Story) -> str:
    """Draw the inspections of each week and their mean over a year."""

    def draw(panels: list[Axes]) -> None:
        (axes,) = panels
        weeks = _days(of.weeks.index)
        axes.plot(weeks, of.weeks["visits"], color=BLUE, alpha=0.35, linewidth=0.7, label="a week")
        yearly = of.weeks["visits"].rolling(52, min_periods=26).mean()
        axes.plot(weeks, yearly, color=BLUE, linewidth=2, label="mean of 52 weeks")
        axes.set_ylabel("inspections")
        axes.set_ylim(bottom=0)
        _mark_switch(axes, weeks)
        axes.legend(frameon=False, loc="lower left", ncols=2)

    return _svg(9, 3.4, 1, draw)


def change_2018(of: Story) -> str:
    """Draw what a routine visit cites and how it ends, by quarter."""

    def draw(panels: list[Axes]) -> None:
        cited, ended = panels
        quarters = _days(of.quarters.index)
        names = {
            "critical": ("critical, priority", ORANGE),
            "serious": ("serious, priority foundation", GREEN),
            "minor": ("minor, core", GREY),
        }
        for column, (label, colour) in names.items():
            cited.plot(quarters, of.quarters[column], color=colour, label=label)
        cited.set_ylabel("violations a visit")
        for column, (label, colour) in LABELS.items():
            ended.plot(quarters, of.quarters[column], color=colour, label=label)
        ended.set_ylabel("share of visits")
        ended.yaxis.set_major_formatter(PercentFormatter(1, 0))
        for axes in panels:
            axes.set_ylim(bottom=0)
            _mark_switch(axes, quarters)
            axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=1)

    return _svg(10, 4.2, 2, draw)


def seasons(of: Story) -> str:
    """Draw volume and shares by month."""

    def draw(panels: list[Axes]) -> None:
        volume, share = panels
        months = of.months.index.to_numpy()
        volume.bar(months, of.months["volume"], color=BLUE, alpha=0.6)
        volume.axhline(1, color=GREY, linewidth=1)
        volume.set_ylabel("inspections a weekday, mean = 1")
        for column, (label, colour) in LABELS.items():
            share.plot(months, of.months[column], color=colour, marker="o", label=label)
        share.set_ylabel("share of routine visits")
        share.yaxis.set_major_formatter(PercentFormatter(1, 0))
        share.set_ylim(bottom=0)
        share.legend(frameon=False, loc="lower right")
        for axes in panels:
            axes.set_xticks(range(1, 13), list("JFMAMJJASOND"))

    return _svg(10, 3.4, 2, draw)


def types(of: Story, most: int = 12) -> str:
    """Draw the shares of the kinds of facility with the most visits, and of the types of visit."""

    def draw(panels: list[Axes]) -> None:
        facility, visit = panels
        kinds = of.facility_types.head(most).iloc[::-1]
        for column, (label, colour) in LABELS.items():
            facility.plot(kinds[column], range(len(kinds)), "o", color=colour, label=label)
        facility.set_yticks(
            range(len(kinds)), [f"{name} ({n:,})" for name, n in zip(kinds.index, kinds["visits"], strict=True)]
        )
        facility.set_title("Routine visits by kind of facility", fontsize=10)
        facility.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.08), ncols=2)
        visits = of.inspection_types.head(most).iloc[::-1]
        visit.barh(range(len(visits)), visits["failed"], color=BLUE, alpha=0.6)
        visit.set_yticks(
            range(len(visits)), [f"{name} ({n:,})" for name, n in zip(visits.index, visits["visits"], strict=True)]
        )
        visit.set_title("Failed, by type of visit", fontsize=10)
        for axes in panels:
            axes.xaxis.set_major_formatter(PercentFormatter(1, 0))
            axes.set_xlim(left=0)

    return _svg(11, 4.6, 2, draw)


def areas(of: Story) -> str:
    """Draw zip codes where they lie, and the sides of the city."""

    def draw(panels: list[Axes]) -> None:
        city, side = panels
        zips = of.zips
        size = 20 + 380 * zips["visits"] / zips["visits"].max()
        drawn = city.scatter(zips["longitude"], zips["latitude"], s=size, c=zips["failed"], cmap="cividis_r", alpha=0.9)
        colours = city.figure.colorbar(drawn, ax=city, shrink=0.7, format=PercentFormatter(1, 0))
        colours.set_label("failed")
        city.set_aspect(1 / np.cos(np.deg2rad(41.85)))
        city.set_title("Zip codes; size: routine visits", fontsize=10)
        city.set_xticks([])
        city.set_yticks([])
        city.spines[:].set_visible(False)
        sides = of.sides.sort_values("failed")
        for column, (label, colour) in LABELS.items():
            side.plot(sides[column], range(len(sides)), "o", color=colour, label=label)
        side.set_yticks(
            range(len(sides)), [f"{name} ({n:,})" for name, n in zip(sides.index, sides["visits"], strict=True)]
        )
        side.xaxis.set_major_formatter(PercentFormatter(1, 0))
        side.set_xlim(left=0)
        side.set_title("Sides of the city", fontsize=10)
        side.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.08), ncols=1)

    return _svg(10, 4.6, 2, draw)


def _days(index: pd.Index) -> np.ndarray:
    return pd.to_datetime(pd.Series(list(index))).to_numpy()


def _mark_switch(axes: Axes, days: np.ndarray) -> None:
    """Mark the day of the new codebook where it lies within what is drawn."""
    if len(days) and days[0] <= np.datetime64(SWITCH_DATE) <= days[-1]:
        place = (SWITCH_DATE - date(1970, 1, 1)).days
        axes.axvline(place, color=GREY, linestyle="--", linewidth=1)  # type: ignore[arg-type]
        axes.annotate(
            f" {SWITCH_DATE}", (place, 0.99), xycoords=("data", "axes fraction"), va="top", fontsize=8, color=GREY
        )


def _svg(width: float, height: float, panels: int, draw: Callable[[list[Axes]], None]) -> str:
    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    with matplotlib.rc_context({**defaults, "svg.fonttype": "none", "svg.hashsalt": "story", "font.size": 9}):
        figure = Figure(figsize=(width, height), layout="constrained")
        FigureCanvasSVG(figure)
        axes = list(np.atleast_1d(figure.subplots(1, panels)))
        for one in axes:
            one.spines[["top", "right"]].set_visible(False)
        draw(axes)
        out = io.StringIO()
        figure.savefig(out, format="svg", metadata={"Date": None, "Creator": None})
        # One space at a line's end would be a difference of nothing.
        return "\n".join(line.rstrip() for line in out.getvalue().splitlines()) + "\n"
