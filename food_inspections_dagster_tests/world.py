"""A small city with everything that the graph needs, apart from every other: portal, stores, Dagster."""

import os
import shutil
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import pandas as pd
import pytest
import requests
import yaml
from dagster._core.definitions.reconstruct import ReconstructableJob

from food_inspections_dagster import definitions
from food_inspections_dagster.command_line import run as commands
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.orchestration import planner as pipeline
from food_inspections_dagster.orchestration.partitions import range_tags
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import HOME_VARIABLE, Settings, load_settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range
from food_inspections_portal.city.simulate import simulate
from food_inspections_portal.server import PortalServer
from food_inspections_portal.sources import INSPECTIONS, PortalSource
from food_inspections_portal.table import Clock

ROOT = Path(__file__).resolve().parents[1]
CITY_WEEKS = 44
WEEKS = week_range(FIRST_WEEK, FIRST_WEEK + (CITY_WEEKS - 1) * WEEK)

# The smallest city in which every stage has something to do: about 1,500 inspections, of which few are of a place
# that was seen before, a fit every four weeks, decisions and an audit over twelve weeks.
SMALL: dict[str, dict[str, Any]] = {
    "portal": {"retries": 1, "backoff_seconds": 0.01, "timeout_seconds": 20},
    "storage": {"retries": 1, "timeout_seconds": 10},
    "models": {
        "schedule": {
            "update_weeks": 4,
            "training_window_weeks": 30,
            "min_training_rows": 60,
            "inspection_types": ["Canvass", "Complaint", "License"],
        },
        "parameters": {"baseline": {"feature": "fail_rate_3y"}},
    },
    "selection": {"evaluation_weeks": 12, "period_weeks": 4, "min_evaluation_rows": 40},
    "bias": {"evaluation_weeks": 12, "min_group_size": 10},
}


def variables_of(environment: Mapping[str, str]) -> dict[str, str]:
    """Return an environment without the project's own variables and Dagster's home."""
    mine = ("FOOD_INSPECTIONS", "DAGSTER")
    return {name: value for name, value in environment.items() if not name.startswith(mine)}


def write_home(home: Path, changed: Mapping[str, Mapping[str, Any]]) -> Path:
    """Make a project folder with the real base configuration, and ``changed`` in conf/local."""
    shutil.copytree(ROOT / "conf/base", home / "conf/base")
    shutil.copy(ROOT / "dagster.yaml", home)
    (home / "conf/local").mkdir()
    merged = {name: {**SMALL.get(name, {}), **changed.get(name, {})} for name in {*SMALL, *changed}}
    (home / "conf/local/settings.yaml").write_text(yaml.safe_dump(merged))
    return home


