"""The server's side of predictions: one process, which is started when it is needed and ends when it is idle."""

import asyncio
import logging
import multiprocessing
import threading
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from typing import Any

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.prediction import worker
from food_inspections_dagster.serving.prediction.worker import Question
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster.settings import Settings

_LOG = logging.getLogger(__name__)


class Predictor:
    """Answers questions one after the other; a crash or the memory of a prediction does not touch the server."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._most, self._idle_seconds = settings.serving.predictions, settings.serving.prediction_idle_seconds
        self._pool: ProcessPoolExecutor | None = None
        self._idle: threading.Timer | None = None
        self._asking = 0
        self._lock = threading.Lock()

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._pool is not None

    async def ask(self, question: Question) -> list[dict[str, Any]]:
        """Return what is said of each place; see ``History.answer``.

        Raises:
            Problem: 503, where too many wait, what it rests on cannot be read, or the process has ended.
        """
        pool, future = self._submit(question)
        try:
            return await asyncio.wrap_future(future)
        except BrokenProcessPool:
            self._forget(pool)
            raise Problem("busy", "The process that predicts has ended: try again in a few seconds.") from None
        except FoodInspectionsError as error:
            _LOG.error("No prediction: %s", error)  # it may name addresses
            raise Problem(
                "store-unavailable",
                "The models and tables that predictions rest on cannot be read at the moment: try again in a few "
                "seconds; the server's log says why.",
            ) from None
        finally:
            self._done()

    def close(self) -> None:
        """End the process, after what it is at; the next question starts another."""
        with self._lock:
            self._stop_timer()
            if self._pool is not None:
                self._pool.shutdown(wait=False, cancel_futures=True)
                self._pool = None

    def _submit(self, question: Question) -> tuple[ProcessPoolExecutor, Future[list[dict[str, Any]]]]:
        with self._lock:
            if self._asking >= self._most:
                detail = f"{self._asking} predictions are being made or wait: try again in a few seconds."
                raise Problem("busy", detail)
            self._stop_timer()
            if self._pool is None:
                self._pool = self._started()
            try:
                future = self._pool.submit(worker.ask, question)
            except BrokenProcessPool:  # it ended between two questions
                self._pool = self._started()
                future = self._pool.submit(worker.ask, question)
            self._asking += 1
            return self._pool, future

    def _started(self) -> ProcessPoolExecutor:
        # Spawned: a fork would copy the server's threads' locks, and its memory.
        context = multiprocessing.get_context("spawn")
        return ProcessPoolExecutor(1, context, worker.begin, (self._settings,))

    def _done(self) -> None:
        with self._lock:
            self._asking -= 1
            self._stop_timer()
            if not self._asking and self._pool is not None:
                self._idle = threading.Timer(self._idle_seconds, self._end_if_idle)
                self._idle.daemon = True
                self._idle.start()

    def _forget(self, pool: ProcessPoolExecutor) -> None:
        with self._lock:
            if self._pool is pool:
                self._pool = None

    def _end_if_idle(self) -> None:
        with self._lock:
            if self._asking or self._pool is None:
                return
            self._pool.shutdown(wait=False)
            self._pool = None

    def _stop_timer(self) -> None:
        if self._idle is not None:
            self._idle.cancel()
            self._idle = None
