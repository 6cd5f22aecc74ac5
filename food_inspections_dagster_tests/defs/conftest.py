"""Stages are tested with the settings of the project."""

import pytest


@pytest.fixture(scope="module", autouse=True)
def settings_of_the_project(request: pytest.FixtureRequest) -> None:
    """Stages are tested with the project's settings, but for automation, which has worlds of its own."""
    if "automation" not in request.path.parts:
        request.getfixturevalue("project_settings")
