"""Follows the portal: asks what changed, and requests exactly those weeks.

Published rows are edited for months and now and then deleted. A tick asks for the dataset's update time (one
small request); only when that has moved, or a week has ended, does it ask which weeks hold rows changed since the
cursor, and which weeks now have another number of rows than we stored (a deleted row changes nothing but the count).

Changed weeks before the newest are repaired first, up to their features. The list of the newest complete week
depends on them, so it is made again, but only when the repairs have ended. The newest is the newest that the portal
has rows of: one that stands still, or a simulated city that ended, gets no list for a week that nobody knows.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field, replace
from datetime import date, datetime

import dagster as dg

from food_inspections_dagster.defs.automation.schedules import weekly_job
from food_inspections_dagster.orchestration.partitions import WEEKLY, range_tags
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.weeks import CHICAGO, WEEK, last_complete_week

_STORED = """
    select week, count(*) as rows, max(row_updated_at) as updated_at from (
        select week, row_updated_at from clean.inspections
        union all select week, "row"::json ->> ':updated_at' from clean.rejected_inspections
    ) as portal_rows group by week
"""

repair_job = dg.define_asset_job(
    "repair_weeks",
    selection=dg.AssetSelection.groups("ingestion", "cleaning", "features"),
    partitions_def=WEEKLY,
    description="Load weeks again whose rows were corrected on the portal, up to their features.",
)
rescore_job = dg.define_asset_job(
    "rescore_week",
    selection=dg.AssetSelection.all() - dg.AssetSelection.groups("ingestion", "cleaning"),
    partitions_def=WEEKLY,
    description="Make the list of a week again after weeks before it were repaired.",
)


@dataclass(frozen=True)
class Cursor:
    """What the sensor remembers: portal times, the week that had ended when it last looked, and the list that
    waits for repairs to end."""

    rows_updated_at: int = 0
    ended_week: str = ""
    row_cursor: str = ""
    awaiting: list[str] = field(default_factory=list)
    score_week: str = ""
    score_job: str = ""

    @classmethod
    def read(cls, text: str | None) -> "Cursor":
        return cls(**json.loads(text)) if text else cls()

    def write(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


@dataclass(frozen=True)
class Update:
    """Weeks to load again before the newest one, and whether the newest has to be loaded itself."""

    repairs: tuple[tuple[date, date], ...]
    newest: date
    load_newest: bool

    @property
    def is_empty(self) -> bool:
        return not self.repairs and not self.load_newest


def plan_update(
    changed: Iterable[date], portal_rows: Mapping[date, int], stored_rows: Mapping[date, int], newest: date
) -> Update:
    """Decide which weeks to load again.

    Args:
        changed: weeks that hold rows changed since the cursor.
        portal_rows: rows per week on the portal now.
        stored_rows: rows per week that we hold, at least one week; what lies before the first of them was left out
            when the history was loaded, and stays out.
        newest: the newest complete week; later ones wait until they have ended.
    """
    differing = {week for week, rows in portal_rows.items() if rows != stored_rows.get(week, 0)}
    emptied = {week for week in stored_rows if week not in portal_rows}
    oldest = min(stored_rows)
    weeks = sorted(week for week in {*changed, *differing, *emptied} if oldest <= week <= newest)
    ranges: list[tuple[date, date]] = []
    for week in weeks:
        if week == newest:
            continue
        if ranges and week - ranges[-1][1] == WEEK:
            ranges[-1] = (ranges[-1][0], week)
        else:
            ranges.append((week, week))
    return Update(tuple(ranges), newest, newest in weeks)


@dg.sensor(
    jobs=[repair_job, rescore_job, weekly_job],
    minimum_interval_seconds=900,
    description="Requests the weeks whose rows changed on the portal, then the list that depends on them.",
)
def portal_updates(
    context: dg.SensorEvaluationContext, portal: PortalClient, database: Database
) -> dg.SensorResult | dg.SkipReason:
    cursor = Cursor.read(context.cursor)
    if cursor.awaiting:
        return _score_after_repairs(context, cursor)

    rows_updated_at = int(portal.updated_at().timestamp())
    ended = last_complete_week(datetime.now(CHICAGO))
    if (rows_updated_at, ended.isoformat()) == (cursor.rows_updated_at, cursor.ended_week):
        return dg.SkipReason("Neither has the portal changed since the last look, nor has a week ended.")
    stored = database.query(_STORED) if database.has_table("clean.rejected_inspections") else None
    if stored is None or stored.empty:
        return dg.SkipReason("Nothing is loaded yet: load the history once with `make run` or a backfill.")
    stored_rows = dict(zip(stored["week"], stored["rows"], strict=True))

    row_cursor = cursor.row_cursor or stored["updated_at"].max()
    # For deletion: the sensor compares states with what is stored, without a cursor.
    states = portal.week_states(min(stored_rows), ended)
    changes = {week: state for week, state in states.items() if state.newest > row_cursor}
    portal_rows = {week: state.rows for week, state in states.items()}
    newest = max((week for week, rows in portal_rows.items() if rows), default=max(stored_rows))
    update = plan_update(changes, portal_rows, stored_rows, newest)
    latest = max([row_cursor, *(change.newest for change in changes.values())])
    cursor = Cursor(rows_updated_at, ended.isoformat(), latest)
    if update.is_empty:
        context.update_cursor(cursor.write())
        return dg.SkipReason("No complete week of those that are loaded differs from the portal's.")

    stamp = str(rows_updated_at)
    requests = [
        dg.RunRequest(
            run_key=f"repair {first} {last} {stamp}", job_name=repair_job.name, tags=range_tags([first, last])
        )
        for first, last in update.repairs
    ]
    score = dg.RunRequest(
        run_key=f"score {newest} {stamp}",
        job_name=weekly_job.name if update.load_newest else rescore_job.name,
        partition_key=newest.isoformat(),
    )
    if not requests:
        return dg.SensorResult(run_requests=[score], cursor=cursor.write())
    waiting = replace(
        cursor,
        awaiting=[str(request.run_key) for request in requests],
        score_week=newest.isoformat(),
        score_job=str(score.job_name),
    )
    return dg.SensorResult(run_requests=requests, cursor=waiting.write())


def _score_after_repairs(context: dg.SensorEvaluationContext, cursor: Cursor) -> dg.SensorResult | dg.SkipReason:
    runs = [
        run
        for key in cursor.awaiting
        for run in context.instance.get_runs(dg.RunsFilter(tags={"dagster/run_key": key}), limit=1)
    ]
    if len(runs) < len(cursor.awaiting) or not all(run.is_finished for run in runs):
        return dg.SkipReason(f"Waiting for the repairs before the list of {cursor.score_week} is made again.")
    done = replace(cursor, awaiting=[], score_week="", score_job="")
    failed = [run.run_id for run in runs if not run.is_success]
    if failed:
        context.update_cursor(done.write())
        return dg.SkipReason(
            f"Repair {', '.join(failed)} failed, so the list of {cursor.score_week} was not made again: "
            f"re-execute the run, then launch job {cursor.score_job} for that week."
        )
    request = dg.RunRequest(
        run_key=f"score {cursor.score_week} {cursor.rows_updated_at}",
        job_name=cursor.score_job,
        partition_key=cursor.score_week,
    )
    return dg.SensorResult(run_requests=[request], cursor=done.write())
