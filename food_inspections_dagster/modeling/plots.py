"""Figures for people, as PNG bytes: the same numbers give the same bytes.

Drawn on figures of their own, without pyplot: its global state is neither thread-safe nor ever freed. Aequitas'
import changes matplotlib's global style, so the defaults are set for each figure.
"""

import io
from collections.abc import Callable, Mapping, Sequence
from datetime import date

import matplotlib
import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from food_inspections_dagster.modeling.rules import AuditRule, Schedule, ValidationRule
from food_inspections_dagster.modeling.schemas import OUTSIDE, REFERENCE, TOO_SMALL, UNCERTAIN, UNDEFINED, WITHIN
from food_inspections_dagster.modeling.splits import anchor_of, training_window
from food_inspections_dagster.weeks import WEEK

BLUE, ORANGE, GREY, RED, GREEN = "#0072B2", "#E69F00", "#999999", "#D55E00", "#009E73"
#: Of lines side by side: Okabe and Ito's colours, which people with colour blindness can tell apart.
_LINES = (BLUE, ORANGE, GREEN, RED, "#56B4E9", "#CC79A7", "#000000", GREY)
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


def temporal_splits(
    last: date, schedule: Schedule, validation: ValidationRule, calibration_weeks: int = 0, fits: int = 6
) -> bytes:
    """Draw the calendar of the newest ``fits`` fits up to the week ``last``, one line each, as triage does.

    Each line shows the weeks that a fit learns from, the last ``calibration_weeks`` of them, on which scores of earlier
    models were turned into probabilities, and the test period of each length.
    """
    anchors: list[date] = []
    anchor = anchor_of(last, schedule)
    while anchor is not None and len(anchors) < fits:
        anchors.insert(0, anchor)
        anchor = anchor_of(anchor - WEEK, schedule)

    def draw(axes: Axes) -> None:
        axes.set_title("What each fit learns from, and where it is judged")
        if not anchors:
            axes.text(0.5, 0.5, "no fit yet", ha="center", va="center", transform=axes.transAxes)
            return
        for line, anchor in enumerate(anchors):
            first, _ = training_window(anchor, schedule)
            after = anchor + WEEK
            named = line == 0

            def bar(begin: date, end: date, place: float, height: float, colour: str, label: str) -> None:
                axes.barh(
                    place,
                    (end - begin).days,
                    height,
                    left=(begin - date(1970, 1, 1)).days,
                    color=colour,
                    label=label if named else None,  # noqa: B023
                )

            bar(first, after, line, 0.6, BLUE, f"learns from (up to {schedule.training_window_weeks} weeks)")
            if calibration_weeks:
                begin = max(first, after - WEEK * calibration_weeks)
                bar(begin, after, line - 0.2, 0.2, ORANGE, f"calibrates ({calibration_weeks} weeks)")
            durations = sorted(validation.test_durations, reverse=True)
            for at, weeks in enumerate(durations):
                colour = (GREEN, RED, GREY)[at % 3]
                bar(after, after + WEEK * weeks, line, 0.6 - 0.15 * at, colour, f"is judged on ({weeks} weeks)")
        axes.set_yticks(range(len(anchors)), [f"fit of {anchor}" for anchor in anchors])
        axes.invert_yaxis()
        axes.xaxis_date()
        axes.set_ylim(len(anchors) - 0.4, -0.6)
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=4)

    return _png(9, 1.8 + 0.35 * max(len(anchors), 2), draw)


