import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from food_inspections_dagster.serving.state import VALID_SECONDS, Watcher
from food_inspections_dagster.serving.store import NothingPublished, Unavailable

ROW = {"shown_id": 3, "content_hash": "h", "newest_id": 4, "changed_at": datetime(2026, 11, 23, tzinfo=UTC)}


class Reads:
    def __init__(self, row):
        self._row = row

    def row(self, query):
        if self._row is None:
            raise NothingPublished("run")
        return self._row


class Source:
    """A store that is asked, and how often."""

    def __init__(self, row):
        self.row, self.looks, self.away = row, 0, False

    @contextmanager
    def snapshot(self):
        self.looks += 1
        if self.away:
            raise Unavailable("away")
        yield Reads(self.row)


class Clock:
    now = 0.0

    def __call__(self):
        return self.now


def test_however_many_ask_it_is_looked_up_once_a_second():
    source, clock = Source(ROW), Clock()

    async def ask():
        watcher = Watcher(source, with_keys=False, clock=clock)
        states = await asyncio.gather(*(watcher.state() for _ in range(50)))
        assert {state.required().mark for state in states} == {"3-4"} and source.looks == 1
        clock.now += VALID_SECONDS / 2
        await watcher.state()
        assert source.looks == 1
        clock.now += VALID_SECONDS
        source.row = {**ROW, "shown_id": 5}
        assert (await watcher.state()).required().mark == "5-4" and source.looks == 2

    asyncio.run(ask())


def test_a_database_that_goes_away_is_told_and_seen_when_it_is_back():
    source, clock = Source(ROW), Clock()

    async def ask():
        watcher = Watcher(source, with_keys=False, clock=clock)
        source.away = True
        for _ in range(3):
            with pytest.raises(Unavailable, match="away"):
                await watcher.state()
        assert source.looks == 1
        clock.now += VALID_SECONDS
        source.away = False
        assert (await watcher.state()).required().shown_id == 3

    asyncio.run(ask())


def test_before_the_first_publication_there_is_nothing():
    async def ask():
        state = await Watcher(Source(None), with_keys=False).state()
        with pytest.raises(NothingPublished):
            state.required()

    asyncio.run(ask())
