from collections.abc import Iterator

import pytest

from food_inspections_dagster.command_line import run as commands
from food_inspections_dagster.command_line.publish import publish
from food_inspections_dagster.command_line.track import track, track_too
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster_tests.tracking.mlflow_server import TrackingServer, tracking_server
from food_inspections_dagster_tests.world import World


@pytest.fixture
def server() -> Iterator[TrackingServer]:
    with tracking_server() as running:
        yield running


@pytest.fixture
def world(made: World, server: TrackingServer) -> World:
    return made.reconfigured({"tracking": {"uri": server.url, "timeout_seconds": 120, "retries": 0}})


def test_everything_is_sent_and_said(world, server, out, told):
    track(out, world.settings)
    first = told()
    assert f"Tracked by MLflow at {server.url}: {len(server.facts())} fits, decisions and evaluations were" in first
    assert len(server.facts()) > 0
    track(out, world.settings)
    assert told().removeprefix(first).strip() == f"Tracked by MLflow at {server.url}: everything is there."


def test_a_server_that_fails_ends_the_command_and_only_warns_behind_others(world, server, out, told):
    server.fault = 500
    with pytest.raises(FoodInspectionsError, match=r"refused a request \(500\)"):
        track(out, world.settings)
    track_too(out, world.settings)
    assert told().startswith("Warning: MLflow at ")


def test_a_run_prints_its_list_before_it_is_tracked(world, server, out, told):
    commands.run(out, world.settings, "a city", "nothing", None, world.weeks[-1])
    assert 0 < told().index("Inspect first") < told().index(f"Tracked by MLflow at {server.url}")
    assert server.facts()


def test_without_a_server_it_says_how_to_name_one(made, out, told):
    with pytest.raises(FoodInspectionsError, match=r"tracking\.uri"):
        track(out, made.settings)
    track_too(out, made.settings)
    assert told() == ""


def test_the_published_alias_follows_a_publication(world, server, out):
    """`food-inspections publish --week` moves the pointer, and the alias goes with it."""
    publish(out, world.database, world.weeks[-1], False, "the newest")
    track_too(out, world.settings)
    for model in server.models.values():
        assert model["aliases"]["published"] == model["aliases"]["selected"]
    assert server.models