def metric_over_time(evaluations: pd.DataFrame, metric: str, title: str) -> bytes:
    """Draw a metric by model group over the test periods, with intervals, from rows of EVALUATIONS.

    Give rows of one label, score, subset and length of period: one row per week and group.
    """
    rows = evaluations.loc[evaluations[metric].notna()].sort_values(["model_group", "week"], ignore_index=True)
    groups = sorted(rows["model_group"].unique())

    def draw(axes: Axes) -> None:
        axes.set_title(title)
        axes.set_ylabel(metric)
        axes.set_xlabel("last week of the test period")
        if not groups:
            axes.text(0.5, 0.5, "no evaluations", ha="center", va="center", transform=axes.transAxes)
            return
        for at, group in enumerate(groups):
            of_group = rows.loc[rows["model_group"] == group]
            weeks = _dates(of_group["week"])
            value = _numbers(of_group[metric])
            colour = _LINES[at % len(_LINES)]
            axes.plot(weeks, value, color=colour, marker=".", label=group)  # type: ignore[arg-type]
            if f"{metric}_low" in of_group:
                low, high = _numbers(of_group[f"{metric}_low"]), _numbers(of_group[f"{metric}_high"])
                axes.fill_between(weeks, low, high, color=colour, alpha=0.1, linewidth=0)  # type: ignore[arg-type]
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.15), ncols=4)

    return _png(9, 5, draw)


def reliability_curves(calibrations: Mapping[str, pd.DataFrame], title: str) -> bytes:
    """Draw observed over predicted shares of several model groups, each from ``metrics.calibration``."""
    known = {group: table for group, table in calibrations.items() if len(table)}

    def draw(axes: Axes) -> None:
        axes.set_title(title)
        axes.set_xlabel("predicted (mean score of the bin)")
        axes.set_ylabel("observed (share of the bin)")
        if not known:
            axes.text(0.5, 0.5, "no rows", ha="center", va="center", transform=axes.transAxes)
            return
        most = 1.05 * max(
            float(max(table["predicted"].max(), table["observed_high"].max())) for table in known.values()
        )
        axes.plot([0, most], [0, most], color=GREY, linestyle="--", label="perfect calibration")
        for at, (group, table) in enumerate(sorted(known.items())):
            predicted, observed, low, high = (
                _numbers(table[name]) for name in ("predicted", "observed", "observed_low", "observed_high")
            )
            colour = _LINES[at % len(_LINES)]
            axes.plot(predicted, observed, color=colour, marker="o", markersize=4, label=group)
            axes.fill_between(predicted, low, high, color=colour, alpha=0.1, linewidth=0)
        axes.set_xlim(0, most)
        axes.set_ylim(0, most)
        axes.legend(frameon=False, loc="upper left")

    return _png(6, 6, draw)


def regret_by_rule(auditions: pd.DataFrame, title: str) -> bytes:
    """Draw the mean regret of each rule of choice up to each period, from rows of AUDITIONS of one label and score.

    The legend says the mean over all periods, the best rule first.
    """
    rows = auditions.sort_values(["rule", "week"], ignore_index=True)
    regrets = {rule: rows.loc[rows["rule"] == rule] for rule in rows["rule"].unique()}
    means = sorted((float(_numbers(of["regret"]).mean()), str(rule)) for rule, of in regrets.items())

    def draw(axes: Axes) -> None:
        axes.set_title(title)
        axes.set_xlabel("last week of the test period")
        axes.set_ylabel("regret, mean of the periods so far")
        if not means:
            axes.text(0.5, 0.5, "fewer than two test periods", ha="center", va="center", transform=axes.transAxes)
            return
        for at, (mean, rule) in enumerate(means):
            regret = _numbers(regrets[rule]["regret"])
            running = np.cumsum(regret) / np.arange(1, len(regret) + 1)
            style = "--" if rule == "random" else "-"
            axes.plot(
                _dates(regrets[rule]["week"]),  # type: ignore[arg-type]
                running,
                color=_LINES[at % len(_LINES)],
                linestyle=style,
                marker=".",
                label=f"{rule} ({mean:.4f})",
            )
        axes.set_ylim(bottom=0)
        axes.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.5, -0.12), ncols=2)

    return _png(9, 5.5, draw)


def _dates(column: Sequence[date] | pd.Series) -> np.ndarray:
    return np.array(list(column), dtype="datetime64[D]")


def _numbers(column: pd.Series) -> np.ndarray:
    return column.to_numpy(dtype=float, na_value=np.nan)
