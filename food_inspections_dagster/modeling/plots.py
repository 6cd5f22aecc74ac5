"""Figures for people, as PNG bytes: the same numbers give the same bytes.

Drawn on figures of their own, without pyplot: its global state is neither thread-safe nor ever freed. Aequitas'
import changes matplotlib's global style, so the defaults are set for each figure.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import TypeAlias

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.dates import AutoDateLocator, ConciseDateFormatter
from matplotlib.figure import Figure

from food_inspections_dagster.modeling.rules import AuditRule, Schedule, ValidationRule
from food_inspections_dagster.modeling.schemas import OUTSIDE, REFERENCE, TOO_SMALL, UNCERTAIN, UNDEFINED, WITHIN
from food_inspections_dagster.modeling.splits import anchor_of, calibration_window, training_window
from food_inspections_dagster.weeks import WEEK

_Grid: TypeAlias = list[list[Axes]]

BLUE, ORANGE, GREY, RED, GREEN = "#0072B2", "#E69F00", "#999999", "#D55E00", "#009E73"
#: Test periods that are drawn: the intervals of more could not be told apart.
PERIODS = 24
#: Of lines side by side: Okabe and Ito's colours, which people with colour blindness can tell apart.
_LINES = (BLUE, ORANGE, GREEN, RED, "#56B4E9", "#CC79A7", "#000000", GREY)
_COLOURS = {REFERENCE: BLUE, WITHIN: GREEN, UNCERTAIN: ORANGE, UNDEFINED: ORANGE, OUTSIDE: RED, TOO_SMALL: GREY}


def _png(width: float, height: float, draw: Callable[[Axes], None]) -> bytes:
    return _panels(width, height, 1, 1, lambda figure, panels: draw(panels[0][0]))


def _panels(width: float, height: float, lines: int, columns: int, draw: Callable[[Figure, _Grid], None]) -> bytes:
    defaults = {key: value for key, value in matplotlib.rcParamsDefault.items() if not key.startswith("backend")}
    with matplotlib.rc_context(defaults):
        figure = Figure(figsize=(width, height), dpi=100, layout="constrained")
        FigureCanvasAgg(figure)
        panels = figure.subplots(lines, columns, squeeze=False).tolist()
        for axes in figure.axes:
            axes.spines[["top", "right"]].set_visible(False)
        draw(figure, panels)
        out = io.BytesIO()
        figure.savefig(out, format="png", metadata={"Software": None})
        return out.getvalue()


def _nothing(axes: Axes, why: str) -> None:
    axes.text(0.5, 0.5, why, ha="center", va="center", transform=axes.transAxes)


def _time(axes: Axes) -> None:
    locator = AutoDateLocator()
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))


def score_histogram(score: np.ndarray, title: str, capacity: int | None = None) -> bytes:
    """Draw how many rows have which score; a line marks the ``capacity``-th highest one."""

    def draw(axes: Axes) -> None:
        axes.set_title(title)
        axes.set_xlabel("score (estimated probability)")
        axes.set_ylabel("rows")
        if len(score) == 0:
            _nothing(axes, "no scores")
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
            _nothing(axes, "no rows")
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
            _nothing(axes, "no group is large enough")
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


def temporal_splits(last: date, schedule: Schedule, validation: ValidationRule, fits: int = 6) -> bytes:
    """Draw the calendar of the newest ``fits`` fits up to the week ``last``, one line each, as triage does.

    Each line shows the weeks that a fit learns from, the last of them, on which scores of earlier models were turned
    into probabilities, and the test period of each length.
    """
    anchors: list[date] = []
    anchor = anchor_of(last, schedule)
    while anchor is not None and len(anchors) < fits:
        anchors.insert(0, anchor)
        anchor = anchor_of(anchor - WEEK, schedule)
    durations = sorted(validation.test_durations, reverse=True)

    def draw(axes: Axes) -> None:
        axes.set_title("What each fit learns from, and where it is judged")
        if not anchors:
            _nothing(axes, "no fit yet")
            return

        def bars(begins: Sequence[date], ends: Sequence[date], top: float, height: float, colour: str, label: str):
            left, right = _dates(begins), _dates(ends)
            places = np.arange(len(anchors)) + top + height / 2
            axes.barh(places, right - left, height, left=left, color=colour, label=label)  # type: ignore[arg-type]

        after = [anchor + WEEK for anchor in anchors]
        first = [training_window(anchor, schedule)[0] for anchor in anchors]
        bars(first, after, -0.3, 0.6, BLUE, f"learns from (up to {schedule.training_window_weeks} weeks)")
        if schedule.calibration_weeks:
            begins = [max(calibration_window(anchor, schedule)[0], schedule.first_week) for anchor in anchors]
            words = f"scores become probabilities ({schedule.calibration_weeks} weeks)"
            bars(begins, after, 0.1, 0.2, ORANGE, words)
        for at, weeks in enumerate(durations):
            ends = [week + WEEK * weeks for week in after]
            inset = 0.25 * at / len(durations)
            colour = (GREEN, RED, GREY)[at % 3]
            bars(after, ends, -0.3 + inset, 0.6 - 2 * inset, colour, f"is judged on ({weeks} weeks)")
        axes.set_yticks(range(len(anchors)), [f"fit of {anchor}" for anchor in anchors])
        axes.set_ylim(len(anchors) - 0.4, -0.6)
        _time(axes)
        axes.figure.legend(frameon=False, loc="outside lower center", ncols=2)  # type: ignore[call-arg]

    return _png(9, 1.8 + 0.35 * max(len(anchors), 2), draw)


def metrics_over_time(evaluations: pd.DataFrame, metrics: Mapping[str, str], title: str) -> bytes:
    """Draw metrics by model group over the newest test periods, with intervals: a line of panels each, a column per
    label.

    Args:
        evaluations: rows of EVALUATIONS of one subset, score and length of period: one per week, label and group.
        metrics: their columns, and how each is called.
    """
    rows = evaluations.sort_values(["model_group", "week"], ignore_index=True)
    rows = rows.loc[rows["week"].isin(sorted(rows["week"].unique())[-PERIODS:])]
    labels, groups = sorted(rows["label"].unique()), sorted(rows["model_group"].unique())

    def draw(figure: Figure, panels: _Grid) -> None:
        figure.suptitle(title)
        for line, (metric, words) in zip(panels, metrics.items(), strict=True):
            line[0].set_ylabel(words)
            for axes, label in zip(line, labels or [""], strict=True):
                known = rows.loc[(rows["label"] == label) & rows[metric].notna()]
                if len(known):
                    _over_time(axes, known, metric, groups)
                else:
                    _nothing(axes, "no evaluations")
        for axes, label in zip(panels[0], labels, strict=False):
            axes.set_title(label)
        for axes in panels[-1]:
            axes.set_xlabel("last week of the test period")
        _legend(figure)

    columns = max(1, len(labels))
    return _panels(2 + 5 * columns, 1 + 2.6 * len(metrics), len(metrics), columns, draw)


def _over_time(axes: Axes, rows: pd.DataFrame, metric: str, groups: Sequence[str]) -> None:
    """Draw one metric of one label; the groups stand side by side within a period, so that intervals can be told
    apart."""
    periods = _dates(rows["week"].drop_duplicates().sort_values())
    apart = float(np.diff(periods).astype(float).min()) if len(periods) > 1 else 7.0
    for at, group in enumerate(groups):
        of_group = rows.loc[rows["model_group"] == group]
        days = _dates(of_group["week"]).astype(float) + 0.5 * apart * ((at + 0.5) / len(groups) - 0.5)
        value, colour = _numbers(of_group[metric]), _LINES[at % len(_LINES)]
        axes.plot(days, value, color=colour, marker=".", linewidth=1.2, label=group)
        low, high = _numbers(of_group[f"{metric}_low"]), _numbers(of_group[f"{metric}_high"])
        axes.vlines(days, low, high, color=colour, alpha=0.35, linewidth=1)
    _time(axes)


def _legend(figure: Figure) -> None:
    """Draw one legend for all panels."""
    named: dict[str, Artist] = {}
    for axes in figure.axes:
        for handle, name in zip(*axes.get_legend_handles_labels(), strict=True):
            named.setdefault(name, handle)
    if named:
        # As many columns as fit: a letter takes about 0.08 inches, a line and its margins 0.7.
        fit = int(figure.get_figwidth() / (0.7 + 0.08 * max(map(len, named))))
        columns = -(-len(named) // -(-len(named) // max(1, fit)))  # as even as can be
        figure.legend(list(named.values()), list(named), frameon=False, loc="outside lower center", ncols=columns)


_BOUNDS = ("predicted", "observed_high")


def reliability_curves(calibrations: Mapping[str, Mapping[str, pd.DataFrame]], title: str) -> bytes:
    """Draw observed over predicted shares, a panel per label.

    Args:
        calibrations: by label and model group, from ``metrics.calibration``.
    """
    groups = sorted({group for of_label in calibrations.values() for group in of_label})

    def draw(figure: Figure, panels: _Grid) -> None:
        figure.suptitle(title)
        for axes, (label, of_label) in zip(panels[0], sorted(calibrations.items()) or [("", {})], strict=True):
            axes.set_title(label)
            axes.set_xlabel("predicted (mean score of the bin)")
            axes.set_ylabel("observed (share of the bin)")
            known = {group: table for group, table in of_label.items() if len(table)}
            if not known:
                _nothing(axes, "no rows")
                continue
            right, top = (1.05 * max(float(of[name].max()) for of in known.values()) for name in _BOUNDS)
            axes.plot(
                [0, max(right, top)], [0, max(right, top)], color=GREY, linestyle="--", label="perfect calibration"
            )
            for group, table in sorted(known.items()):
                colour = _LINES[groups.index(group) % len(_LINES)]
                predicted, observed = _numbers(table["predicted"]), _numbers(table["observed"])
                axes.plot(predicted, observed, color=colour, marker="o", markersize=4, linewidth=1, label=group)
                low, high = _numbers(table["observed_low"]), _numbers(table["observed_high"])
                axes.vlines(predicted, low, high, color=colour, alpha=0.35, linewidth=1)
            axes.set_xlim(0, right)
            axes.set_ylim(0, max(right, top))
        _legend(figure)

    columns = max(1, len(calibrations))
    return _panels(5 * columns, 5.8, 1, columns, draw)


def regret_by_rule(auditions: pd.DataFrame, title: str) -> bytes:
    """Draw the mean regret of each rule of choice up to each period, a panel per label.

    Args:
        auditions: rows of AUDITIONS of one score and length of period.
    """
    rows = auditions.sort_values(["label", "rule", "week"], ignore_index=True)
    labels, rules = sorted(rows["label"].unique()), sorted(rows["rule"].unique())

    def draw(figure: Figure, panels: _Grid) -> None:
        figure.suptitle(title)
        panels[0][0].set_ylabel("regret, mean of the periods so far")
        for axes, label in zip(panels[0], labels or [""], strict=True):
            axes.set_title(label)
            axes.set_xlabel("last week of the test period")
            of_label = rows.loc[rows["label"] == label]
            if not len(of_label):
                _nothing(axes, "fewer than two test periods")
                continue
            for rule, of_rule in of_label.groupby("rule"):
                regret = _numbers(of_rule["regret"])
                at = rules.index(rule)
                # Rules that choose alike lie upon each other: each is thinner than the one below it.
                axes.plot(
                    _dates(of_rule["week"]),  # type: ignore[arg-type]
                    np.cumsum(regret) / np.arange(1, len(regret) + 1),
                    color=_LINES[at % len(_LINES)],
                    linestyle="--" if rule == "random" else "-",
                    linewidth=1 + 3 * (1 - at / len(rules)),
                    label=str(rule),
                )
            axes.set_ylim(bottom=0)
            _time(axes)
        _legend(figure)

    columns = max(1, len(labels))
    return _panels(2 + 5 * columns, 5, 1, columns, draw)


def _dates(column: Sequence[date] | pd.Series) -> np.ndarray:
    return np.array(list(column), dtype="datetime64[D]")


def _numbers(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=float, na_value=np.nan)
