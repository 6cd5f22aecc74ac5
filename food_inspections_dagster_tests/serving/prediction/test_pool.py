"""The server's side: one process when it is needed, a bound on who waits, and a sentence where it fails."""

import asyncio
import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from concurrent.futures.process import BrokenProcessPool

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.prediction import worker
from food_inspections_dagster.serving.prediction.pool import Predictor
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster_tests.serving.conftest import changed


class Threads(Predictor):
    """The same with a thread in place of the process."""

    started = 0

    def _started(self):
        self.started += 1
        return ThreadPoolExecutor(1)


@pytest.fixture
def predictor(stored_city):
    made = Threads(changed(stored_city.settings, predictions=2))
    yield made
    made.close()


def test_a_process_is_started_when_it_is_needed_and_answers(stored_city, question, listed):
    predictor = Predictor(stored_city.settings)
    assert not predictor.is_running
    name = listed["establishment_id"].iloc[0]
    try:
        (one,) = asyncio.run(predictor.ask(question(ids=[name])))
        rows = listed[(listed["establishment_id"] == name) & (listed["label"] == "failed")]
        assert one["expected_find"] == rows["expected_find"].iloc[0] and predictor.is_running
        pool = predictor._pool
        with pytest.raises(BrokenProcessPool):  # somebody kills it
            pool.submit(os._exit, 1).result()
        (again,) = asyncio.run(predictor.ask(question(ids=[name])))
        assert again == one and predictor._pool is not pool
    finally:
        predictor.close()
    assert not predictor.is_running


def test_more_than_may_wait_are_refused(predictor, question, monkeypatch):
    free = threading.Event()
    monkeypatch.setattr(worker, "ask", lambda question: free.wait(60) and [])

    async def several():
        waiting = [asyncio.ensure_future(predictor.ask(question())) for _ in range(2)]
        await asyncio.sleep(0)
        with pytest.raises(Problem) as refused:
            await predictor.ask(question())
        free.set()
        return refused.value, await asyncio.gather(*waiting)

    refused, answers = asyncio.run(several())
    assert (refused.status_code, refused.slug) == (503, "busy") and answers == [[], []]
    assert asyncio.run(predictor.ask(question())) == [] and predictor.started == 1


def test_who_gives_up_makes_room(predictor, question, monkeypatch):
    free = threading.Event()
    monkeypatch.setattr(worker, "ask", lambda question: free.wait(60) and [])

    async def late():
        for _ in range(3):
            with pytest.raises(TimeoutError):
                async with asyncio.timeout(0.01):
                    await predictor.ask(question())
        free.set()
        return await predictor.ask(question())

    assert asyncio.run(late()) == []


def test_a_store_that_cannot_be_read_is_a_sentence_without_its_address(predictor, question, monkeypatch, caplog):
    def away(question):
        raise FoodInspectionsError("s3://secret-bucket cannot be reached: start it.")

    monkeypatch.setattr(worker, "ask", away)
    with pytest.raises(Problem) as refused:
        asyncio.run(predictor.ask(question()))
    assert refused.value.status_code == 503 and refused.value.slug == "store-unavailable"
    assert "secret-bucket" not in refused.value.detail and "secret-bucket" in caplog.text
    assert refused.value.response().headers["retry-after"] == "5"


def test_a_process_that_ends_at_work_is_a_sentence_and_the_next_question_starts_another(
    predictor, question, monkeypatch
):
    def ended(question):
        raise BrokenProcessPool

    with monkeypatch.context() as patch:
        patch.setattr(worker, "ask", ended)
        with pytest.raises(Problem) as refused:
            asyncio.run(predictor.ask(question()))
        assert refused.value.slug == "busy" and not predictor.is_running
    monkeypatch.setattr(worker, "ask", lambda question: [])
    assert asyncio.run(predictor.ask(question())) == [] and predictor.started == 2


def test_an_idle_process_ends_and_one_at_work_does_not(predictor, question, monkeypatch):
    timers = []

    class Timer:
        def __init__(self, seconds, end):
            self.seconds, self.end, self.is_on = seconds, end, False
            timers.append(self)

        def start(self):
            self.is_on = True

        def cancel(self):
            self.is_on = False

    monkeypatch.setattr(threading, "Timer", Timer)
    monkeypatch.setattr(worker, "ask", lambda question: [])
    for _ in range(2):
        asyncio.run(predictor.ask(question()))
    first, second = timers
    assert second.seconds == 600 and second.is_on and not first.is_on
    monkeypatch.setattr(worker, "ask", lambda question: second.end() or [])  # late, while another is at work
    assert asyncio.run(predictor.ask(question())) == [] and predictor.is_running and not second.is_on
    timers[-1].end()
    assert not predictor.is_running


def test_the_server_itself_imports_nothing_that_predicts():
    """Its memory is bounded: models and what reads them belong to the process."""
    heavy = ("dagster", "sklearn", "xgboost", "food_inspections_dagster.serving.prediction.loading")
    code = f"import sys, food_inspections_dagster.serving.app; print([n for n in {heavy!r} if n in sys.modules])"
    assert subprocess.check_output([sys.executable, "-c", code], text=True).strip() == "[]"  # noqa: S603
