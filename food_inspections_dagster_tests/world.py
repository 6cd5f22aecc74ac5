"""A small city with everything that the graph needs, apart from every other: portal, stores, Dagster."""

import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import dagster as dg
import orjson
import pandas as pd
import pyarrow as pa
import pytest
import requests
import yaml

from food_inspections_dagster import catalog, definitions
from food_inspections_dagster.catalog import Documents, Rows, Table
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.orchestration import planner, runs
from food_inspections_dagster.orchestration.current import Currency, Reason
from food_inspections_dagster.orchestration.instance import instance_for
from food_inspections_dagster.orchestration.partitions import range_tags
from food_inspections_dagster.orchestration.stages import Graph
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.settings import HOME_VARIABLE, Settings, load_settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range
from food_inspections_portal.city.simulate import simulate_city
from food_inspections_portal.city.surroundings import LICENSES
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
            "calibration_weeks": 8,
            "inspection_types": ["Canvass", "Complaint", "License"],
        },
    },
    "validation": {"test_durations": [4], "min_subset_rows": 20, "top_counts": [10, 25]},
    "selection": {"evaluation_weeks": 12, "period_weeks": 4, "min_evaluation_rows": 40},
    "bias": {"attributes": ["facility_type", "side"], "evaluation_weeks": 12, "min_group_size": 10},
    # The one that features are made from; others are two assets more each, where a test asks for them.
    "sources": {**dict.fromkeys(SOURCES), "business_licenses": [LICENSES]},
}


