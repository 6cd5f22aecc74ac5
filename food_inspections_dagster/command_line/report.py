"""What a person reads at the end: rows and seconds per stage, the decision, the verdict on bias, the list."""

from collections.abc import Callable, Iterable, Mapping
from datetime import date
from typing import Any

import dagster as dg
import orjson
import pandas as pd
from rich.console import Console
from rich.table import Table

from food_inspections_dagster.orchestration.planner import Report
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import WEEK

LIST_LENGTH = 10

_ROWS = """
    select asset, sum(rows)::bigint as rows, count(*) as weeks from (
        select distinct on (asset, week) asset, week, rows from metadata.partition_loads
        order by asset, week, load_id desc
    ) as newest group by asset
"""
_OVERALL = "select sentence from monitoring.bias_verdicts where week = %(week)s and attribute = 'overall'"
_GROUPS = """
    select attribute, "group", sentence from monitoring.bias_verdicts
    where week = %(week)s and attribute <> 'overall' and verdict like 'outside bounds%%' order by group_size desc
"""
_LIST = """
    select rank, score, dba_name, address, zip, facility_type, last_result, last_inspection_date,
        reason_1, reason_2, reason_3
    from predictions.scores where week = %(week)s and rank <= %(length)s order by rank
"""


def print_stages(
    console: Console,
    instance: dg.DagsterInstance,
    database: Database,
    assets: Iterable[str],
    step_of: Callable[[str], str],
    done: Report,
) -> None:
    """Print weeks and rows that each stage holds, and the seconds that this run spent on it."""
    named: set[str] = set()
    loads = database.query(_ROWS).set_index("asset")
    seconds = {stage.stage: stage.seconds for stage in done.stages}
    table = Table("stage", box=None, pad_edge=False)
    for name in ("weeks", "rows", "seconds"):
        table.add_column(name, justify="right")
    for asset in assets:
        weeks = len(instance.get_materialized_partitions(dg.AssetKey(asset)))
        rows = f"{loads.loc[asset, 'rows']:,}" if asset in loads.index else _rows_of_events(instance, asset)
        step = next((step for step in (asset, step_of(asset)) if step in seconds), None)
        table.add_row(asset, f"{weeks:,}", rows, _spent(seconds, step, named))
    checks = sum(value for stage, value in seconds.items() if stage.endswith("_checks"))
    table.add_row("all checks", "", "", f"{checks:.1f}" if checks else "")
    console.print()
    console.print(table)


def _spent(seconds: Mapping[str, float], step: str | None, named: set[str]) -> str:
    """Say how long a step took; tables that one step makes together are timed once."""
    if step is None:
        return ""
    said = '"' if step in named else f"{seconds[step]:.1f}"
    named.add(step)
    return said


def _rows_of_events(instance: dg.DagsterInstance, asset: str) -> str:
    """Sum the row counts of an asset that lies in the object store, from its materializations."""
    newest: dict[str, int] = {}
    cursor: str | None = None
    while True:
        page = instance.fetch_materializations(dg.AssetKey(asset), limit=1_000, cursor=cursor)
        for record in page.records:
            event = record.asset_materialization
            count = event.metadata.get("dagster/row_count") if event else None
            if isinstance(count, dg.IntMetadataValue):
                newest.setdefault(str(record.partition_key), count.value or 0)
        if not page.has_more:
            return f"{sum(newest.values()):,}"
        cursor = page.cursor


def print_monday(console: Console, settings: Settings, week: date) -> None:
    """Print the decision, the verdict and the list of a week."""
    database = Database.from_settings(settings)
    objects = ObjectStore.from_settings(settings)
    decision = orjson.loads(objects.get(f"models/selected_model/week={week}/decision.json"))
    _print_decision(console, decision)
    _print_bias(console, database, week)
    _print_list(console, database, decision, week)


def _print_decision(console: Console, decision: Mapping[str, Any]) -> None:
    console.print("\n[bold]Model[/bold]")
    if decision["selected"] is None:
        console.print("No model could be selected. " + " ".join(decision["reasons"]))
        return
    table = Table("", box=None, pad_edge=False)
    columns = {
        "roc_auc": "AUC, 95% interval",
        "precision_at_k": "precision@k",
        "recall_at_k": "recall@k",
        "mean_days_earlier": "days earlier",
        "first_half_share": "first half",
        "brier": "Brier",
    }
    for title in columns.values():
        table.add_column(title, justify="right", no_wrap=True)
    for candidate in decision["candidates"]:
        said = [_said(name, candidate["metrics"].get(name)) for name in columns]
        chosen = candidate["group"] == decision["selected"]
        table.add_row(candidate["group"] + (" (selected)" if chosen else ""), *said, style="bold" if chosen else "")
    console.print(table)
    share = decision["rule"]["capacity_share"]
    console.print(
        f"k: the first {share:.0%} of a week's inspections; days earlier, first half: when failures would have been "
        "found, had the same inspections been made in the order of the score"
    )
    for reason in decision["reasons"]:
        console.print(f"- {reason}")


def _said(name: str, estimate: Mapping[str, float | None] | None) -> str:
    if estimate is None or estimate["value"] is None:
        return "-"
    if name == "roc_auc":
        return f"{estimate['value']:.3f} ({estimate['low']:.3f} to {estimate['high']:.3f})"
    return f"{estimate['value']:.1f}" if name == "mean_days_earlier" else f"{estimate['value']:.3f}"


def _print_bias(console: Console, database: Database, week: date) -> None:
    console.print("\n[bold]Is the list fair?[/bold]")
    for sentence in database.query(_OVERALL, {"week": week})["sentence"]:
        console.print(sentence)
    groups = database.query(_GROUPS, {"week": week})
    for sentence in groups["sentence"].head(3):
        console.print(f"- {sentence}")
    if len(groups) > 3:
        console.print(f"- and {len(groups) - 3} more groups, in monitoring.bias_verdicts")


def _print_list(console: Console, database: Database, decision: Mapping[str, Any], week: date) -> None:
    if decision["selected"] is None:
        console.print(f"\nThere is no list for the week of {week + WEEK}, because no model was selected.")
        return
    rows = database.query(_LIST, {"week": week, "length": LIST_LENGTH})
    console.print(
        f"\n[bold]Inspect first in the week of {week + WEEK}[/bold] (probability of a failed routine inspection, "
        f"from what was known before {week + WEEK}; model {decision['selected']} {decision['selected_model_id']})"
    )
    for row in rows.itertuples():
        where = ", ".join(str(part) for part in (row.address, row.zip) if not pd.isna(part))
        console.print(
            f"{row.rank:>3}. [bold]{row.dba_name}[/bold], {where} ({row.facility_type}): {row.score:.0%}; "
            f"last: {row.last_result} on {row.last_inspection_date}"
        )
        reasons = [str(reason) for reason in (row.reason_1, row.reason_2, row.reason_3) if not pd.isna(reason)]
        console.print(f"     because {'; '.join(reasons)}", style="dim")
