"""What is published at this moment, looked up at most once a second however many ask."""

import asyncio
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from anyio import CapacityLimiter, to_thread

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving import queries
from food_inspections_dagster.serving.keys import Keyring
from food_inspections_dagster.serving.store import NOTHING, NothingPublished, Publication, Store

VALID_SECONDS = 1.0


@dataclass(frozen=True)
class Published:
    """What all published weeks hold: whatever is read from them is the same as long as this is.

    Attributes:
        shown_id: the publication that the pointer shows.
        newest_id: the newest publication of any week.
        content_hash: of what the pointer shows.
        changed_at: when the pointer or any week last changed.
    """

    shown_id: int
    newest_id: int
    content_hash: str
    changed_at: datetime

    @property
    def mark(self) -> str:
        """By which an answer says what it was read from."""
        return f"{self.shown_id}-{self.newest_id}"


def mark_of(publication: Publication) -> str:
    """Return the mark of the snapshot that a publication was read in."""
    return f"{publication.shown_id}-{publication.newest_id}"


@dataclass(frozen=True)
class State:
    """What a look gave: what is published, None before the first time, and the keys that open something."""

    published: Published | None
    keyring: Keyring

    def required(self) -> Published:
        """Return what is published.

        Raises:
            NothingPublished: where nothing is.
        """
        if self.published is None:
            raise NothingPublished(NOTHING)
        return self.published


class Watcher:
    """Looks up the state of what is published when somebody asks and the last look is old.

    Args:
        with_keys: whether keys are read too.
        clock: monotonic seconds.
    """

    def __init__(self, store: Store, with_keys: bool, clock: Callable[[], float] = time.monotonic) -> None:
        self._store = store
        self._with_keys = with_keys
        self._clock = clock
        self._until = -1.0
        self._result: State | FoodInspectionsError | None = None
        self._looking: asyncio.Task[None] | None = None
        # A thread of its own: where all others wait for Postgres, answers that are kept still go out.
        self._thread = CapacityLimiter(1)

    async def state(self) -> State:
        """Return the state, at most a second old.

        Raises:
            Unavailable: when the database cannot be reached.
        """
        if self._clock() >= self._until or self._result is None:
            if self._looking is None or self._looking.done():
                self._looking = asyncio.ensure_future(self._look())
            # Whoever gives up does not stop the look for the others.
            await asyncio.shield(self._looking)
        if isinstance(self._result, FoodInspectionsError):
            raise type(self._result)(str(self._result))
        assert self._result is not None
        return self._result

    async def _look(self) -> None:
        begun = self._clock()
        try:
            self._result = await to_thread.run_sync(self._read, limiter=self._thread)
        except FoodInspectionsError as error:
            self._result = error
        # From the beginning: what was published while it was read is seen within the second. A failure that took
        # longer than that holds for a second from its end, so that not everybody waits as long again.
        now = self._clock()
        self._until = (begun if isinstance(self._result, State) else now) + VALID_SECONDS

    def _read(self) -> State:
        with self._store.snapshot() as reads:
            keyring = Keyring({})
            if self._with_keys and reads.has_table(f"{queries.SCHEMA}.keys"):
                keyring = Keyring.of_rows(reads.rows(queries.KEYS))
            try:
                row = reads.row(queries.STATE)
            except NothingPublished:
                row = None
        return State(Published(**row) if row else None, keyring)
