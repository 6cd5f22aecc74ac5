from datetime import date

from dash import html

from food_inspections_dagster.serving.dashboard import profiles, queries
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster_tests.serving.dashboard.pages import Answers, components, with_id, words


def measured(column, measure, value, item=None, position=0):
    week = {"week": date(2012, 1, 9), "first_week": date(2010, 1, 4)}
    bounds = {"low": None, "high": None, "value_before": None}
    row = {"column_name": column, "measure": measure, "value": value, "item": item, "position": position}
    return {**week, **bounds, **row}


ROWS = [
    measured("*", "rows", 4766),
    measured("*", "repeated_keys", 2),
    measured("*", "repeated_rows", 0),
    measured("*", "rows_of_year", 2300, "2010", 2010),
    measured("*", "rows_of_year", 2466, "2011", 2011),
    measured("risk", "missing", 953.2),
    measured("risk", "distinct", 3),
    measured("results", "top_value", 2400, "Pass", 1),
    measured("results", "distinct", 7),
    measured("address", "top_value", 90, "1 MAIN ST", 1),
    measured("address", "distinct", 4000),
    measured("*", "rows_of_2018_code", 300, "FOOD CONTACT SURFACES", 16),
    measured("*", "rows_of_2018_code", 400, "FLOORS", 55),
]
RECENT = [
    {**measured("*", "rows", 1000), "value_before": 500.0},
    {**measured("zip", "missing", 200), "value_before": 10.0},
    {**measured("risk", "missing", 20), "value_before": 10.0},
]


class Spans(Answers):
    """Answers of both ranges."""

    def rows(self, query, **values):
        return RECENT if values.get("span") == "recent" else super().rows(query, **values)


def test_codes_and_what_is_missing_lately_are_told(publication):
    answers = Spans((queries.PROFILED, [{"table_name": "violations"}]), (queries.PROFILE, ROWS))
    made = profiles.layout(answers, publication, Filters())
    assert with_id(made, "codes-rows-of-2018-code").figure["data"][0]["y"] == [
        "55: Floors",
        "16: Food contact surfaces",
    ]
    text = words(made)
    assert "1,000 rows" in text and "20.0%" in text and "2.0%" in text
    assert [one.children[0].children for one in components(made) if isinstance(one, html.Details)] == ["address"]


def test_columns_are_told_with_what_is_missing(publication):
    answers = Answers(
        (queries.PROFILED, [{"table_name": "inspections"}, {"table_name": "violations"}]), (queries.PROFILE, ROWS)
    )
    made = profiles.layout(answers, publication, Filters(table="violations; drop table x"))
    text = words(made)
    assert with_id(made, "page-table").value == "inspections"
    assert "4,766 rows" in text and "2 repeat a key" in text and "20.0%" in text
    assert with_id(made, "top-results").figure["data"][0]["y"] == ["Pass"]
    assert with_id(made, "profile-years").figure["data"][0]["x"] == [2300, 2466]


def test_without_profiles_the_page_says_how_to_make_them(publication):
    assert "No profile yet" in words(profiles.layout(Answers(tables=False), publication, Filters()))
    assert "No profile yet" in words(profiles.layout(Answers(), publication, Filters()))
