import logging
from datetime import UTC, datetime

import dagster as dg
import pytest
from dagster import DagsterEventType as Kind
from dagster._core.execution.plan.objects import StepFailureData
from pydantic import SecretStr

from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.run_record import RunRecord

BEGUN = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)


def event(kind, minutes=0, run_id="run-1", step=None):
    failure = StepFailureData(error=None, user_failure_data=None) if kind is Kind.STEP_FAILURE else None
    known = {"job_name": "weekly", "step_key": step, "event_specific_data": failure}
    made = None if kind is None else dg.DagsterEvent(event_type_value=kind.value, **known)
    moment = BEGUN.timestamp() + 60 * minutes
    return dg.EventLogEntry(None, "info", "says", run_id, moment, step, "weekly", made)


def recorded(database, *events):
    record = RunRecord(database)
    for one in events:
        record.note(one)
    with database.connect() as connection:
        return connection.execute(
            "SELECT run_id, job, state, begun_at, ended_at, failed_step FROM metadata.runs ORDER BY run_id"
        ).fetchall()


def moment(minutes):
    return datetime.fromtimestamp(BEGUN.timestamp() + 60 * minutes, UTC)


def test_a_run_is_known_from_its_beginning_to_its_end(database):
    quiet = (event(None), event(Kind.STEP_START), event(Kind.RUN_ENQUEUED))
    assert recorded(database, event(Kind.RUN_START), *quiet) == [("run-1", "weekly", "started", BEGUN, None, None)]
    ended = ("run-1", "weekly", "succeeded", BEGUN, moment(3), None)
    assert recorded(database, event(Kind.RUN_SUCCESS, 3)) == [ended]


def test_of_a_run_that_fails_the_first_failed_step_is_known_and_nothing_it_said(database):
    events = (
        event(Kind.RUN_START),
        event(Kind.STEP_FAILURE, 1, step="scores"),
        event(Kind.STEP_FAILURE, 2, step="drift"),
        event(Kind.RUN_FAILURE, 3),
    )
    assert recorded(database, *events) == [("run-1", "weekly", "failed", BEGUN, moment(3), "scores")]


def test_a_run_that_starts_again_or_was_never_seen_to_start(database):
    events = (
        *(event(Kind.RUN_START), event(Kind.RUN_FAILURE, 1), event(Kind.RUN_START, 2)),
        event(Kind.RUN_CANCELED, 5, run_id="run-2"),
    )
    assert recorded(database, *events) == [
        ("run-1", "weekly", "started", BEGUN, None, None),
        ("run-2", "weekly", "canceled", None, moment(5), None),
    ]


def test_a_run_goes_on_where_it_cannot_be_recorded(caplog):
    away = Database(url=SecretStr("postgresql://nobody@127.0.0.1:1/none"), database="none", portal="city")
    with caplog.at_level(logging.WARNING):
        RunRecord(away).note(event(Kind.RUN_START))
    assert "run-1 is not in metadata.runs" in caplog.text


@pytest.mark.parametrize("kind", [Kind.STEP_START, Kind.RUN_ENQUEUED, None])
def test_what_says_nothing_of_a_run_opens_no_connection(kind):
    class Closed:
        def connect(self):
            raise AssertionError

    RunRecord(Closed()).note(event(kind))