@dataclass
class World:
    """The portal server, and what the project makes of it; see :func:`small_world`."""

    home: Path
    settings: Settings
    server: PortalServer
    defs: dg.Definitions
    instance: dg.DagsterInstance
    weeks: list[date] = field(default_factory=lambda: list(WEEKS))
    # Evaluations of checks that tests make fail on purpose; the world's own history stays clean.
    scratch: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    @cached_property
    def database(self) -> Database:
        return Database.from_settings(self.settings)

    @cached_property
    def objects(self) -> ObjectStore:
        return ObjectStore.from_settings(self.settings)

    @cached_property
    def portal(self) -> PortalClient:
        return PortalClient.from_settings(self.settings)

    # Running.

    def plan(self, weeks: Sequence[date], until: str | None = None) -> list[pipeline.PlannedRun]:
        """Return what is missing."""
        return pipeline.plan(self.defs, self.instance, commands.targets(self.settings, weeks, until))

    def make(self, weeks: Sequence[date], until: str | None = None) -> pipeline.Report:
        """Make what is missing, as `food-inspections run` does."""
        return pipeline.execute(self.instance, self.plan(weeks, until))

    def remake(self, weeks: Sequence[date], *assets: str) -> pipeline.Report:
        """Make assets again, whatever is there, in one run of a range."""
        keys = tuple(dg.AssetKey(name) for name in assets)
        return pipeline.execute(self.instance, [pipeline.PlannedRun(keys, tuple(weeks))])

    def check(self, asset: str, name: str, weeks: Sequence[date] | None = None) -> dg.AssetCheckEvaluation:
        """Run the checks of an asset by themselves, over weeks as they are stored, and return one evaluation."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), name)
        checks = self.defs.get_asset_checks_def(key)
        job = self.defs.resolve_job_def("weekly").get_subset(
            asset_selection=set(), asset_check_selection=set(checks.check_keys)
        )
        result = job.execute_in_process(
            instance=self.scratch,
            tags=range_tags(list(weeks or self.weeks)),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,  # a blocking check that fails ends its step
        )
        found = [e for e in result.get_asset_check_evaluations() if e.asset_check_key == key]
        if not found:
            raise FoodInspectionsError(pipeline._why(result))
        return found[0]

    # Looking.

    def table(self, name: str) -> pd.DataFrame:
        """Return all rows of a table, sorted by week and key."""
        rows = self.database.read_range(name, self.weeks[0], self.weeks[-1])
        assert rows is not None, f"there is no table {name}"
        return rows

    def hashes(self) -> dict[tuple[str, date], str]:
        """Return the content hash of every stored week of every table, as last loaded."""
        rows = self.database.query(
            "select distinct on (asset, week) asset, week, content_hash from metadata.partition_loads "
            "order by asset, week, load_id desc"
        )
        return {(row.asset, row.week): row.content_hash for row in rows.itertuples()}

    def stored(self) -> dict[str, bytes]:
        """Return the bytes of every object of the stages."""
        paths = [path for zone in ("raw", "models") for path in self.objects.list_objects(zone)]
        return self.objects.get_many(paths)

    def document(self, asset: str, week: date, name: str = "model.json") -> dict[str, Any]:
        return orjson.loads(self.objects.get(f"models/{asset}/week={week}/{name}"))

    # Publishing.

    def publish(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert, edit or delete rows as the portal's publisher does."""
        answer = requests.post(f"{self.server.url}/resource/{INSPECTIONS}.json", json=list(rows), timeout=10)
        assert answer.ok, answer.text

    def rows_of(self, week: date) -> list[dict[str, Any]]:
        """Return the portal's rows of a week, in the order of ``:id``."""
        answer = requests.get(
            f"{self.server.url}/resource/{INSPECTIONS}.json",
            params={
                "$select": ":*, *",
                "$where": f"inspection_date >= '{week}' and inspection_date < '{week + WEEK}'",
                "$order": ":id",
                "$limit": "5000",
            },
            timeout=10,
        )
        assert answer.ok, answer.text
        return answer.json()

    @contextmanager
    def misbehaving(self, **fault: Any) -> Iterator[None]:
        """Give the portal a fault for a while."""
        answer = requests.post(f"{self.server.url}/control/faults", json=fault, timeout=10)
        assert answer.ok, answer.text
        try:
            yield
        finally:
            requests.delete(f"{self.server.url}/control/faults", timeout=10)


@contextmanager
def small_world(
    home: Path,
    postgres: EmbeddedPostgres,
    changed: Mapping[str, Mapping[str, Any]] | None = None,
    clock: Clock = lambda: datetime.now(UTC),
) -> Iterator[World]:
    """Start a world in the folder ``home``, which must not exist; the code location is its own while it lives."""
    source = PortalSource.simulated(simulate(CITY_WEEKS, seed=7, scale=0.1))
    with PortalServer(source, clock=clock) as server, pytest.MonkeyPatch.context() as patch:
        for variable in os.environ.keys() - variables_of(os.environ).keys():
            patch.delenv(variable)
        name = f"simulated-{uuid.uuid4().hex[:8]}"
        layers = {section: dict(values) for section, values in (changed or {}).items()}
        layers["portal"] = {"url": server.url, "name": name, **layers.get("portal", {})}
        layers["database"] = {"embedded_directory": str(postgres.directory), **layers.get("database", {})}
        write_home(home, layers)
        patch.setenv(HOME_VARIABLE, str(home))
        patch.setenv("DAGSTER_HOME", str(home))
        settings = load_settings()
        defs = definitions.definitions_for(settings)
        # Dagster reconstructs the job from the code location's `defs`, and remembers the last one.
        patch.setattr(definitions, "defs", defs)
        patch.setattr(commands, "defs", defs)
        ReconstructableJob.get_definition.cache_clear()
        with dg.DagsterInstance.get() as instance:
            yield World(home, settings, server, defs, instance)
        ReconstructableJob.get_definition.cache_clear()
