"""What a person reads at the end, on one screen: the stages, the models, the verdict on bias, the list."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
from rich.console import Console
from rich.markup import escape
from rich.table import Table

from food_inspections_dagster.catalog import (
    BIAS_VERDICTS,
    CLEAN_SOURCES,
    LIST_EFFECTS,
    RAW_SOURCES,
    REMEDY_PRICES,
    SELECTED_MODEL,
)
from food_inspections_dagster.modeling.fairness import summary
from food_inspections_dagster.modeling.fairness.waiting import spread
from food_inspections_dagster.orchestration.current import Cause, Currency
from food_inspections_dagster.orchestration.planner import Targets, stale
from food_inspections_dagster.orchestration.rules import names
from food_inspections_dagster.orchestration.runs import Report
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.ledger import Snapshot
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.weeks import WEEK

LIST_LENGTH = 10
# So that the report fits a screen: what is longer stands in the tables and in Dagster's UI.
GROUPS_NAMED, NAMES_LENGTH = 2, 44
# Sources beside the inspections are one row, raw and clean.
_OF_SOURCES = {entry.asset for of in (RAW_SOURCES, CLEAN_SOURCES) for entry in of.values()}
# Models are audited when they are fitted; the lists until the next fit rest on them.
_VERDICTS = """
    select * from {bias_verdicts} where label = %(label)s
        and week = (select max(week) from {bias_verdicts} where label = %(label)s and week <= %(week)s)
"""
_EFFECTS = """
    select * from {list_effects} where label = %(label)s
        and week = (select max(week) from {list_effects} where label = %(label)s and week <= %(week)s)
"""
# One remedy stands for all on a screen: the others are in the table.
_PRICES = """
    select sentence from {remedy_prices}
    where week = %(week)s and label = %(label)s and kind = 'quota' and basis = 'cohort'
"""
_NOTES = "select zip, sentence from {area_notes} where week = %(week)s and label = %(label)s"
_LIST = """
    select rank, own_risk_rank, expected_find, own_risk, dba_name, address, zip, facility_type, last_result,
        last_inspection_date, reason_1, reason_2, reason_3
    from {scores} where week = %(week)s and label = %(label)s and rank <= %(length)s order by rank
