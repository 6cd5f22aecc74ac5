"""The time of the year."""

from datetime import date

import pytest

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables


def test_the_year_is_a_circle():
    days = [date(2018, 1, 1), date(2018, 7, 2), date(2018, 12, 31)]
    rows = compute_features(spine([("L1", day) for day in days]), tables([FAILED_CANVASS]))
    sine, cosine = rows["day_of_year_sin"].tolist(), rows["day_of_year_cos"].tolist()
    assert (sine[0], cosine[0]) == (0, 1) and cosine[1] == pytest.approx(-1, abs=0.001)
    assert (sine[2], cosine[2]) == (pytest.approx(0, abs=0.03), pytest.approx(1, abs=0.001))
    assert rows["month"].tolist() == [1, 7, 12]
