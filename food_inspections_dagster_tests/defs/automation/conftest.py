"""A city of 20 weeks that is edited, and the job and the sensor that follow it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta

import dagster as dg
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.defs.automation.definitions import automation_for
from food_inspections_dagster.defs.automation.jobs import UP_TO_DATE
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster_tests.defs.city import small_city
from food_inspections_dagster_tests.world import World

QUIET = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}


class Clock:
    """A clock that tests turn; the portal dates its edits by it, and the sensor asks it."""

    def __init__(self) -> None:
        self.now = datetime.now(UTC)

    def __call__(self) -> datetime:
        return self.now

    def go_on(self, **time: float) -> None:
        """Turn it on."""
        self.now += timedelta(**time)


class Automation:
    """The job and the sensor of a world, asked again and again with the cursor that was left, as the daemon does."""

    def __init__(self, world: World, clock: Clock) -> None:
        self.world, self.clock = world, clock
        made = automation_for(world.settings, world.graph, world.stages, clock)
        self.definitions = dg.Definitions.merge(world.stages, made)
        self.sensor = self.definitions.resolve_sensor_def("portal_updates")
        self.cursor: str | None = None
        self.words = ""

    def tick(self) -> list[dg.RunRequest]:
        """Return what one tick requests; where it requests nothing, ``words`` says why."""
        with dg.build_sensor_context(
            instance=self.world.instance,
            cursor=self.cursor,
            resources={"portal": self.world.portal, "ledger": self.world.ledger},
            definitions=self.definitions,
        ) as context:
            told = self.sensor.evaluate_tick(context)
        self.cursor, self.words = told.cursor or self.cursor, told.skip_message or ""
        return list(told.run_requests or ())

    def run(self, request: dg.RunRequest | None = None) -> dg.ExecuteInProcessResult:
        """Run the job in this process, as a request or as a person does."""
        return self.definitions.resolve_job_def(UP_TO_DATE).execute_in_process(
            instance=self.world.instance,
            tags=dict(request.tags) if request else None,
            run_config=QUIET,
            raise_on_error=False,
        )

    def recorded(self, request: dg.RunRequest, status: dg.DagsterRunStatus) -> str:
        """Record a run of a request as it is in some state, without running it; return its id."""
        job = self.definitions.resolve_job_def(UP_TO_DATE)
        return self.world.instance.create_run_for_job(job, tags=dict(request.tags), status=status).run_id

    def follow(self) -> None:
        """Let the sensor see what is new and its run end, after which nothing is left to do."""
        requests = self.tick()
        assert len(requests) == 1, self.words
        assert self.run(requests[0]).success
        self.clock.go_on(minutes=5)
        assert self.tick() == []
        assert self.words == "Every week that is loaded is current."


def differences(world: World, weeks: list[date]) -> list[str]:
    """Return what the stores of a world hold otherwise than a fresh build of its portal does."""
    fresh = world.fresh()
    try:
        fresh.make(weeks)
        expected, stored = fresh.bytes_stored(), world.bytes_stored()
        loads = fresh.ledger.snapshot().loads
    finally:
        fresh.instance.dispose()
    # Other weeks stay: lists of weeks that are over, and what says that a week has been emptied.
    for name, entry in catalog.TABLES.items():
        asset = catalog.PUBLISHED_LIST.asset if entry in catalog.PUBLISHED_LIST.tables else entry.asset
        if asset not in loads:  # a source that this city has not
            continue
        rows = world.table(name)
        stored[name] = rows[rows["week"].isin(list(loads[asset]))].to_csv(index=False)
    return [name for name, content in expected.items() if stored.get(name) != content]


@pytest.fixture(scope="module")
def clock() -> Clock:
    return Clock()


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory, clock: Clock) -> Iterator[World]:
    """An empty world over the city of 20 weeks."""
    with small_city(tmp_path_factory.mktemp("world") / "home", postgres, clock) as made:
        yield made


@pytest.fixture(scope="module")
def automation(world: World, clock: Clock) -> Automation:
    return Automation(world, clock)
