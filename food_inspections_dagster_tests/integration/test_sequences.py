"""Whatever happened before, what is current is what a fresh build gives, byte for byte.

Random sequences over a small city: rows are published, corrected, touched, deleted and moved on the portal, weeks are
emptied, settings change, runs are narrow, stop in the middle of a write, or make one stage only, and single stages are
backfilled over whatever there is. FOOD_INSPECTIONS_SEQUENCES=200 tries more of them.
"""

import errno
import os
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from itertools import count
from typing import Any
from unittest.mock import patch

import obstore
import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from food_inspections_dagster import catalog
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster_tests.world import WEEKS, World, small_world
from food_inspections_portal.city.surroundings import CRIMES

SEQUENCES = int(os.environ.get("FOOD_INSPECTIONS_SEQUENCES", "2"))
SPAN = WEEKS[:26]
CHANGES: list[dict[str, dict[str, Any]]] = [
    {"cohort": {"window_days": 60}},
    {"models": {"schedule": {"training_window_weeks": 12}}},
    {"models": {"schedule": {"update_weeks": 5}}},
    {"models": {"schedule": {"calibration_weeks": 3}}},
    {"models": {"parameters": {"logistic_regression": {"C": 0.5}}}},
    {"models": {"targets": {"failed": {"critical_violation": 1}}}},
    {"features": {"switched_off": ["inspector"]}},
    {"validation": {"test_durations": [4, 8]}},
    {"selection": {"tie_tolerance": 0.0}},
    {"bias": {"capacity_share": 0.5, "evaluation_weeks": 16}},
    {"remedy": {"kind": "quota"}, "scores": {"surroundings_weight": 0.25}},
    {"sources": {"crimes": [CRIMES]}},
    {},
]
STAGES = [
    *("raw_inspections", "inspections", "business_licenses", "feature_matrix", "xgboost_model", "backtest_scores"),
    *("evaluations", "auditions", "selected_model", "bias_report"),
]

places = st.integers(0, len(SPAN) - 1)
actions = st.one_of(
    st.tuples(st.just("insert"), places, st.integers(1, 4)),
    st.tuples(st.just("correct"), places, st.integers(1, 4)),
    st.tuples(st.just("touch"), places, st.integers(1, 4)),
    st.tuples(st.just("delete"), places, st.just(1)),
    st.tuples(st.just("empty"), places, st.just(0)),
    st.tuples(st.just("move"), places, places),
    st.tuples(st.just("settings"), st.integers(0, len(CHANGES) - 1), st.just(0)),
    st.tuples(st.just("narrow"), places, places),
    st.tuples(st.just("until"), st.integers(0, len(STAGES) - 1), st.just(0)),
    st.tuples(st.just("backfill"), st.integers(0, len(STAGES) - 1), places),
    st.tuples(st.just("broken"), st.integers(0, 120), st.just(0)),
    st.tuples(st.just("refused"), st.integers(0, 12), st.just(0)),
    st.tuples(st.just("run"), st.just(0), st.just(0)),
)


@dataclass
class Story:
    """A world to which things happen."""

    world: World = field(repr=False)
    changed: dict[str, dict[str, Any]] = field(default_factory=dict)
    numbers: Iterator[int] = field(default_factory=lambda: count(99_000_000))

    @property
    def now(self) -> World:
        return self.world.reconfigured(self.changed)

    def rows(self, place: int, count: int) -> list[dict[str, Any]]:
        """Return the first rows of a week as a publisher would write them."""
        rows = self.world.rows_of(SPAN[place])[:count]
        return [{k: v for k, v in row.items() if k == ":id" or not k.startswith(":")} for row in rows]

    def tell(self, action: str, first: int, second: int) -> None:
        getattr(self, action)(first, second)

    def insert(self, place: int, rows: int) -> None:
        new = [{k: v for k, v in row.items() if k != ":id"} for row in self.rows(place, rows)]
        self.world.publish([{**row, "inspection_id": str(next(self.numbers))} for row in new])

    def correct(self, place: int, count: int) -> None:
        rows = self.rows(place, count)
        self.world.publish([{**row, "results": "Fail" if row["results"] != "Fail" else "Pass"} for row in rows])

    def touch(self, place: int, count: int) -> None:
        self.world.publish(self.rows(place, count))

    def delete(self, place: int, count: int) -> None:
        rows = self.rows(place, count)
        self.world.publish([{":id": row[":id"], ":deleted": True} for row in rows])

    def empty(self, place: int, _: int) -> None:
        self.delete(place, 5_000)

    def move(self, place: int, to: int) -> None:
        rows = self.rows(place, 2)
        self.world.publish([{**row, "inspection_date": f"{SPAN[to]}T00:00:00.000"} for row in rows])

    def settings(self, number: int, _: int) -> None:
        self.changed = CHANGES[number]

    def narrow(self, first: int, last: int) -> None:
        first, last = sorted((first, last))
        try:
            self.now.make(SPAN[first : last + 1])
        except FoodInspectionsError as error:
            # A row that came from a week beyond the bounds stands in both until that one is loaded again.
            if not str(error).startswith("Check unique_ids of inspections failed"):
                raise

    def until(self, number: int, _: int) -> None:
        self.now.make(SPAN, STAGES[number])

    def backfill(self, number: int, place: int) -> None:
        """As somebody does in the UI: one stage, on what it reads as that is now; it may refuse."""
        world, asset = self.now, STAGES[number]
        (unit,) = (unit for unit in world.graph.by_asset[asset].units if asset in unit)
        with suppress(FoodInspectionsError):
            world.remake(SPAN[place : place + 5], *unit)

    def broken(self, puts: int, _: int) -> None:
        with failing_after(puts, (obstore, "put")), suppress(FoodInspectionsError):
            self.now.make(SPAN)

    def refused(self, writes: int, _: int) -> None:
        """Objects are written, and the database takes no more rows."""
        with failing_after(writes, (Database, "append"), (Database, "replace_rows")), suppress(FoodInspectionsError):
            self.now.make(SPAN)

    def run(self, *_: int) -> None:
        self.now.make(SPAN)


