import json
from datetime import UTC, date, datetime

import pytest
from starlette.requests import Request

from food_inspections_dagster.serving.answers import about, answer, format_of, with_json
from food_inspections_dagster.serving.formats import Format
from food_inspections_dagster.serving.front import MARK
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster.serving.store import Publication

PUBLISHED = Publication(date(2026, 11, 16), 7, "hash", None, "run", datetime(2026, 11, 23, tzinfo=UTC), 10, 7, 8)


def asking(accept):
    return Request({"type": "http", "headers": [(b"accept", accept)]})


def test_an_answer_says_what_it_was_read_from():
    made = answer({"a": 1}, PUBLISHED)
    assert json.loads(made.body) == {"a": 1} and made.headers[MARK.decode()] == "7-8"
    assert MARK.decode() not in answer({"a": 1}, None).headers


def test_a_file_has_a_name_and_the_next_page_an_address():
    made = answer(b"a,b", PUBLISHED, Format.CSV, "list", "/v1/priorities?cursor=x")
    assert made.headers["content-disposition"] == 'attachment; filename="list.csv"'
    assert made.headers["link"] == '</v1/priorities?cursor=x>; rel="next"'
    assert made.headers["content-type"].startswith("text/csv")


def test_the_list_of_a_week_is_for_the_week_after():
    assert about(PUBLISHED)["list_week"] == date(2026, 11, 23)


def test_a_format_is_named_or_negotiated():
    assert format_of(asking(b"text/csv"), Format.JSON, tuple(Format)) is Format.JSON
    assert format_of(asking(b"text/csv"), None, tuple(Format)) is Format.CSV
    with pytest.raises(Problem, match="406"):
        format_of(asking(b"text/csv"))


def test_columns_of_json_are_json():
    assert with_json({"card": '{"a": 1}', "reasons": None, "label": "[]"}) == {
        "card": {"a": 1},
        "reasons": None,
        "label": "[]",
    }
