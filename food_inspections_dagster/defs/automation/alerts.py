"""Failures, warnings and stale data reach people: sensors that send what happened since they last looked.

Each keeps in its cursor, for every channel, how far it has sent; a receiver that is down holds up nobody else, and gets
what it missed at a later tick. Dagster's own ``run_failure_sensor`` goes on past a failure whose message it could not
send (1.13), so none is used.
"""

import json
from collections.abc import Callable, Collection, Sequence
from typing import Any, Final

import dagster as dg

from food_inspections_dagster.catalog import SCORES
from food_inspections_dagster.defs.automation import messages
from food_inspections_dagster.defs.automation.jobs import Clock, now
from food_inspections_dagster.defs.automation.messages import FailedCheck
from food_inspections_dagster.digests import digest
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration.runs import words_of_failure
from food_inspections_dagster.resources.alert_channels import Alert, Channel, channels
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import CHICAGO

#: Events that one tick looks at; the next goes on behind them.
_AT_ONCE = 200
_RUN_FAILURES: Final = dg.DagsterEventType.RUN_FAILURE
_CHECKS: Final = dg.DagsterEventType.ASSET_CHECK_EVALUATION
_WEEKS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end", "dagster/partition")

Pending = Callable[[int], tuple[Sequence[tuple[int, Alert]], int]]
"""From the number of the last event that was sent: alerts with that of their last event, and how far was looked."""


def alert_sensors(settings: Settings, clock: Clock = now) -> list[dg.SensorDefinition]:
    """Return the sensors for the events that the settings name; none without a channel."""
    receivers, wanted = channels(settings.alerts), set(settings.alerts.events)
    if not receivers:
        return []
    sensors = []
    if messages.RUN_FAILURE in wanted:
        sensors.append(_run_failures(settings, receivers))
    if wanted & {messages.FAILED_CHECK, messages.WARNING, messages.DRIFT_WARNING}:
        sensors.append(_failed_checks(settings, receivers, wanted))
    if messages.STALE_DATA in wanted:
        sensors.append(_stale_data(settings, receivers, clock))
    return sensors


def _run_failures(settings: Settings, receivers: Sequence[Channel]) -> dg.SensorDefinition:
    @dg.sensor(
        name="run_failure_alerts",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of each run that failed, with the sentence of the step that did.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        def pending(position: int) -> tuple[list[tuple[int, Alert]], int]:
            records = context.instance.fetch_run_status_changes(
                dg.RunStatusChangeRecordsFilter(_RUN_FAILURES, after_storage_id=position),
                limit=_AT_ONCE,
                ascending=True,
            ).records
            alerts = [(record.storage_id, _of_run(context.instance, record.run_id, settings)) for record in records]
            return alerts, max((record.storage_id for record in records), default=position)

        newest = context.instance.fetch_run_status_changes(_RUN_FAILURES, limit=1).records
        return _tick(context, receivers, pending, max((record.storage_id for record in newest), default=0))

    return sensor


def _of_run(instance: dg.DagsterInstance, run_id: str, settings: Settings) -> Alert:
    run = instance.get_run_by_id(run_id)
    tags, job = (run.tags, run.job_name) if run is not None else ({}, "a job that was deleted")
    failures = instance.all_logs(run_id, of_type={dg.DagsterEventType.STEP_FAILURE, _RUN_FAILURES})
    events = [log.dagster_event for log in failures if log.dagster_event is not None]
    weeks = [tags[tag] for tag in _WEEKS if tag in tags]
    return messages.of_run_failure(run_id, job, weeks, words_of_failure(events, run_id), settings.data_name)


def _failed_checks(settings: Settings, receivers: Sequence[Channel], wanted: Collection[str]) -> dg.SensorDefinition:
    @dg.sensor(
        name="check_alerts",
        minimum_interval_seconds=60,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people of the checks that failed or warn, those of one look together.",
    )
    def sensor(context: dg.SensorEvaluationContext) -> dg.SensorResult:
        def pending(position: int) -> tuple[list[tuple[int, Alert]], int]:
            records = context.instance.get_event_records(
                dg.EventRecordsFilter(_CHECKS, after_cursor=position), limit=_AT_ONCE, ascending=True
            )
            reached = max((record.storage_id for record in records), default=position)
            failed = [one for one in map(_failed, records) if one is not None and one.event in wanted]
            return [(reached, messages.of_checks(failed, settings.data_name))] if failed else [], reached

        newest = context.instance.get_event_records(dg.EventRecordsFilter(_CHECKS), limit=1)
        return _tick(context, receivers, pending, max((record.storage_id for record in newest), default=0))

    return sensor


def _failed(record: dg.EventLogRecord) -> FailedCheck | None:
    event = record.event_log_entry.dagster_event
    if event is None or event.asset_check_evaluation_data.passed:
        return None
    check = event.asset_check_evaluation_data
    return FailedCheck(
        check.asset_key.to_user_string(),
        check.check_name,
        check.severity is dg.AssetCheckSeverity.ERROR,
        check.description or "no words were given",
        record.run_id,
    )


def _stale_data(settings: Settings, receivers: Sequence[Channel], clock: Clock) -> dg.SensorDefinition:
    @dg.sensor(
        name="stale_data_alerts",
        minimum_interval_seconds=3_600,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Tells people once when the portal stands still, or when no new list is made.",
    )
    def sensor(
        context: dg.SensorEvaluationContext, portal: PortalClient, ledger: dg.ResourceParam[Ledger]
    ) -> dg.SensorResult:
        lists = ledger.snapshot([SCORES.asset]).loads.get(SCORES.asset, {})
        today = clock().astimezone(CHICAGO).date()
        try:
            newest = portal.date_range()[1]
        except FoodInspectionsError as error:  # one tick without an answer is no standstill yet
            return dg.SensorResult(skip_reason=str(error), cursor=context.cursor)
        alert = messages.of_stale_data(
            today, newest, max(lists, default=None), settings.alerts.stale_after_days, settings.data_name
        )
        cursors = json.loads(context.cursor or "{}")
        state = digest(alert.details) if alert is not None else ""
        words: list[str] = []
        for channel in receivers:
            if alert is None or cursors.get(channel.name) == state or _sent(channel, alert, words):
                cursors[channel.name] = state
        return dg.SensorResult(skip_reason=_summary(words), cursor=json.dumps(cursors, sort_keys=True))

    return sensor


def _tick(
    context: dg.SensorEvaluationContext, receivers: Sequence[Channel], pending: Pending, newest: int
) -> dg.SensorResult:
    """Send each channel what it has not got yet; one that is new begins at the newest event."""
    cursors: dict[str, Any] = json.loads(context.cursor or "{}")
    looked: dict[int, tuple[Sequence[tuple[int, Alert]], int]] = {}
    words: list[str] = []
    for channel in receivers:
        position = cursors.setdefault(channel.name, newest)
        if position not in looked:
            looked[position] = pending(position)
        alerts, reached = looked[position]
        for at, alert in alerts:
            if not _sent(channel, alert, words):
                break
            cursors[channel.name] = at
        else:
            cursors[channel.name] = reached
    return dg.SensorResult(skip_reason=_summary(words), cursor=json.dumps(cursors, sort_keys=True))


def _sent(channel: Channel, alert: Alert, words: list[str]) -> bool:
    try:
        channel.send(alert)
    except FoodInspectionsError as error:
        words.append(f"{error} It is tried again at the next tick.")
        return False
    words.append(f"Told by {channel.name}: {alert.subject}.")
    return True


def _summary(words: Sequence[str]) -> str:
    return " ".join(words) or "Nothing new to tell."
