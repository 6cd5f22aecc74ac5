import base64
from datetime import date
from typing import Any

import orjson
import pytest

from food_inspections_dagster.serving import cursors
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster_tests.serving.test_answers import PUBLISHED


@pytest.mark.parametrize(
    ("kind", "key"), [("int", 3), ("bigint", 2**40), ("float8", 0.25), ("text", "O'HARE"), ("date", date(2026, 1, 5))]
)
def test_a_cursor_says_where_a_page_begins(kind, key):
    cursor = cursors.encode(PUBLISHED, "name", key, "L1")
    assert cursors.decode(cursor, PUBLISHED, "name", kind) == {"after_key": key, "after_id": "L1"}
    assert cursors.decode(None, PUBLISHED, "name", kind) == {"after_key": None, "after_id": None}


def made_of(content: Any) -> str:
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    "content",
    [
        *([], {}, 1, None, "text", [7, "rank", 1], [7, "rank", "one", "L1"], [7, "rank", 1, None]),
        *([7, "rank", 2**31, "L1"], [7, "rank", 1, "L\x00"], [6, "rank", 1, "L1"], [7, "-rank", 1, "L1"]),
    ],
)
def test_any_other_is_refused(content):
    with pytest.raises(Problem) as refused:
        cursors.decode(made_of(content), PUBLISHED, "rank", "int")
    assert refused.value.status_code == 409


def test_what_is_no_cursor_is_refused():
    with pytest.raises(Problem, match="no cursor of ours"):
        cursors.decode("____", PUBLISHED, "rank", "int")
