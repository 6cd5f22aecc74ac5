"""What its zip code brought to light lately, drawn towards the city's."""

import math
from datetime import date

import pytest
from hypothesis import given, settings

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster.inspections.features.families.zip_means import DAYS, FAMILY, VALUES
from food_inspections_dagster_tests.inspections.features import naive
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables

DAY = date(2016, 8, 8)  # nine weeks after the visits


@settings(max_examples=15)
@given(naive.HISTORY)
def test_they_equal_a_naive_reading(records):
    clean = tables(records)
    visits = naive.routine(clean.inspections)
    wanted = []
    for place, day in naive.PAIRS:
        here = naive.equals(visits["zip"], naive.last_known(clean.inspections, place, day, "zip"))
        wanted.append({f"zip_{n}_{tau}d": naive.drawn(visits, here, n, day, tau, 3) for n in VALUES for tau in DAYS})
    naive.assert_equal(FAMILY, clean, wanted)


def test_a_zip_code_is_drawn_to_the_city_the_more_the_longer_ago_its_visits_were():
    elsewhere = FAILED_CANVASS | {"establishment_id": "L2", "zip": "60602", "results": "Pass", "codes": []}
    nowhere = elsewhere | {"establishment_id": "L3", "zip": None, "results": "Pass"}
    given = tables([FAILED_CANVASS, elsewhere, nowhere])
    rows = compute_features(spine([("L1", DAY), ("L3", DAY), ("L1", FAILED_CANVASS["week"])]), given)
    for tau in (14, 60, 365):
        weight = math.exp(-63 / tau)
        share = (weight + 3 * 1 / 3) / (weight + 3)
        assert rows[f"zip_failed_{tau}d"][0] == pytest.approx(share, abs=1e-6)
        assert rows[f"zip_failed_{tau}d"][1] == pytest.approx(1 / 3, abs=1e-6)
    assert rows["zip_failed_60d"].isna().tolist() == [False, False, True]


def test_re_inspections_and_complaints_do_not_count():
    others = [{"is_reinspection": True}, {"inspection_type": "Complaint"}, {"results": "No Entry"}]
    row = compute_features(spine([("L1", DAY)]), tables([FAILED_CANVASS | other for other in others])).iloc[0]
    assert row[[feature.name for feature in FAMILY.features]].isna().all()
