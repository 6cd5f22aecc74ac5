from datetime import date

import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.rules import AuditRule, Schedule, SelectionRule, as_dict


@pytest.mark.parametrize(
    ("make", "said"),
    [
        (lambda: Schedule(update_weeks=0), "Schedule.update_weeks is 0"),
        (lambda: Schedule(first_week=date(2010, 1, 5)), "no Monday: use 2010-01-04"),
        (lambda: Schedule(inspection_types=()), "inspection_types is empty"),
        (lambda: SelectionRule(metric="accuracy"), "'accuracy', which is unknown: use one of roc_auc"),
        (lambda: SelectionRule(tie_tolerance=-0.1), "tie_tolerance is -0.1"),
        (lambda: SelectionRule(capacity_share=1.2), "capacity_share is 1.2: it is a share"),
        (lambda: SelectionRule(confidence=95), "confidence is 95"),
        (lambda: AuditRule(tau_low=1.1), "1 must lie between them"),
        (lambda: AuditRule(min_group_size=0), "min_group_size is 0"),
    ],
)
def test_senseless_values_are_refused_by_name(make: object, said: str) -> None:
    with pytest.raises(FoodInspectionsError, match=said):
        make()  # type: ignore[operator]


def test_settings_become_json_types() -> None:
    assert as_dict(Schedule())["first_week"] == "2010-01-04"
    assert as_dict(AuditRule())["references"] == {"facility_type": "Restaurant"}
    assert as_dict(SelectionRule())["preference_order"][0] == "baseline"  # type: ignore[index]
