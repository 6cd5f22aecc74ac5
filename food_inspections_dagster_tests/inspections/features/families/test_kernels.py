"""What visits around it brought to light lately."""

import math
from datetime import date, timedelta

import pandas as pd
from hypothesis import given, settings

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster.inspections.features.families.kernels import FAMILY, VALUES
from food_inspections_dagster_tests.inspections.features import naive
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables


def near(at: tuple[float, float], visits: pd.DataFrame, h: float) -> list[float]:
    """Return the weights of visits by the distance between cells with a side of a third of ``h``."""

    def cell(latitude: float, longitude: float) -> tuple[float, float]:
        return math.floor(latitude * 111.2 / (h / 3)), math.floor((longitude + 90) * 82.8 / (h / 3))

    here = cell(*at)
    far = [
        math.inf if pd.isna(a) or pd.isna(b) else math.dist(here, cell(a, b))
        for a, b in zip(visits["latitude"], visits["longitude"], strict=True)
    ]
    return [math.exp(-sides / 3) if sides <= 24 else 0.0 for sides in far]


@settings(max_examples=15)
@given(naive.HISTORY)
def test_they_equal_a_naive_reading(records):
    clean = tables(records)
    visits = naive.routine(clean.inspections)
    wanted = []
    for place, day in naive.PAIRS:
        north = naive.last_known(clean.inspections, place, day, "latitude")
        around = [0.0] * len(visits) if north is None else near((north, -87.65), visits, 0.9)
        wanted.append({f"near_{name}_900m_60d": naive.drawn(visits, around, name, day, 60, 0.5) for name in VALUES})
    naive.assert_equal(FAMILY, clean, wanted)


def test_a_place_without_a_record_has_them_where_its_licence_tells_its_address():
    day = date(2016, 8, 22)
    passed = FAILED_CANVASS | {"establishment_id": "L2", "latitude": 41.95, "results": "Pass", "codes": []}
    term = {"license_number": 9, "license_start_date": day - timedelta(days=1), "license_code": 1006}
    place = {"latitude": 41.9, "longitude": -87.65}
    asked = spine([("L9", day)])
    shares = [
        compute_features(asked, tables([FAILED_CANVASS, passed], {"business_licenses": [term | at]}))[
            "near_failed_900m_60d"
        ][0]
        for at in ({}, place, place | {"latitude": 41.95})
    ]
    unknown, beside_failed, beside_passed = shares
    assert unknown == 0.5 and beside_failed > 0.6 and beside_passed < 0.4
