from datetime import date

from food_inspections_dagster.inspections.source import clean
from food_inspections_dagster.inspections.sources.inspector_assignments import SOURCE
from food_inspections_dagster_tests.inspections.portal_rows import WEEK, plain, raw

ROW = {"inspection_id": "529281", "inspector": "Inspector  7 ", "inspection_date": "2014-01-08"}


def test_an_assignment_is_a_number_a_name_and_a_day():
    cleaned = clean(SOURCE, raw(ROW))
    assert plain(cleaned.rows) == [
        {"week": WEEK, "inspection_id": 529281, "inspector": "Inspector 7", "inspection_date": date(2014, 1, 8)}
    ]


def test_an_inspection_has_one_inspector_and_those_without_are_left_out():
    changes = [
        {":updated_at": "2014-01-09T00:00:00.000Z"},
        {":updated_at": "2014-01-10T00:00:00.000Z", "inspector": "Inspector 8"},
        {"inspection_id": "1", "inspector": " "},
        {"inspection_id": None},
        {"inspection_id": "2", "inspection_date": None},
        {"inspection_id": "3", "inspection_date": "2014-01-13"},
    ]
    cleaned = clean(SOURCE, raw(*(ROW | change for change in changes)))
    assert cleaned.rows["inspector"].tolist() == ["Inspector 8"]
    assert cleaned.dropped == {
        "inspection_date outside of its week": 1, "no usable inspection_date": 1, "no usable inspection_id": 1,
        "no usable inspector": 1, "repeated": 1,
    }  # fmt: skip
