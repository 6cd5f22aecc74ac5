"""Days since things happened."""

from datetime import date

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables

FIRST, SECOND, THIRD, DAY = (date(2016, 6, day) for day in (6, 13, 20, 27))


def features(*records, who="L1"):
    return compute_features(spine([(who, DAY)]), tables(list(records))).iloc[0]


def test_each_kind_of_event_is_looked_for_by_itself():
    complaint = FAILED_CANVASS | {"week": SECOND, "results": "Pass", "inspection_type": "Complaint", "codes": []}
    door = FAILED_CANVASS | {"week": THIRD, "weekday": 2, "results": "No Entry", "codes": []}
    row = features(FAILED_CANVASS, complaint, door)
    since = {
        name: row[f"days_since_last_{name}"] for name in ("inspection", "canvass", "failure", "critical", "complaint")
    }
    assert since == {"inspection": 5, "canvass": 21, "failure": 21, "critical": 21, "complaint": 14}
    assert row["days_between_last_two"] == 7


def test_what_never_happened_is_unknown():
    row = features(FAILED_CANVASS)
    assert row["days_since_last_failure"] == 21
    assert row[["days_since_last_complaint", "days_between_last_two"]].isna().all()
