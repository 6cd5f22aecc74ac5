"""How the rules of a stage are tested: each on what it passes and on what it fails.

The ``test_checks`` of every stage has two lists. ``CASES`` are rules that are judged in memory, as pure functions of
small frames; ``DAMAGES`` are rules that read the store, each with a way to damage it. ``test_every_rule`` sees to it
that no rule of the graph is left out of them.
"""

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from typing import Any

import orjson
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from food_inspections_dagster.orchestration.rules import Rule
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.world import World

A, B, C = CITY[0], CITY[1], CITY[2]
WEEKS = (A, B, C)


@dataclass(frozen=True)
class Case:
    """A rule, what it is judged on, and the weeks that are to fail; none where it passes."""

    rule: Rule
    about: str
    values: Mapping[str, Any]
    failing: tuple[date, ...] = ()
    words: str = ""
    weeks: Sequence[date] = WEEKS

    def __str__(self) -> str:
        return f"{self.rule.name}-{self.about.replace(' ', '_')}"

    def hold(self) -> None:
        """Judge it."""
        judged = self.rule.apply(self.weeks, **self.values)
        assert tuple(sorted(judged.verdict.failing)) == self.failing, judged.verdict
        assert judged.passed == (not self.failing)
        told = f"{judged.sentence} {dict(judged.verdict.failing)} {dict(judged.verdict.metadata)}"
        assert self.words in told, told


@dataclass(frozen=True)
class Damage:
    """A rule of the store, what damages the store, and the weeks that are named then."""

    asset: str
    rule: str
    damage: Callable[[World], AbstractContextManager[None]]
    failing: tuple[date, ...]
    words: str = ""
    about: str = field(default="")

    def __str__(self) -> str:
        return f"{self.asset}-{self.rule}-{self.about}".rstrip("-")

    def hold(self, world: World) -> None:
        """See it pass over the whole store, and fail over the damaged one."""
        whole = world.check(self.asset, self.rule)
        assert whole.passed, (whole.description, whole.metadata)
        with self.damage(world):
            broken = world.check(self.asset, self.rule)
        assert not broken.passed
        assert broken.metadata["failing"].value == ", ".join(map(str, self.failing))
        told = f"{broken.description} {broken.metadata}"
        assert self.words in told, told


def frame(**columns: Any) -> pd.DataFrame:
    """Return a frame with Arrow types; a column of one value is repeated, an Arrow array keeps its type."""
    rows = max((len(values) for values in columns.values() if isinstance(values, list | pa.Array)), default=1)
    arrays = {
        name: values
        if isinstance(values, pa.Array)
        else pa.array(values if isinstance(values, list) else [values] * rows)
        for name, values in columns.items()
    }
    return pa.table(arrays).to_pandas(types_mapper=pd.ArrowDtype)


# Ways to damage what is stored; each mends it at the end.


@contextmanager
def bytes_changed(world: World, change: Callable[[bytes], bytes], *paths: str) -> Iterator[None]:
    """Change objects."""
    kept = world.objects.get_many(paths)
    assert len(kept) == len(paths)
    world.objects.put_many((path, change(content)) for path, content in kept.items())
    try:
        yield
    finally:
        world.objects.put_many(kept.items())


@contextmanager
def table_changed(world: World, table: str, statement: str, **values: Any) -> Iterator[None]:
    """Change a table of Postgres by an UPDATE or INSERT."""
    world.database.execute(f"create table kept as table {table}")
    try:
        assert world.database.execute(statement, values) > 0, "the statement changes nothing"
        yield
    finally:
        world.database.execute(f"delete from {table}")  # noqa: S608
        world.database.execute(f"insert into {table} select * from kept")  # noqa: S608
        world.database.execute("drop table kept")


def parquet(change: Callable[[pa.Table], pa.Table]) -> Callable[[bytes], bytes]:
    """Return the change of an object by that of its rows."""

    def changed(content: bytes) -> bytes:
        sink = io.BytesIO()
        pq.write_table(change(pq.read_table(io.BytesIO(content))), sink)
        return sink.getvalue()

    return changed


def json(change: Callable[[dict[str, Any]], Any]) -> Callable[[bytes], bytes]:
    """Return the change of an object by that of its document."""

    def changed(content: bytes) -> bytes:
        document = orjson.loads(content)
        change(document)
        return orjson.dumps(document)

    return changed
