from collections.abc import Iterator

import pytest

from food_inspections_dagster.catalog import CLEAN_SOURCES, RAW_SOURCES
from food_inspections_dagster.defs.sources.assets import stages
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.source import DATASET
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.orchestration.stages import Stage
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range
from food_inspections_dagster_tests.defs.city import CITY, small_city
from food_inspections_dagster_tests.world import World
from food_inspections_portal.city.surroundings import COMPLAINTS, CRIMES, LICENSES, REQUESTS, STATIONS

RAW, CLEAN = RAW_SOURCES["crimes"], CLEAN_SOURCES["crimes"]
WEEKS = CITY[:3]


def _stages(**named: list[str] | None) -> dict[str, Stage]:
    """Return the stages of some sources by name; all others are switched off."""
    made = stages(load_settings({"sources": {**dict.fromkeys(SOURCES), **named}}))
    return {stage.name: stage for stage in made}


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Three weeks of the city's crimes."""
    home = tmp_path_factory.mktemp("sources") / "home"
    with small_city(home, postgres, weeks=len(WEEKS), until=CLEAN.asset, sources=True) as made:
        made.make(WEEKS, until=CLEAN.asset)
        yield made


def test_each_source_that_has_data_sets_has_two_stages() -> None:
    assert _stages() == {}
    made = _stages(crimes=[CRIMES], sanitation_complaints=[COMPLAINTS, REQUESTS])
    assert list(made) == ["raw_crimes", "clean_crimes", "raw_sanitation_complaints", "clean_sanitation_complaints"]
    assert [list(stage.outputs) for stage in made.values()] == [
        *([RAW.asset], [CLEAN.asset], ["raw_sanitation_complaints"], ["sanitation_complaints"])
    ]
    raw, clean = made["raw_crimes"], made["clean_crimes"]
    assert raw.source is not None and raw.optional and not raw.inputs
    assert clean.source is None and [given.entry for given in clean.inputs.values()] == [RAW]
    assert (
        f"Source: {COMPLAINTS}, {REQUESTS};"
        in made["raw_sanitation_complaints"].outputs["raw_sanitation_complaints"].description
    )


def test_a_source_that_is_none_is_refused_with_the_one_it_resembles() -> None:
    with pytest.raises(FoodInspectionsError, match="'crime' in section 'sources' is no source: use crimes"):
        _stages(crime=[CRIMES])


def test_other_data_sets_are_other_settings_of_the_raw_rows_alone() -> None:
    one, two = _stages(crimes=[CRIMES]), _stages(crimes=[CRIMES, "more-0001"])
    digests = [
        [output.settings_digest for stage in made.values() for output in stage.outputs.values()] for made in (one, two)
    ]
    assert digests[0][0] != digests[1][0] and digests[0][1] == digests[1][1]
    assert one["raw_crimes"].code_version == two["raw_crimes"].code_version


def test_calendars_reach_back_as_far_as_rows_say_something() -> None:
    made = _stages(crimes=[CRIMES], business_licenses=[LICENSES], police_stations=[STATIONS])
    late = week_range(FIRST_WEEK + 200 * WEEK, FIRST_WEEK + 201 * WEEK)
    weeks = {name: stage.calendar.weeks(late) for name, stage in made.items()}
    assert weeks["raw_crimes"] == week_range(late[0] - 13 * WEEK, late[-1])
    assert weeks["raw_business_licenses"] == [FIRST_WEEK, *week_range(late[0] - 110 * WEEK, late[-1])]
    assert weeks["raw_police_stations"] == [FIRST_WEEK]
    assert all(weeks[f"raw_{name}"] == weeks[f"clean_{name}"] for name in ("crimes", "business_licenses"))


def test_raw_rows_come_as_sent_and_clean_ones_typed(world: World) -> None:
    raw, clean = world.rows(RAW), world.rows(CLEAN)
    assert set(raw["week"]) == set(WEEKS) and set(raw[DATASET]) == {CRIMES}
    assert raw["id"].map(type).eq(str).all() and set(raw["primary_type"]) == {"BURGLARY"}
    assert sorted(raw["id"].astype(int)) == sorted(clean["crime_id"]) and len(clean) > 10
    assert (clean["date"] >= clean["week"]).all() and (clean["date"] < clean["week"] + WEEK).all()
    assert not world.stale(WEEKS, until=CLEAN.asset)


def test_rows_of_a_data_set_that_is_no_longer_named_go(world: World) -> None:
    """And one that is not there is told, without a failure of the run."""
    other = world.reconfigured({"sources": {**dict.fromkeys(SOURCES), "crimes": ["gone-0000"]}})
    other.weeks = world.weeks
    try:
        report = other.make(WEEKS, until=CLEAN.asset)
        assert "gone-0000 cannot be read" in " ".join(report.warnings)
        assert other.rows(RAW).empty and other.rows(CLEAN).empty
        assert not other.stale(WEEKS, until=CLEAN.asset)
    finally:
        other.instance.dispose()
