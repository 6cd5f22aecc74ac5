"""Its last two decisions; visits without one lie between them unseen."""

from datetime import date

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables

FIRST, SECOND, THIRD, DAY = (date(2016, 6, day) for day in (6, 13, 20, 27))


def features(*records, who="L1"):
    return compute_features(spine([(who, DAY)]), tables(list(records))).iloc[0]


PASSED = FAILED_CANVASS | {"week": SECOND, "results": "Pass", "codes": [38]}
CLOSED_DOOR = FAILED_CANVASS | {"week": THIRD, "results": "No Entry", "inspection_type": "License", "codes": []}


def test_the_last_two_decisions_and_the_last_visit():
    row = features(FAILED_CANVASS, PASSED, CLOSED_DOOR)
    assert (row["last_result"], row["last_critical_count"], row["last_minor_count"]) == ("Pass", 0, 1)
    assert (row["previous_result"], row["previous_critical_count"]) == ("Fail", 1)
    assert row["last_inspection_type"] == "License"


def test_nothing_is_known_of_a_stranger():
    row = features(FAILED_CANVASS, who="L9")
    assert row[["last_result", "previous_result", "last_critical_count", "last_inspection_type"]].isna().all()
