"""Rates of the area, drawn towards the city's."""

from datetime import date

from food_inspections_dagster.inspections.features import SMOOTHING, compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables

FIRST, SECOND, THIRD, DAY = (date(2016, 6, day) for day in (6, 13, 20, 27))


def features(*records, who="L1"):
    return compute_features(spine([(who, DAY)]), tables(list(records))).iloc[0]


HERE = FAILED_CANVASS
THERE = FAILED_CANVASS | {"establishment_id": "L2", "zip": "60602", "address": "B", "results": "Pass", "codes": []}


def test_a_rate_is_drawn_towards_the_citys():
    row = features(HERE, THERE)
    assert row["city_fail_rate_90d"] == 0.5
    assert abs(row["zip_fail_rate_90d"] - (1 + SMOOTHING * 0.5) / (1 + SMOOTHING)) < 1e-6
    assert row["zip_inspections_365d"] == 1


def test_shops_of_a_chain_share_a_name_whatever_their_number():
    other = THERE | {"dba_name": "DELI #22 INC"}
    assert features(HERE, other)["chain_inspections_1095d"] == 2
    assert features(HERE, THERE | {"dba_name": "BAKERY"})["chain_inspections_1095d"] == 1


def test_re_inspections_and_places_whose_area_is_unknown():
    assert features(HERE, THERE | {"zip": "60601", "is_reinspection": True})["zip_inspections_365d"] == 1
    nowhere = features(HERE | {"zip": None, "latitude": None})
    assert nowhere[["zip_fail_rate_90d", "zip_inspections_365d", "cell_fail_rate_90d"]].isna().all()
