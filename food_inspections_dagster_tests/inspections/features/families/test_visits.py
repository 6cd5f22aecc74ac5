"""What brought the inspectors, and whether they got in."""

from datetime import date

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, spine, tables

FIRST, SECOND, THIRD, DAY = (date(2016, 6, day) for day in (6, 13, 20, 27))


def features(*records, who="L1"):
    return compute_features(spine([(who, DAY)]), tables(list(records))).iloc[0]


def test_each_visit_counts_for_what_brought_it():
    week = {"week": FIRST}
    row = features(
        FAILED_CANVASS | week | {"inspection_type": "Complaint"},
        FAILED_CANVASS | week | {"inspection_type": "License", "results": "Pass"},
        FAILED_CANVASS | week | {"is_reinspection": True},
        FAILED_CANVASS | week | {"is_reinspection": True, "results": "Pass"},
        FAILED_CANVASS | week | {"results": "No Entry"},
        FAILED_CANVASS | week | {"results": "Out of Business", "inspection_type": "Out of Business"},
    )
    assert (row["complaints_1y"], row["license_visits_1y"], row["reinspections_1y"]) == (1, 1, 2)
    assert (row["failed_complaints_3y"], row["failed_reinspections_3y"]) == (1, 1)
    assert (row["unreached_3y"], row["closures_ever"]) == (1, 1)
