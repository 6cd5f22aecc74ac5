"""Figures for people, as PNG bytes: the same numbers give the same bytes.

Drawn on figures of their own, without pyplot: its global state is neither thread-safe nor ever freed. Aequitas'
import changes matplotlib's global style, so the defaults are set for each figure.
"""

import io
from collections.abc import Callable

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import OUTSIDE, REFERENCE, TOO_SMALL, UNCERTAIN, UNDEFINED, WITHIN

BLUE, ORANGE, GREY, RED, GREEN = "#0072B2", "#E69F00", "#999999", "#D55E00", "#009E73"
_COLOURS = {REFERENCE: BLUE, WITHIN: GREEN, UNCERTAIN: ORANGE, UNDEFINED: ORANGE, OUTSIDE: RED, TOO_SMALL: GREY}


def _png(width: float, height: float, draw: Callable[[Axes], None]) -> bytes:
    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    with matplotlib.rc_context(defaults):
        figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        axes = figure.add_subplot()
        draw(axes)
        axes.spines[["top", "right"]].set_visible(False)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
        return out.getvalue()


def score_histogram(score: np.ndarray, title: str, capacity: int | None = None) -> bytes:
    """Draw how many rows have which score; a line marks the ``capacity``-th highest one."""

    def draw(axes: Axes) -> None:
        axes.set_title(title)
        axes.set_xlabel("score (estimated probability)")
        axes.set_ylabel("rows")
        if len(score) == 0:
            axes.text(0.5, 0.5, "no scores", ha="center", va="center", transform=axes.transAxes)
            return
        axes.hist(score, bins=40, color=BLUE)
        if capacity is not None and 0 < capacity <= len(score):
            threshold = float(np.sort(score)[-capacity])
            label = f"{capacity:,} highest: {threshold:.2f} and above"
            axes.axvline(threshold, color=RED, linestyle="--", label=label)
            axes.legend(frameon=False)

    return _png(7, 4, draw)


def calibration_curve(calibration: pd.DataFrame, title: str) -> bytes:
    """Draw observed shares with their intervals over predicted ones, from ``metrics.calibration``."""

    def draw(axes: Axes) -> None:
        axes.set_title(title)
        axes.set_xlabel("predicted (mean score of the bin)")
        axes.set_ylabel("observed (share of the bin)")
        if len(calibration) == 0:
            axes.text(0.5, 0.5, "no rows", ha="center", va="center", transform=axes.transAxes)
            return
        predicted, observed = (
            calibration["predicted"].to_numpy(float),
            calibration["observed"].to_numpy(float),
        )
        low, high = calibration["observed_low"].to_numpy(float), calibration["observed_high"].to_numpy(float)
        most = max(float(high.max()), float(predicted.max())) * 1.05
        axes.plot([0, most], [0, most], color=GREY, linestyle="--", label="perfect calibration")
        errors = np.array([observed - low, high - observed])
        axes.errorbar(predicted, observed, yerr=errors, fmt="o", color=BLUE, capsize=3, label="deciles, with interval")
        axes.set_xlim(0, most)
        axes.set_ylim(0, most)
        axes.legend(frameon=False, loc="upper left")

    return _png(5, 5, draw)


def disparity_chart(table: pd.DataFrame, attribute: str, metric: str, rule: AuditRule, title: str) -> bytes:
    """Draw one week's disparities of a metric by group with intervals, from ``BiasReport.table``."""
    rows = table.loc[(table["attribute"] == attribute) & (table["metric"] == metric)]
    rows = rows.loc[rows["disparity"].notna() & (rows["verdict"] != TOO_SMALL).fillna(True)]
    rows = rows.sort_values(["group_size", "group"], ignore_index=True)

    def draw(axes: Axes) -> None:
        axes.set_title(title)
        axes.set_xlabel(f"{metric} of the group / {metric} of the reference")
        if len(rows) == 0:
            axes.text(0.5, 0.5, "no group is large enough", ha="center", va="center", transform=axes.transAxes)
            return
        value = rows["disparity"].to_numpy(float)
        low = rows["disparity_low"].to_numpy(dtype=float, na_value=np.nan)
        high = rows["disparity_high"].to_numpy(dtype=float, na_value=np.nan)
        low, high = np.where(np.isnan(low), value, low), np.where(np.isnan(high), value, high)
        axes.axvspan(rule.tau_low, rule.tau_high, color=GREEN, alpha=0.12)
        axes.axvline(1.0, color=GREY, linewidth=1)
        for place, verdict in enumerate(rows["verdict"]):
            axes.errorbar(
                value[place],
                place,
                xerr=[[value[place] - low[place]], [high[place] - value[place]]],
                fmt="o",
                capsize=3,
                color=BLUE if pd.isna(verdict) else _COLOURS[verdict],
            )
        names = [f"{g} (n = {n:,})" for g, n in zip(rows["group"], rows["group_size"], strict=True)]
        axes.set_yticks(range(len(names)), names)
        axes.set_ylim(-0.7, len(names) - 0.3)

    return _png(8, 1.6 + 0.35 * max(len(rows), 3), draw)
