from datetime import date, timedelta

import pandas as pd
import pytest

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables

DAY = date(2016, 8, 22)
NAMES = ["sanitation_complaints_near_90d", "burglaries_near_90d", "temperature_3d", "police_station_km"]


def features_of(city, records=(FAILED_CANVASS,)):
    return compute_features(spine([("L1", DAY)]), tables(list(records), city)).iloc[0][NAMES]


def at(latitude: float, day: date, of: str) -> dict:
    return {of: day, "latitude": latitude, "longitude": -87.65}


def test_what_is_near_and_lately_counts():
    days = [DAY, DAY - timedelta(days=1), DAY - timedelta(days=90), DAY - timedelta(days=91)]
    complaints = [at(41.9, day, "creation_date") for day in days]
    burglaries = [at(latitude, days[1], "date") for latitude in (41.9, 41.907, 41.893, 41.93)]
    nowhere = {"date": days[1]}
    row = features_of({"sanitation_complaints": complaints, "crimes": [*burglaries, nowhere]})
    assert row.tolist()[:2] == [2, 3]
    # 41.9 is 0.05 degrees, or 5.6 km, from the only station with a place.
    assert row["police_station_km"] == pytest.approx(5.56, abs=0.01)


def test_the_temperature_is_that_of_the_days_before():
    weather = [{"date": DAY - timedelta(days=back), "temperature_max": 60.0 + back} for back in (0, 1, 3, 4)]
    assert features_of({"weather": weather})["temperature_3d"] == 62


def test_a_source_that_is_absent_and_a_place_that_is_nowhere_are_unknown():
    assert pd.isna(features_of({"police_stations": []})).all()
    row = features_of({"crimes": [at(41.9, date(2016, 8, 1), "date")]}, [FAILED_CANVASS | {"latitude": None}])
    assert pd.isna(row).all()
