"""Which runs there were and how they ended, in ``metadata.runs``: what readers may know of what Dagster keeps.

Dagster's own tables are in another database, which readers do not reach, and hold every word of every step.
"""

import logging
from datetime import UTC, datetime
from typing import Final

import psycopg
from dagster import DagsterEventType, EventLogEntry

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.database import Database

STARTED: Final = "started"
_STATES: Final = {
    DagsterEventType.RUN_START: STARTED,
    DagsterEventType.RUN_SUCCESS: "succeeded",
    DagsterEventType.RUN_FAILURE: "failed",
    DagsterEventType.RUN_CANCELED: "canceled",
}
# The first step that fails is the one to look at. A run that starts again, after a failure, is one run.
_NOTE = """
    INSERT INTO metadata.runs AS known (run_id, job, state, begun_at, ended_at, failed_step)
    VALUES (%(run_id)s, %(job)s, coalesce(%(state)s, 'started'), %(begun_at)s, %(ended_at)s, %(failed_step)s)
    ON CONFLICT (run_id) DO UPDATE SET
        state = coalesce(%(state)s, known.state),
        begun_at = coalesce(known.begun_at, excluded.begun_at),
        ended_at = excluded.ended_at,
        failed_step = coalesce(known.failed_step, excluded.failed_step)
"""
_LOG = logging.getLogger(__name__)


class RunRecord:
    """Keeps the beginning, the end and the first failed step of each run.

    Args:
        database: the application's.
    """

    def __init__(self, database: Database) -> None:
        self._database = database

    def note(self, event: EventLogEntry) -> None:
        """Keep what an event says of its run; most say nothing.

        A run never fails because of this: what cannot be kept is logged.
        """
        kind = event.dagster_event.event_type if event.dagster_event is not None else None
        state = _STATES.get(kind) if kind is not None else None
        if state is None and kind is not DagsterEventType.STEP_FAILURE:
            return
        moment = datetime.fromtimestamp(event.timestamp, UTC)
        values = {
            "run_id": event.run_id,
            "job": event.job_name or "",
            "state": state,
            "begun_at": moment if state == STARTED else None,
            "ended_at": moment if state not in (None, STARTED) else None,
            "failed_step": event.step_key if state is None else None,
        }
        try:
            with self._database.connect() as connection:
                connection.execute(_NOTE, values)
        except (FoodInspectionsError, psycopg.Error, OSError) as error:
            _LOG.warning("The run %s is not in metadata.runs as it should be: %s", event.run_id, error)
