"""A small world in which everything is made once, and a console whose words can be read."""

import io
from collections.abc import Callable, Iterator

import pytest
from rich.console import Console

from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster_tests.world import World, small_world


@pytest.fixture(scope="session")
def made(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Made by the command's own function, whose words are kept in ``made.told``."""
    from food_inspections_dagster.command_line import run as commands

    with small_world(tmp_path_factory.mktemp("told") / "home", postgres) as world:
        out = Console(file=io.StringIO(), width=120, highlight=False)
        commands.run(out, world.settings, "a [/B] city", "make dev opens the asset graph", None, world.weeks[-1])
        world.told = out.file.getvalue()  # type: ignore[attr-defined]
        yield world


@pytest.fixture
def out() -> Console:
    """A console of a log: 120 columns, no terminal."""
    return Console(file=io.StringIO(), width=120, highlight=False)


@pytest.fixture
def told(out: Console) -> Callable[[], str]:
    """What was printed so far."""
    return lambda: out.file.getvalue()  # type: ignore[attr-defined]
