import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.inspections.features import Past
from food_inspections_dagster.inspections.features.matrix import past_of
from food_inspections_dagster.inspections.features.past import ratio
from food_inspections_dagster.inspections.features.tables import PLACE_TYPES, Described
from food_inspections_dagster_tests.inspections.features.histories import (
    FAILED_CANVASS,
    MONDAYS,
    frame,
    source,
    spine,
    tables,
)

VISITS = [
    {},
    {"week": MONDAYS[1], "results": "Pass", "is_reinspection": True},
    {"week": MONDAYS[1], "establishment_id": "L2", "results": "No Entry"},
    {"week": MONDAYS[2], "results": "Pass w/ Conditions"},
]


@pytest.fixture
def past() -> Past:
    """The past of L1 as of each of the first four Mondays."""
    asked = spine([("L1", monday) for monday in MONDAYS[:4]])
    return past_of(asked, tables([FAILED_CANVASS | visit for visit in VISITS]))[0]


def test_a_reinspection_is_no_initial_visit(past):
    assert past.records.decided.tolist() == [True, True, False, True]
    assert past.records.initial.tolist() == [True, False, False, True]
    assert past.records.reinspection.tolist() == [False, True, False, False]


def test_counts_and_positions_are_those_before_each_day(past):
    assert past.count(past.records.decided, None).tolist() == [0, 1, 2, 3]
    assert past.count(past.records.decided, 80).tolist() == [0, 1, 1, 1]
    assert past.last(past.records.decided).tolist() == [-1, 0, 1, 3]
    assert past.last_but_one(past.records.decided).tolist() == [-1, -1, 0, 1]
    assert past.text("results", past.last(past.records.decided)).to_pylist() == [
        None, "Fail", "Pass", "Pass w/ Conditions",
    ]  # fmt: skip
    assert past.days_since(past.last(past.records.failed))[1:].tolist() == [77, 154, 231]


def test_what_was_computed_is_kept_positions_for_all_families(past):
    mask = past.records.decided
    assert past.for_next_family().last(mask) is past.last(mask)
    made = []
    assert [past.once("a", lambda: made.append(1) or 5), past.once("a", lambda: made.append(1) or 6)] == [5, 5]
    assert made == [1]
    # A mask that is gone leaves its id to another: sums are kept beside their mask.
    sums = [past.count(np.array([i, 0, 0, 0]), None)[-1] for i in range(50)]
    assert sums == list(range(50))


def test_a_ratio_over_none_is_unknown():
    assert pd.isna(ratio(np.array([0, 1]), np.array([0, 4]))).tolist() == [True, False]


def test_what_is_told_of_a_described_place_comes_after_its_records_and_before_its_licence():
    told = {"establishment_id": "L9", "dba_name": "TOLD", "facility_type": "School", "risk": 2, "zip": "60602"}
    other = told | {"establishment_id": "L8", "latitude": 41.8, "longitude": -87.6}
    term = {"license_start_date": MONDAYS[0], "license_code": 1584, "doing_business_as_name": "LICENSED"}
    mine = tables([FAILED_CANVASS | {"establishment_id": "L8", "inspection_id": 99, "latitude": None}])
    described = Described(
        frame([dict.fromkeys(PLACE_TYPES) | place for place in (told, other)], PLACE_TYPES),
        mine.inspections,
        mine.violations,
        source("business_licenses", [term | {"license_number": number, "address": "9 N"} for number in (8, 9)]),
    )
    asked = spine([(name, MONDAYS[4]) for name in ("L8", "L9", "L1")])
    past, back = past_of(asked, tables([FAILED_CANVASS]), described)
    assert past.records.public.tolist() == [True, False]
    assert past.name.take(back).to_pylist() == ["DELI", "TOLD", "DELI"]
    assert past.facility_type.take(back).to_pylist() == ["Restaurant", "School", "Restaurant"]
    assert past.risk.take(back).to_pylist() == [1, 2, 1]
    assert past.location.zip.take(back).to_pylist() == ["60601", "60602", "60601"]
    assert past.location.address.take(back).to_pylist() == ["A", "9 N", "A"]
    assert past.location.latitude[back].tolist()[::2] == [41.8, 41.9] and np.isnan(past.location.latitude[back][1])