@cache
def rows_of_city(weeks: int = CITY_WEEKS, scale: float = 0.1) -> Mapping[str, pa.Table]:
    """Return what a simulated city publishes, by data set; made once."""
    return simulate_city(weeks, seed=7, scale=scale)


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
    weeks: list[date] = field(default_factory=lambda: list(WEEKS))
    # Evaluations of checks that tests make fail on purpose; the world's own history stays clean.
    scratch: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    @cached_property
    def instance(self) -> dg.DagsterInstance:
        return instance_for(self.settings)

    @cached_property
    def portal(self) -> PortalClient:
        return PortalClient.from_settings(self.settings)

    @cached_property
    def graph(self) -> Graph:
        return definitions.graph_for(self.settings)

    @cached_property
    def stages(self) -> dg.Definitions:
        return definitions.stages_for(self.settings, self.graph)

    @cached_property
    def defs(self) -> dg.Definitions:
        return definitions.definitions_for(self.settings)

    @cached_property
    def database(self) -> Database:
        return Database.from_settings(self.settings)

    @cached_property
    def objects(self) -> ObjectStore:
        return ObjectStore.from_settings(self.settings)

    @cached_property
    def stored(self) -> Stored:
        return Stored(self.database, self.objects)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.database)

    def reconfigured(self, changed: Mapping[str, Mapping[str, Any]]) -> "World":
        """Return the same stores and portal with other settings."""
        settings = load_settings({**_layer(self.settings), **changed})
        return World(self.home, settings, self.server, self.weeks)

    def fresh(self) -> "World":
        """Return empty stores on the same portal, for what a fresh build makes of it; dispose of its instance."""
        name = f"simulated-{uuid.uuid4().hex[:8]}"
        return self.reconfigured({"portal": {"url": self.settings.portal.url, "name": name}})

    # Running.

    def targets(self, weeks: Sequence[date], until: str | None = None) -> planner.Targets:
        """Return the weeks that are to be current, of each asset."""
        return planner.targets(self.graph, self.ledger.snapshot(), list(weeks), self.settings.scores.run_weeks, until)

    def currency(self, weeks: Sequence[date] | None = None) -> Currency:
        """Return what is current now."""
        bounds = weeks or self.weeks
        states = planner.source_states(self.graph, self.portal, bounds[0], bounds[-1])
        return Currency(self.graph, self.ledger.snapshot(), states)

    def stale(self, weeks: Sequence[date] | None = None, until: str | None = None) -> dict[str, dict[date, Reason]]:
        """Return the weeks that are not current, by the first asset of each unit."""
        bounds = list(weeks or self.weeks)
        reasons = planner.stale(self.currency(bounds), self.targets(bounds, until))
        return {unit[0]: of_unit for unit, of_unit in reasons.items() if of_unit}

    def plan(self, weeks: Sequence[date], until: str | None = None) -> list[runs.PlannedRun]:
        """Return the next batch of runs."""
        return planner.next_batch(self.currency(weeks), self.targets(weeks, until))

    def make(self, weeks: Sequence[date], until: str | None = None, **options: Any) -> runs.Report:
        """Make what is not current, as `food-inspections run` does."""
        return planner.bring_up_to_date(
            self.graph,
            self.stages,
            self.instance,
            self.ledger,
            self.portal,
            self.targets(weeks, until),
            **options,
        )

    def remake(self, weeks: Sequence[date], *assets: str, checks: bool = True) -> runs.Report:
        """Make assets again, whatever is there, in one run of a range."""
        report = runs.Report()
        run = runs.PlannedRun(assets, tuple(weeks), assets if checks else ())
        runs.execute(self.graph, self.stages, self.instance, run, report)
        return report

    def judge(self, weeks: Sequence[date], *assets: str) -> None:
        """Judge the rules of the store of assets, and keep what they say."""
        runs.execute(self.graph, self.stages, self.instance, runs.PlannedRun((), tuple(weeks), assets), runs.Report())

    def check(self, asset: str, name: str, weeks: Sequence[date] | None = None) -> dg.AssetCheckEvaluation:
        """Judge one rule of the store by itself, over weeks as they are stored."""
        key = dg.AssetCheckKey(dg.AssetKey(asset), name)
        job = self.stages.resolve_job_def("weekly").get_subset(asset_selection=set(), asset_check_selection={key})
        result = job.execute_in_process(
            instance=self.scratch,
            tags=range_tags(list(weeks or self.weeks)),
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            raise_on_error=False,  # a blocking check that fails ends its step
        )
        evaluations = [e for e in result.get_asset_check_evaluations() if e.asset_check_key == key]
        if not evaluations:
            raise FoodInspectionsError(runs.words_of_failure(result.all_events, result.run_id))
        return evaluations[0]

    # Looking.

    def table(self, name: str) -> pd.DataFrame:
        """Return all rows of a table of Postgres, sorted by week and key."""
        rows = self.database.read_range(name, self.weeks[0], self.weeks[-1])
        assert rows is not None, f"there is no table {name}"
        return rows

    def rows(self, entry: Rows | Table) -> pd.DataFrame:
        """Return all rows of an entry as Parquet has them."""
        return self.stored.rows(entry, self.stored.weeks(entry, self.weeks))

    def hashes(self) -> dict[tuple[str, date], str]:
        """Return the content hash of every week of every asset, as last loaded."""
        loads = self.ledger.snapshot().loads
        return {(asset, week): load.content_hash for asset, weeks in loads.items() for week, load in weeks.items()}

    def objects_stored(self) -> dict[str, bytes]:
        """Return the bytes of every object of the stages."""
        paths = [path for zone in catalog.ZONES for path in self.objects.list_objects(zone)]
        return self.objects.get_many(paths)

    def bytes_stored(self) -> dict[str, Any]:
        """Return everything that the stages have stored: objects as bytes, tables as CSV."""
        tables = {
            name: self.table(name).to_csv(index=False) for name in catalog.TABLES if self.database.has_table(name)
        }
        return {**self.objects_stored(), **tables}

    def document(self, entry: Documents, week: date) -> dict[str, Any]:
        return orjson.loads(self.objects.get(entry.path(week)))

    # Publishing.

    def publish(self, rows: Sequence[Mapping[str, Any]]) -> None:
        """Insert, edit or delete rows as the portal's publisher does."""
        if not rows:
            return
        answer = requests.post(f"{self.server.url}/resource/{INSPECTIONS}.json", json=list(rows), timeout=60)
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
            timeout=60,
        )
        assert answer.ok, answer.text
        return answer.json()

    @contextmanager
    def misbehaving(self, **fault: Any) -> Iterator[None]:
        """Give the portal a fault for a while."""
        answer = requests.post(f"{self.server.url}/control/faults", json=fault, timeout=60)
        assert answer.ok, answer.text
        try:
            yield
        finally:
            requests.delete(f"{self.server.url}/control/faults", timeout=60)


def _layer(settings: Settings) -> dict[str, dict[str, Any]]:
    return {"portal": {"url": settings.portal.url, "name": settings.portal.name}}


@contextmanager
def small_world(
    home: Path,
    postgres: EmbeddedPostgres,
    changed: Mapping[str, Mapping[str, Any]] | None = None,
    clock: Clock = lambda: datetime.now(UTC),
    source: Callable[[], PortalSource] = lambda: PortalSource.simulated(rows_of_city()),
) -> Iterator[World]:
    """Start a world in the folder ``home``, which must not exist; the project's folder is its own while it lives."""
    with PortalServer(source(), clock=clock) as server, pytest.MonkeyPatch.context() as patch:
        for variable in os.environ.keys() - variables_of(os.environ).keys():
            patch.delenv(variable)
        name = f"simulated-{uuid.uuid4().hex[:8]}"
        layers = {section: dict(values) for section, values in (changed or {}).items()}
        layers["portal"] = {"url": server.url, "name": name, **layers.get("portal", {})}
        layers["database"] = {"embedded_directory": str(postgres.directory), **layers.get("database", {})}
        write_home(home, layers)
        patch.setenv(HOME_VARIABLE, str(home))
        patch.setenv("DAGSTER_HOME", str(home))
        world = World(home, load_settings(), server)
        try:
            yield world
        finally:
            if "instance" in vars(world):
                world.instance.dispose()
