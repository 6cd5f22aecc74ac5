"""One small world for each module."""

from collections.abc import Iterator

import pytest

from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster_tests.world import World, small_world


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An empty world; the tests of a module follow each other in it."""
    with small_world(tmp_path_factory.mktemp("world") / "home", postgres) as made:
        yield made
