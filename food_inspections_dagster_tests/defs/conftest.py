"""Small worlds for the stages."""

from collections.abc import Iterator

import pytest

from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster_tests.world import World, small_world


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An empty world for the tests of a module."""
    with small_world(tmp_path_factory.mktemp("world") / "home", postgres) as made:
        yield made
