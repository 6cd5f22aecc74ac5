from datetime import timedelta

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, MONDAYS, spine, tables


def strictness(inspector_near: str) -> float:
    """Return the strictness around L1, near which one inspector has just worked, after two had worked elsewhere."""
    earlier = [
        FAILED_CANVASS
        | {"week": week, "establishment_id": f"L{10 + i}", "latitude": 41.7, "inspector": who, "codes": codes}
        for week in MONDAYS[:3]
        for i, (who, codes) in enumerate([("STRICT", [3]), ("MILD", [])] * 5)
    ]
    last = MONDAYS[3] - timedelta(days=7)
    near = FAILED_CANVASS | {"week": last, "establishment_id": "L2", "inspector": inspector_near, "codes": []}
    home = FAILED_CANVASS | {"inspector": None}
    row = compute_features(spine([("L1", MONDAYS[3])]), tables([*earlier, near, home])).iloc[0]
    return row["inspectors_critical_30d"]


def test_who_worked_near_it_lately_tells_how_strict_they_are():
    strict, mild = strictness("STRICT"), strictness("MILD")
    assert 0.6 < strict < 0.8 and 0.2 < mild < 0.4