@contextmanager
def failing_after(writes: int, *places: tuple[Any, str]) -> Iterator[None]:
    """Let so many writes happen, and no more."""
    left = [writes]

    def counted(write: Callable[..., Any]) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            left[0] -= 1
            if left[0] < 0:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            return write(*arguments, **options)

        return step

    with ExitStack() as stack:
        for owner, name in places:
            stack.enter_context(patch.object(owner, name, counted(getattr(owner, name))))
        yield


def in_use(world: World) -> dict[str, Any]:
    """Return everything stored of the graph's assets, without files of models that no document names any more."""
    named = {entry.asset: entry for entry in (*catalog.FIXED.values(), *map(catalog.model, ALGORITHMS))}
    gone = [named[asset] for asset in named.keys() - set(world.graph.assets)]
    places = [entry.mirror if isinstance(entry, catalog.Table) else entry for entry in gone]
    away = (*(f"{entry.prefix}/" for entry in places if entry), *(str(e) for e in gone if isinstance(e, catalog.Table)))
    stored = {place: content for place, content in world.bytes_stored().items() if not place.startswith(away)}
    documents = b"".join(content for path, content in stored.items() if path.endswith((".json",)) and "week=" in path)
    return {
        path: content
        for path, content in stored.items()
        if "/artifacts/" not in path or path.split("/")[-2].encode() in documents
    }


def fresh(story: Story, number: int) -> World:
    """Return a world of the same portal and settings in which nothing was ever made."""
    portal = {"url": story.world.settings.portal.url, "name": f"{story.world.settings.portal.name}-{number}"}
    layers = {**story.changed, "portal": portal}
    return World(story.world.home, load_settings(layers), story.world.server, list(SPAN))


@pytest.fixture
def story(postgres, tmp_path) -> Iterator[Story]:
    with small_world(tmp_path / "home", postgres) as world:
        world.weeks = list(SPAN)
        world.make(SPAN)
        yield Story(world)


@settings(
    max_examples=SEQUENCES,
    deadline=None,
    derandomize=SEQUENCES <= 2,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)
@given(happened=st.lists(actions, min_size=3, max_size=6))
def test_any_sequence_ends_in_the_bytes_of_a_fresh_build(story: Story, happened):
    for action in happened:
        story.tell(*action)
    ended = story.now
    ended.make(SPAN)
    assert ended.stale(SPAN) == {}
    assert ended.make(SPAN).stages == [], "a second call does nothing"
    again = fresh(story, hash(str(happened)) % 10**6)
    again.make(SPAN)
    # Narrow runs made lists of other weeks than the newest, which are kept current from then on.
    lists = again.graph.by_asset[catalog.SCORES.asset].outputs
    kept = (world.ledger.snapshot().loads.get(catalog.SCORES.asset, {}).keys() for world in (ended, again))
    for week in sorted(set.symmetric_difference(*map(set, kept))):
        again.remake([week], *lists)
    expected, stored = in_use(again), in_use(ended)
    assert sorted(stored) == sorted(expected)
    assert [path for path in expected if stored[path] != expected[path]] == []
