"""Sources beside the inspections: made, edited, absent and back again, and never what stops the list."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
import requests

from food_inspections_dagster.catalog import CLEAN_SOURCES, RAW_SOURCES, SCORES
from food_inspections_dagster.weeks import FIRST_WEEK
from food_inspections_dagster_tests.world import CITY_WEEKS, World, small_world
from food_inspections_portal.city.simulate import simulate_city
from food_inspections_portal.city.surroundings import AREAS, COMPLAINTS, CRIMES, LICENSES, REQUESTS, WEATHER
from food_inspections_portal.sources import PortalSource

CONFIGURED = {
    "business_licenses": [LICENSES],
    "sanitation_complaints": [COMPLAINTS, REQUESTS],
    "crimes": [CRIMES],
    "community_areas": [AREAS],
    "weather": [WEATHER],
    "inspector_assignments": ["gone-0000"],  # the portal has no such data set
}
RAW_CRIMES, CLEAN_CRIMES = RAW_SOURCES["crimes"], CLEAN_SOURCES["crimes"]


@pytest.fixture
def world(tmp_path, postgres) -> Iterator[World]:
    city = simulate_city(CITY_WEEKS, seed=7, scale=0.1)
    with small_world(
        tmp_path / "home", postgres, {"sources": CONFIGURED}, source=lambda: PortalSource.simulated(city)
    ) as made:
        yield made


def take_away(world: World, dataset: str) -> None:
    world.server.app._gone = world.server.app._tables.pop(dataset)


def bring_back(world: World, dataset: str) -> None:
    world.server.app._tables[dataset] = world.server.app._gone


def edit(world: World, dataset: str, **row: str) -> None:
    answer = requests.post(f"{world.server.url}/resource/{dataset}.json", json=[row], timeout=60)
    assert answer.ok, answer.text


def test_an_absent_source_never_stops_the_list_and_is_made_when_it_is_back(world):
    weeks = world.weeks[-6:]
    take_away(world, CRIMES)  # from the beginning
    report = world.make(weeks)
    assert (SCORES.asset, weeks[-1]) in world.hashes(), "the whole graph was made"
    told = " ".join(report.warnings)
    assert "gone-0000 cannot be read" in told and f"{CRIMES} cannot be read" in told
    assert "source_answers of raw_weather" not in told
    assert world.rows(CLEAN_CRIMES).empty and not world.stale(weeks)
    assert world.make(weeks).run_ids == [], "what is absent is not made again and again"
    licenses = world.rows(CLEAN_SOURCES["business_licenses"])
    assert (licenses["license_start_date"] < FIRST_WEEK).any(), "what began before the calendar lies in its first week"
    assert len(world.rows(CLEAN_SOURCES["community_areas"])) == 77

    bring_back(world, CRIMES)
    assert set(world.stale(weeks)) == {RAW_CRIMES.asset}
    report = world.make(weeks)
    crimes = world.rows(CLEAN_CRIMES)
    assert len(crimes) and crimes["primary_type"].eq("BURGLARY").all()
    assert f"{CRIMES} cannot be read" not in " ".join(report.warnings)

    take_away(world, CRIMES)  # in the middle: what is stored stays
    before = world.hashes()
    report = world.make(weeks)
    assert f"{CRIMES} cannot be read" in " ".join(report.warnings)
    assert world.hashes() == before and world.rows(CLEAN_CRIMES).equals(crimes)

    bring_back(world, CRIMES)
    first = crimes.iloc[-1]
    edit(world, CRIMES, id=str(first["crime_id"]), community_area="5")
    world.make(weeks)
    edited = world.rows(CLEAN_CRIMES)
    assert edited.loc[edited["crime_id"] == first["crime_id"], "community_area"].tolist() == [5]
    changed = {key for key, content in world.hashes().items() if before[key] != content}
    profiled = {(asset, weeks[-1]) for asset in ("data_profile", "data_profile_report")}  # it is of the sources too
    assert changed == {(RAW_CRIMES.asset, first["week"]), (CLEAN_CRIMES.asset, first["week"])} | profiled
    assert not world.stale(weeks)


def test_a_source_that_counts_its_rows_and_cannot_give_them_is_read_once(world):
    weeks = world.weeks[-2:]
    world.make(weeks, until="weather")
    edit(world, WEATHER, date=f"{weeks[-1] + timedelta(days=2)}T00:00:00.000", temperature_max="70")
    with world.misbehaving(kind="status", on="rows", times=None):
        report = world.make(weeks, until="weather")
        assert "source_answers of raw_weather failed" in " ".join(report.warnings)
        assert len(world.rows(CLEAN_SOURCES["weather"])) >= 14
    world.make(weeks, until="weather")
    weather = world.rows(CLEAN_SOURCES["weather"])
    assert weather.loc[weather["date"] == weeks[-1] + timedelta(days=2), "temperature_max"].tolist() == [70.0]


def test_renamed_columns_are_an_absent_source(world):
    weeks = world.weeks[-2:]
    world.make(weeks, until="weather")
    stored = world.rows(CLEAN_SOURCES["weather"])
    with world.misbehaving(kind="changed_schema", drop=["temperature_max"]):
        report = world.make(weeks, until="weather")
    assert "it must have date, temperature_max" in " ".join(report.warnings)
    assert world.rows(CLEAN_SOURCES["weather"]).equals(stored)
