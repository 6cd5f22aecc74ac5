"""What the simulated city publishes beside its inspections."""

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster.weeks import FIRST_WEEK
from food_inspections_portal.city import establishments as places
from food_inspections_portal.city.simulate import INSPECTIONS, simulate, simulate_city
from food_inspections_portal.city.surroundings import (
    AREAS,
    COMPLAINTS,
    CRIMES,
    DATASETS,
    INSPECTORS,
    LICENSES,
    REQUESTS,
    STATIONS,
    WEATHER,
)
from food_inspections_portal.city.visits import area_traits
from food_inspections_portal.sources import KINDS

WEEKS, SEED, SCALE = 60, 5, 0.15


@pytest.fixture(scope="module")
def tables() -> dict[str, pa.Table]:
    return simulate_city(WEEKS, SEED, SCALE)


def test_inspections_are_those_of_the_city_alone(tables):
    assert tables.keys() == {INSPECTIONS, *DATASETS} == {kind.id for kind in KINDS}
    assert tables[INSPECTIONS].equals(simulate(WEEKS, SEED, SCALE))


def test_the_same_seed_gives_the_same_rows_and_a_longer_city_leaves_them(tables):
    again, longer = simulate_city(WEEKS, SEED, SCALE), simulate_city(WEEKS + 9, SEED, SCALE)
    for dataset in DATASETS:
        assert again[dataset].equals(tables[dataset]), dataset
        assert longer[dataset].slice(0, len(tables[dataset])).equals(tables[dataset]), dataset
        ids = tables[dataset][":id"].to_pylist()
        assert len(set(ids)) == len(ids), dataset
        assert all(pa.types.is_string(kind) for kind in tables[dataset].schema.types), dataset


def test_a_place_is_licensed_before_it_is_first_visited(tables):
    inspections, licenses = tables[INSPECTIONS].to_pandas(), tables[LICENSES].to_pandas()
    retail = licenses[licenses["license_code"] == "1006"]
    first_visit = inspections.groupby("license_")["inspection_date"].min()
    first_term = retail.groupby("license_number")["license_start_date"].min()
    both = pd.concat([first_visit, first_term], axis=1).dropna()
    assert (both["license_start_date"] < both["inspection_date"]).all()
    matched = inspections["license_"].isin(retail["license_number"]).mean()
    assert 0.8 < matched < 0.97, "some inspections match no licence"
    issued = retail[retail["application_type"] == "ISSUE"].set_index("license_number")["license_start_date"]
    visits = inspections[inspections["inspection_type"] == "License"].groupby("license_")["inspection_date"].min()
    waited = (pd.to_datetime(visits) - pd.to_datetime(issued)).dropna().dt.days
    assert len(waited) > 20 and waited.min() > 0 and (waited <= 56).mean() > 0.7
    starts = pd.to_datetime(retail.sort_values("license_start_date").set_index("license_number")["license_start_date"])
    between = starts.groupby(level=0).diff().dropna().dt.days
    assert len(between) > 100 and set(between) == {730}, "renewed every two years"


def test_complaints_move_to_the_new_system(tables):
    assert len(tables[REQUESTS]) == 0 and len(tables[COMPLAINTS]) > 1_000
    later = simulate_city(4, SEED, 0.3, first_week=pd.Timestamp("2018-12-10").date())
    assert later[COMPLAINTS]["creation_date"].to_pandas().max() < "2018-12-18"
    assert later[REQUESTS]["created_date"].to_pandas().min() >= "2018-12-18"


def test_complaints_and_crimes_are_more_where_places_fare_badly_and_in_summer():
    tables = simulate_city(52, 9, 1.0)
    crimes, complaints = tables[CRIMES].to_pandas(), tables[COMPLAINTS].to_pandas()
    assert 0.005 < (crimes["primary_type"] != "BURGLARY").mean() < 0.04
    assert crimes["community_area"].astype(int).between(1, 77).all()
    for dates in (crimes["date"], complaints["creation_date"]):
        months = pd.to_datetime(dates).dt.month.value_counts()
        assert months[8] > 1.2 * months[2]
    counted = complaints["zip_code"].value_counts().reindex(places.ZIP_NAMES).fillna(0).to_numpy()
    usual = counted >= 50
    excess = np.log(counted[usual] / places.ZIP_SHARE[usual])
    assert np.corrcoef(excess, area_traits(9, 1.0, FIRST_WEEK)[usual])[0, 1] > 0.3
    assert complaints["zip_code"].ne("60666").all(), "nobody complains of the airport"


def test_weather_has_seasons_and_a_memory(tables):
    weather = tables[WEATHER].to_pandas()
    assert len(weather) == 7 * WEEKS and weather["date"].is_unique
    temperature = weather["temperature_max"].astype(float)
    month = pd.to_datetime(weather["date"]).dt.month
    assert temperature[month == 7].mean() > temperature[month == 1].mean() + 25
    assert 0.85 < np.corrcoef(temperature[1:], temperature[:-1])[0, 1] < 0.98
    assert weather["humidity"].astype(float).between(0, 1).all()


def test_places_and_inspectors(tables):
    assert len(tables[STATIONS]) == 23 and len(tables[AREAS]) == 77
    inspectors = tables[INSPECTORS].to_pandas()
    numbers = set(tables[INSPECTIONS]["inspection_id"].to_pylist()) - {None}
    assert numbers <= set(inspectors["inspection_id"])
    assert 20 <= inspectors["inspector"].nunique() <= 40
