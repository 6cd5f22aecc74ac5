"""A city of 20 weeks in which every stage has something to do in the last ones."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any

from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range
from food_inspections_dagster_tests.world import SMALL, World, small_world
from food_inspections_portal.city.simulate import simulate, simulate_city
from food_inspections_portal.city.surroundings import (
    AREAS,
    COMPLAINTS,
    CRIMES,
    INSPECTORS,
    LICENSES,
    REQUESTS,
    STATIONS,
    WEATHER,
)
from food_inspections_portal.sources import PortalSource
from food_inspections_portal.table import Clock

CITY = week_range(FIRST_WEEK, FIRST_WEEK + 19 * WEEK)
SETTINGS: dict[str, dict[str, Any]] = {
    "models": {
        **SMALL["models"],
        "schedule": {
            **SMALL["models"]["schedule"],
            "update_weeks": 3,
            "training_window_weeks": 9,
            "min_training_rows": 30,
            "calibration_weeks": 4,
        },
    },
    "validation": {
        "test_durations": [3],
        "min_subset_rows": 10,
        "top_counts": [5, 10],
        "folds": 2,
        "folds_every_fits": 2,
    },
    "selection": {"evaluation_weeks": 6, "period_weeks": 2, "min_evaluation_rows": 20},
    "bias": {"evaluation_weeks": 6, "min_group_size": 5},
}

SOURCES = {
    "business_licenses": [LICENSES],
    "sanitation_complaints": [COMPLAINTS, REQUESTS],
    "crimes": [CRIMES],
    "police_stations": [STATIONS],
    "community_areas": [AREAS],
    "weather": [WEATHER],
    "inspector_assignments": [INSPECTORS],
}


@contextmanager
def small_city(
    home: Path,
    postgres: EmbeddedPostgres,
    clock: Clock = lambda: datetime.now(UTC),
    weeks: int = len(CITY),
    until: str | None = None,
    sources: bool = False,
) -> Iterator[World]:
    """Start an empty world over the city.

    Args:
        weeks: of the city.
        until: the last asset of its graph, where not all stages are wanted.
        sources: whether it reads what the city publishes beside its inspections.
    """
    source = partial(simulate_city if sources else simulate, weeks, seed=7, scale=0.15)
    settings = {**SETTINGS, "sources": SOURCES} if sources else SETTINGS
    with small_world(home, postgres, settings, clock, lambda: PortalSource.simulated(source())) as made:
        made.weeks = CITY[:weeks]
        if until:
            made.graph = graph_until(made.graph, until)
        yield made


def graph_until(graph: Graph, asset: str) -> Graph:
    """Return the stages of a graph that lead to an asset."""
    wanted = graph.until(asset)
    return Graph([stage for stage in graph.stages if wanted.issuperset(stage.outputs)])
