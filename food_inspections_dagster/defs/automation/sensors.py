"""Follows the portal: where it holds other rows than were loaded, everything that rests on them is made again.

Published rows are edited for months and now and then deleted. A tick asks for the data set's update time (one small
request); only when that has moved, a week has ended, or the ledger has changed since, does it compare every week with
the portal. It keeps no list of repairs: what is not current is seen at the next tick, whatever became of a run.
"""

import json
from collections import Counter
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta

import dagster as dg

from food_inspections_dagster.catalog import RAW_INSPECTIONS
from food_inspections_dagster.defs.automation.jobs import Clock, now
from food_inspections_dagster.digests import digest
from food_inspections_dagster.orchestration import planner
from food_inspections_dagster.orchestration.current import Currency
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import CHICAGO, last_complete_week

PLAN_TAG = "food_inspections/plan"
# The update time has whole seconds: an edit within the second of a look would not move it.
SETTLED_AFTER = timedelta(seconds=60)
# A run whose process died with the machine stays unfinished for ever, and must not block for ever.
DEAD_AFTER = timedelta(hours=24)
FIRST_PAUSE, LONGEST_PAUSE = timedelta(minutes=15), timedelta(hours=24)


@dataclass(frozen=True)
class Look:
    """What a tick saw when everything was current: the portal's update time, the week that had ended, the mark of
    the ledger, and the code and settings of the graph."""

    rows_updated_at: int
    ended_week: str
    ledger: str
    versions: str

    def write(self) -> str:
        """Return it as the sensor's cursor."""
        return json.dumps(asdict(self), sort_keys=True)


def pause_after(failures: int) -> timedelta:
    """Return how long to wait after so many failures in a row: 15 minutes, doubled each time, a day at most."""
    return min(FIRST_PAUSE * 2 ** (failures - 1), LONGEST_PAUSE)


def portal_updates(settings: Settings, graph: Graph, job: dg.JobDefinition, clock: Clock = now) -> dg.SensorDefinition:
    """Return the sensor that requests the job where a week is not current."""
    versions = digest(
        [[stage.code_version, {a: o.settings_digest for a, o in stage.outputs.items()}] for stage in graph.stages]
    )

    @dg.sensor(
        name="portal_updates",
        job=job,
        minimum_interval_seconds=300,
        description="Makes every week again that rests on rows which changed on the portal, up to the list.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, portal: PortalClient, ledger: dg.ResourceParam[Ledger]
    ) -> dg.RunRequest | dg.SkipReason:
        recent = dg.RunsFilter(job_name=job.name, statuses=_UNFINISHED, created_after=clock() - DEAD_AFTER)
        unfinished = context.instance.get_runs(recent, limit=1)
        if unfinished:
            return dg.SkipReason(f"Run {unfinished[0].run_id} is making what is not current.")
        updated_at = portal.updated_at()
        ended = last_complete_week(clock())
        look = Look(int(updated_at.timestamp()), ended.isoformat(), ledger.mark(), versions)
        if look.write() == context.cursor:
            return dg.SkipReason("Neither has the portal changed since the last look, nor has a week ended.")
        snapshot = ledger.snapshot()
        if not snapshot.loads.get(RAW_INSPECTIONS.asset):
            return dg.SkipReason("Nothing is loaded yet: load the history once with `make run` or a backfill.")
        weeks = planner.kept_weeks(portal, snapshot, clock())
        targets = planner.targets(graph, snapshot, weeks, settings.scores.run_weeks)
        states = planner.source_states(graph, portal, weeks[0], weeks[-1])
        reasons = {
            unit: of_unit
            for unit, of_unit in planner.stale(Currency(graph, snapshot, states), targets).items()
            if of_unit
        }
        if not reasons:
            if clock() - updated_at > SETTLED_AFTER:
                context.update_cursor(look.write())
            return dg.SkipReason("Every week that is loaded is current.")
        plan = digest([[list(unit), {str(w): str(r) for w, r in of_unit.items()}] for unit, of_unit in reasons.items()])
        waiting = _pause(context.instance, job.name, plan, clock())
        if waiting:
            return dg.SkipReason(waiting)
        counts = Counter(str(reason.cause) for of_unit in reasons.values() for reason in of_unit.values())
        words = ", ".join(f"{count} weeks: {cause}" for cause, count in sorted(counts.items()))
        return dg.RunRequest(tags={PLAN_TAG: plan, "food_inspections/reasons": words})

    return sensor


_UNFINISHED = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


def _pause(instance: dg.DagsterInstance, job: str, plan: str, moment: datetime) -> str:
    """Return why the same plan is not tried again yet, or nothing."""
    records = instance.get_run_records(dg.RunsFilter(job_name=job, tags={PLAN_TAG: plan}), limit=20)
    failures = 0
    for record in records:  # newest first
        if record.dagster_run.is_success:
            break
        failures += 1
    if not failures:
        return ""
    newest = records[0]
    ended = datetime.fromtimestamp(newest.end_time or newest.create_timestamp.timestamp(), UTC)
    again = ended + pause_after(failures)
    if moment >= again:
        return ""
    return (
        f"Run {newest.dagster_run.run_id} failed ({failures} times in a row): it is tried again after "
        f"{again.astimezone(CHICAGO):%Y-%m-%d %H:%M}; what failed stands in its log."
    )
