"""What is no longer kept: old runs of Dagster with their events, and old lists."""

from dataclasses import dataclass
from datetime import date, datetime, timedelta

import dagster as dg

from food_inspections_dagster.catalog import FIXED, PUBLISHED_LIST, SCORES, Table
from food_inspections_dagster.orchestration.planner import assets_of_lists
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.ledger import Ledger, Snapshot
from food_inspections_dagster.resources.publications import Publications
from food_inspections_dagster.settings import Retention
from food_inspections_dagster.weeks import WEEK

_ENDED = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]


@dataclass(frozen=True)
class Outdated:
    """What may go: ids of runs, and weeks of lists."""

    runs: tuple[str, ...]
    lists: tuple[date, ...]

    def __str__(self) -> str:
        """Say it in words."""
        lists = f", of {self.lists[0]} to {self.lists[-1]}" if self.lists else ""
        return f"{len(self.runs):,} runs with their events, and {len(self.lists):,} lists{lists}"


def outdated(
    keep: Retention, instance: dg.DagsterInstance, ledger: Ledger, publications: Publications, now: datetime
) -> Outdated:
    """Return what is older than it is kept.

    A run that made what is stored of some week stays: Dagster knows of the week by its events.
    """
    snapshot = ledger.snapshot()
    runs: list[str] = []
    if keep.run_days is not None:
        old = dg.RunsFilter(statuses=_ENDED, created_before=now - timedelta(days=keep.run_days))
        newest = {load.run_id for weeks in snapshot.loads.values() for load in weeks.values()}
        runs = [run_id for run_id in instance.get_run_ids(old) if run_id not in newest]
    return Outdated(tuple(runs), _lists(keep, snapshot, publications))


def _lists(keep: Retention, snapshot: Snapshot, publications: Publications) -> tuple[date, ...]:
    made = {*snapshot.loads.get(SCORES.asset, {}), *publications.weeks()}
    if keep.list_weeks is None or not made:
        return ()
    first_kept = max(made) - (keep.list_weeks - 1) * WEEK
    return tuple(sorted(week for week in made - publications.shown_by_hand() if week < first_kept))


def prune(graph: Graph, old: Outdated, instance: dg.DagsterInstance, publications: Publications) -> None:
    """Remove it: the lists in one transaction, the runs one after the other."""
    if old.lists:
        entries = [FIXED[asset] for asset in sorted(assets_of_lists(graph)) if asset in FIXED]
        publications.remove(PUBLISHED_LIST, old.lists, [entry for entry in entries if isinstance(entry, Table)])
    for run_id in old.runs:
        instance.delete_run(run_id)
