"""The small city, made once for all rules of the store."""

from collections.abc import Iterator

import pytest

from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster_tests.defs.city import CITY, small_city
from food_inspections_dagster_tests.world import World


@pytest.fixture(scope="session")
def stored_city(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A city with every stage made; tests that damage it mend it again."""
    with small_city(tmp_path_factory.mktemp("city") / "home", postgres) as made:
        made.make(CITY)
        yield made
