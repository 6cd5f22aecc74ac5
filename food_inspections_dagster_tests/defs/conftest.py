"""The small city, made once for all rules of the store."""

import os
from collections.abc import Iterator

import pytest

from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster_tests.defs.city import CITY, small_city
from food_inspections_dagster_tests.world import World


@pytest.fixture(scope="module", autouse=True)
def settings_of_the_project(request: pytest.FixtureRequest) -> None:
    """Stages are tested with the project's settings, but for automation, which has worlds of its own."""
    if "automation" not in request.path.parts:
        request.getfixturevalue("project_settings")


@pytest.fixture(scope="session")
def stored_city(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A city with every stage made; tests that damage it mend it again."""
    outside = dict(os.environ)
    with small_city(tmp_path_factory.mktemp("city") / "home", postgres, sources=True) as made:
        made.make(CITY)
        # It lives to the end of the session: whoever asks for the project's settings meanwhile must not get its own.
        with pytest.MonkeyPatch.context() as patch:
            for name in {*outside, *os.environ} - {"PYTEST_CURRENT_TEST"}:
                if name in outside:
                    patch.setenv(name, outside[name])
                else:
                    patch.delenv(name)
            yield made
