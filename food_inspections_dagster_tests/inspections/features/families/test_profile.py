"""What a place is, as last known."""

from datetime import date

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables

FIRST, SECOND, THIRD, DAY = (date(2016, 6, day) for day in (6, 13, 20, 27))


def features(*records, who="L1"):
    return compute_features(spine([(who, DAY)]), tables(list(records))).iloc[0]


def test_what_is_not_known_later_stays_as_it_was():
    school = FAILED_CANVASS | {"facility_type": "School", "risk": 2, "inspection_type": "License"}
    row = features(school, FAILED_CANVASS | {"week": SECOND, "facility_type": "Unknown", "risk": None})
    assert (row["known_facility_type"], row["known_risk"]) == ("School", 2)
    assert (row["is_first_visit"], row["is_first_canvass"], row["age_days"]) == (0, 0, 21)


def test_a_stranger_and_a_place_without_a_routine_visit():
    licence = FAILED_CANVASS | {"inspection_type": "License"}
    assert features(licence)[["is_first_visit", "is_first_canvass"]].tolist() == [0, 1]
    stranger = features(licence, who="L9")
    assert stranger[["is_first_visit", "is_first_canvass"]].tolist() == [1, 1]
    assert stranger[["known_facility_type", "known_risk", "age_days"]].isna().all()