"""
# Of warnings, one each; the rest is counted. Ten places, the models and the verdicts need the other lines of a screen.
_WARNINGS = 2
_WHAT = {"failed": "fails", "critical_violation": "finds a critical violation"}


def print_stages(console: Console, graph: Graph, snapshot: Snapshot, targets: Targets, done: Report) -> None:
    """Print weeks and rows that each stage holds, and the seconds that this run spent on it."""
    seconds: defaultdict[str, float] = defaultdict(float)
    for spent in done.stages:
        seconds[spent.stage] += spent.seconds
    table = _table("stage", "weeks", "rows", "seconds")

    def add(title: str, assets: Sequence[str], taken: float) -> None:
        loads = [snapshot.loads.get(asset, {}) for asset in assets]
        rows = sum(load.rows for by_week in loads for load in by_week.values())
        weeks = max(len(by_week) for by_week in loads)
        table.add_row(title, f"{weeks:,}", f"{rows:,}", f"{taken:.1f}" if taken else "")

    sources = [asset for asset in sorted(_OF_SOURCES) if asset in targets]
    if sources:
        taken = sum(seconds[stage.name] for stage in graph.stages if _OF_SOURCES & {*stage.outputs})
        add(f"sources, raw and clean ({len(sources)} assets)", sources, taken)
    for stage in graph.stages:
        # What one step makes together is one row.
        made = [asset for asset in stage.outputs if asset in targets and asset not in _OF_SOURCES]
        if made:
            together = ", ".join(made)
            title = together if len(together) <= NAMES_LENGTH else f"{made[0]} and {len(made) - 1} more"
            add(title, made, seconds[stage.name])
    checks = sum(value for step, value in seconds.items() if step.endswith("_checks"))
    table.add_row("checks of what was stored", "", "", f"{checks:.1f}" if checks else "")
    console.print()
    console.print(table)


def print_status(console: Console, graph: Graph, currency: Currency, targets: Targets) -> None:
    """Print per asset how many weeks are current, and of the others the reasons with the weeks."""
    table = _table("stage", "current", "not current", "why")
    table.columns[-1].justify = "left"
    anything = False
    for unit, reasons in stale(currency, targets).items():
        anything = anything or bool(reasons)
        for asset in unit:
            weeks = targets.get(asset, ())
            why = []
            for cause in Cause:
                of_cause = sorted(week for week, reason in reasons.items() if reason.cause is cause)
                if of_cause:
                    first = reasons[of_cause[0]]
                    detail = f" ({first.detail})" if first.detail else ""
                    why.append(f"{cause}{detail}: {names(of_cause, 2)}")
            total = len(reasons)
            waits = len(currency.waiting[asset] & (set(weeks) - set(reasons)))
            if waits:
                why.append(f"{waits:,} more if what they read comes out different")
            table.add_row(asset, f"{len(weeks) - total:,}", f"{total:,}" if total else "", escape("; ".join(why)))
    if not targets:
        console.print("Nothing is loaded yet: make run loads the history.")
        return
    console.print(table)
    console.print("make run makes what is not current." if anything else "Every stage is current.")


def print_warnings(console: Console, warnings: Sequence[str]) -> None:
    """Print what is to be known before the list is used, such as checks that failed and do not block: a line each.

    At most two lines are of warnings, so that the report fits a screen.
    """
    for warning in warnings[:_WARNINGS]:
        _line(console, f"[yellow]Warning:[/yellow] {escape(warning)}")
    more = len(warnings) - _WARNINGS
    if more > 0:
        console.print(f"{more} more warning{'s' if more > 1 else ''}; all in full: the checks in the UI.")
    elif any(len(f"Warning: {warning}") > console.width for warning in warnings):
        console.print("In full: the checks in the UI.")


def print_monday(console: Console, stored: Stored, week: date, label: str) -> None:
    """Print the decisions, the verdict and the list of a week for a label."""
    decisions = stored.documents(SELECTED_MODEL, [week])[week]["labels"]
    decision = decisions.get(label, {"selected": None, "reasons": ["No model has scored anything yet."]})
    _print_decision(console, label, decision)
    for other, of_other in decisions.items():
        if other != label and of_other["selected"]:
            auc = next(c for c in of_other["candidates"] if c["group"] == of_other["selected"])["metrics"]["roc_auc"]
            console.print(f"{other}: {of_other['selected']} is in use, AUC {_value('roc_auc', auc)}.")
    _print_bias(console, stored, week, label)
    _print_list(console, stored, decision, week, label)


def _print_decision(console: Console, label: str, decision: Mapping[str, Any]) -> None:
    console.print()
    if decision["selected"] is None:
        console.print(f"No model could be selected for {label}. " + escape(" ".join(decision["reasons"])))
        return
    columns = {
        "roc_auc": "AUC, 95% interval",
        "precision_at_k": "precision@k",
        "recall_at_k": "recall@k",
        "mean_days_earlier": "days earlier",
        "first_half_share": "first half",
        "brier": "Brier",
    }
    table = _table("model", *columns.values())
    for candidate in decision["candidates"]:
        values = [_value(name, candidate["metrics"].get(name)) for name in columns]
        chosen = candidate["group"] == decision["selected"]
        table.add_row(candidate["group"] + (" (selected)" if chosen else ""), *values, style="bold" if chosen else "")
    console.print(table)
    share = decision["rule"]["capacity_share"]
    console.print(
        f"{label}: {decision['rows']:,} visits out of sample; k: {share:.0%} of a week; why: "
        f"{SELECTED_MODEL.path(decision['week'])}"
    )


def _value(name: str, estimate: Mapping[str, float | None] | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "-"
    value, low, high = estimate["value"], estimate["low"], estimate["high"]
    if name == "roc_auc":
        return f"{value:.3f}" + (f" ({low:.3f} to {high:.3f})" if low is not None and high is not None else "")
    return f"{value:.1f}" if name == "mean_days_earlier" else f"{value:.3f}"


def _print_bias(console: Console, stored: Stored, week: date, label: str) -> None:
    verdicts = stored.query(_VERDICTS, {"week": week, "label": label})
    sentences = list(summary(verdicts, verdicts["week"].max(), GROUPS_NAMED).values()) if len(verdicts) else []
    tables = f" In full: tables {BIAS_VERDICTS}, {LIST_EFFECTS}, {REMEDY_PRICES}." if sentences else ""
    console.print(f"\n[bold]Is the list fair?[/bold]{tables}")
    for sentence in sentences:
        _line(console, f"- {escape(sentence)}")
    effects = stored.query(_EFFECTS, {"week": week, "label": label})
    if len(effects):
        waits = spread(effects, effects["week"].iloc[0], "side")
        if waits is not None:
            _line(console, f"- {escape(waits.sentence)}")
    for price in stored.query(_PRICES, {"week": week, "label": label})["sentence"]:
        _line(console, f"- {escape(price)}")
    if not sentences:
        console.print(escape(" ".join(verdicts["sentence"])))


def _print_list(console: Console, stored: Stored, decision: Mapping[str, Any], week: date, label: str) -> None:
    if decision["selected"] is None:
        console.print(f"\nThere is no list for the week of {week + WEEK}, because no model was selected.")
        return
    rows = stored.query(_LIST, {"week": week, "label": label, "length": LIST_LENGTH})
    console.print(
        f"\n[bold]Inspect first in the week of {week + WEEK}[/bold] (probability that a visit {_WHAT[label]}, and the "
        f"place's own risk; {decision['selected']})"
    )
    for row in rows.itertuples():
        where = ", ".join(str(part) for part in (row.address, row.zip) if not pd.isna(part))
        _line(
            console,
            f"{row.rank:>3}. [bold]{escape(_name(row.dba_name))}[/bold], {escape(where)} "
            f"({escape(str(row.facility_type))}): {row.expected_find:.0%}, own {row.own_risk:.0%}; {_last(row)}",
        )
        reasons = [str(reason) for reason in (row.reason_1, row.reason_2, row.reason_3) if not pd.isna(reason)]
        if reasons:
            # A line each, so that the report fits a screen; the table has them in full.
            _line(console, f"     [dim]{escape('; '.join(reasons))}[/dim]")
    notes = stored.query(_NOTES, {"week": week, "label": label}).set_index("zip")["sentence"]
    areas = [notes[code] for code in dict.fromkeys(rows["zip"].dropna()) if code in notes.index]
    if areas:
        _line(console, f"Around them: {escape('; '.join(areas))}")


def _line(console: Console, words: str) -> None:
    """Print one line, cut where the screen ends."""
    console.print(words, no_wrap=True, overflow="ellipsis")


def _last(row: Any) -> str:
    if pd.isna(row.last_result):
        return "never visited"
    return f"last: {escape(str(row.last_result))} on {row.last_inspection_date}"


def _name(name: Any) -> str:
    return "(no name)" if pd.isna(name) else str(name)


def _table(first: str, *numbers: str) -> Table:
    table = Table(first, box=None, pad_edge=False)
    for name in numbers:
        table.add_column(name, justify="right")
    return table
