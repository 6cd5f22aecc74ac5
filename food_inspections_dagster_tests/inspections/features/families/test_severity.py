"""Violations by severity; a re-inspection lists those that were corrected."""

from datetime import date

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables

FIRST, SECOND, THIRD, DAY = (date(2016, 6, day) for day in (6, 13, 20, 27))


def features(*records, who="L1"):
    return compute_features(spine([(who, DAY)]), tables(list(records))).iloc[0]


def test_violations_are_counted_by_severity_without_re_inspections():
    several = FAILED_CANVASS | {"codes": [3, 3, 21, 38]}
    again = FAILED_CANVASS | {"week": SECOND, "is_reinspection": True, "codes": [3, 21]}
    clean = FAILED_CANVASS | {"week": THIRD, "results": "Pass", "codes": []}
    row = features(several, again, clean)
    assert (row["critical_1y"], row["serious_1y"], row["minor_1y"]) == (2, 1, 1)
    assert row["critical_rate_1y"] == 0.5, "of two inspections one, however many violations it had"


def test_a_window_ends_and_ever_does_not():
    old = FAILED_CANVASS | {"week": date(2014, 6, 2)}
    row = features(old)
    assert (row["critical_1y"], row["critical_2y"], row["critical_3y"], row["critical_ever"]) == (0, 0, 1, 1)
