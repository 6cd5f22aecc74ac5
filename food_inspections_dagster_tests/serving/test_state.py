import asyncio
from contextlib import contextmanager
from datetime import UTC, datetime

import pytest

from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.state import Published, Watcher, mark_of
from food_inspections_dagster.serving.store import NothingPublished, Unavailable
from food_inspections_dagster_tests.serving.test_answers import PUBLISHED

ROW = {"shown_id": 1, "newest_id": 2, "content_hash": "h", "changed_at": datetime(2026, 1, 1, tzinfo=UTC)}


class Reads:
    def __init__(self, store):
        self.store = store

    def row(self, query):
        assert query is queries.STATE
        if self.store.fault is not None:
            raise self.store.fault
        return self.store.state

    def rows(self, query):
        return [{"key_id": "k", "name": "n", "key_hash": "h", "scopes": ["read"]}]

    def has_table(self, table):
        return True


class Looked:
    """A store that counts how often it is looked at."""

    looks, state, fault = 0, ROW, None

    @contextmanager
    def snapshot(self):
        self.looks += 1
        yield Reads(self)


def test_however_many_ask_it_is_looked_up_once_a_second():
    now, store = [0.0], Looked()
    watcher = Watcher(store, False, lambda: now[0])

    async def ask():
        states = await asyncio.gather(*(watcher.state() for _ in range(50)))
        assert store.looks == 1 and set(map(id, states)) == {id(states[0])}
        now[0] = 0.99
        await watcher.state()
        assert store.looks == 1
        now[0], store.state = 1.0, {**ROW, "newest_id": 3}
        assert (await watcher.state()).required().mark == "1-3"
        assert store.looks == 2

    asyncio.run(ask())


def test_a_failure_holds_for_a_second_and_is_forgotten_then():
    now, store = [0.0], Looked()
    watcher = Watcher(store, False, lambda: now[0])

    async def ask():
        store.fault = Unavailable("away")
        for _ in range(3):
            with pytest.raises(Unavailable, match="away"):
                await watcher.state()
        assert store.looks == 1
        now[0], store.fault = 1.5, None
        assert (await watcher.state()).published == Published(**ROW)

    asyncio.run(ask())


def test_keys_are_read_before_anything_is_published():
    store = Looked()
    store.fault = NothingPublished("nothing")
    state = asyncio.run(Watcher(store, True).state())
    assert set(state.keyring.keys) == {"k"} and state.published is None
    with pytest.raises(NothingPublished):
        state.required()


def test_a_mark_is_of_what_is_shown_and_what_is_newest():
    assert mark_of(PUBLISHED) == "8-9" and Published(**ROW).mark == "1-2"
