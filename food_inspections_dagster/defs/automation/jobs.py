"""The job of the UI that makes whatever is not current, and the job over all assets that backfills use."""

from collections.abc import Callable
from datetime import UTC, datetime

import dagster as dg

from food_inspections_dagster.orchestration import planner, retention
from food_inspections_dagster.orchestration.partitions import WEEKLY
from food_inspections_dagster.orchestration.requests import run_queue
from food_inspections_dagster.orchestration.runs import WEEKLY_JOB
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.resources.publications import Publications
from food_inspections_dagster.resources.run_launcher import PLANNER_TAG
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.tracking import projection as tracking
from food_inspections_dagster.tracking.check import tell

UP_TO_DATE = "bring_up_to_date"
# Two at once would make the same weeks twice: dagster.yaml lets one run with this tag go at a time.
ALONE = {"food_inspections/alone": "yes"}
Clock = Callable[[], datetime]
"""Gives the present moment, with its zone."""


def now() -> datetime:
    """Return the present moment."""
    return datetime.now(UTC)


weekly_job = dg.define_asset_job(
    WEEKLY_JOB,
    selection=dg.AssetSelection.all(),
    partitions_def=WEEKLY,
    description="The whole graph, for one week or any range of weeks.",
)


def bring_up_to_date_job(
    settings: Settings, graph: Graph, stages: dg.Definitions, clock: Clock = now
) -> dg.JobDefinition:
    """Return the job whose one step runs the planner; the runs that it makes stand beside it in the UI."""

    @dg.op(out=dg.Out(dg.Nothing), description="Make every week of every stage that is not current, upstream first.")
    def plan_and_make(context: dg.OpExecutionContext, portal: PortalClient, ledger: dg.ResourceParam[Ledger]) -> None:
        snapshot = ledger.snapshot()
        weeks = planner.kept_weeks(portal, snapshot, clock())
        targets = planner.targets(graph, snapshot, weeks, settings.scores.run_weeks)
        report = planner.bring_up_to_date(
            graph,
            stages,
            context.instance,
            ledger,
            portal,
            targets,
            announce=context.log.info,
            queue=run_queue(settings, graph, stages, context.instance, ledger, context.run),
        )
        for warning in report.warnings:
            context.log.warning(warning)
        context.log.info(f"{len(report.run_ids)} runs made; every week is current now.")

    @dg.op(ins={"made": dg.In(dg.Nothing)}, description="Send what was made to MLflow; the list is there already.")
    def track(
        context: dg.OpExecutionContext, stored: dg.ResourceParam[Stored], ledger: dg.ResourceParam[Ledger]
    ) -> None:
        outcome = tracking.bring_up_to_date(settings, stored, ledger, settings.tracking.run_seconds)
        if outcome is not None:
            tell(context.instance, outcome)
            (context.log.warning if outcome.problem else context.log.info)(outcome.sentence)

    @dg.job(
        name=UP_TO_DATE,
        tags={**ALONE, PLANNER_TAG: "yes"},
        executor_def=dg.in_process_executor,
        description="Bring up to date: make every week that is missing, or whose code, settings or input have changed.",
    )
    def bring_up_to_date() -> None:
        made = plan_and_make()
        if settings.tracking.uri.get_secret_value():
            track(made)

    return bring_up_to_date


def prune_job(settings: Settings, graph: Graph, clock: Clock = now) -> dg.JobDefinition:
    """Return the job that removes what is older than `retention` keeps it."""

    @dg.op(out=dg.Out(dg.Nothing), description="Remove old runs with their events, and old lists.")
    def remove_outdated(context: dg.OpExecutionContext, ledger: dg.ResourceParam[Ledger]) -> None:
        publications = Publications(ledger.database)
        old = retention.outdated(settings.retention, context.instance, ledger, publications, clock())
        retention.prune(graph, old, context.instance, publications)
        context.log.info(f"Removed: {old}.")

    @dg.job(
        name="prune",
        tags=ALONE,  # a list that is just being made is no old one, but what makes it reads the ledger
        executor_def=dg.in_process_executor,
        description="Remove what is older than the section `retention` of the settings keeps it.",
    )
    def prune() -> None:
        remove_outdated()

    return prune
