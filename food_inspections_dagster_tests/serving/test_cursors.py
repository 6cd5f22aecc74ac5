import base64
from datetime import UTC, date, datetime

import orjson
import pytest

from food_inspections_dagster.serving.cursors import decode, encode
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster.serving.store import Publication

WEEK = date(2026, 11, 16)
PUBLISHED = Publication(WEEK, 7, "hash", None, "run", datetime(2026, 11, 23, tzinfo=UTC), 10, 7, 7)


@pytest.mark.parametrize(
    ("kind", "key"), [("int", 3), ("bigint", 2**40), ("float8", 0.1 + 0.2), ("text", "ÄÖ '; --"), ("date", WEEK)]
)
def test_a_page_begins_behind_the_row_of_its_cursor(kind, key):
    cursor = encode(PUBLISHED, "rank", key, "L1")
    assert cursor.replace("-", "").replace("_", "").isalnum()
    assert decode(cursor, PUBLISHED, "rank", kind) == {"after_key": key, "after_id": "L1"}


def test_the_first_page_has_no_cursor():
    assert decode(None, PUBLISHED, "rank", "int") == {"after_key": None, "after_id": None}


def of(content):
    return base64.urlsafe_b64encode(orjson.dumps(content)).rstrip(b"=").decode()


@pytest.mark.parametrize(
    ("cursor", "words"),
    [
        (of([6, "rank", 3, "L1"]), "is not what it was"),
        (of([7, "name", 3, "L1"]), "for the order name"),
        (of([7, "rank", "3; drop", "L1"]), "no cursor of ours"),
        (of([7, "rank", 3, "L\0"]), "no cursor of ours"),
        (of([7, "rank", 2**40, "L1"]), "no cursor of ours"),
        (of([7, "rank", 3]), "no cursor of ours"),
        (of({"a": 1}), "no cursor of ours"),
        ("A", "no cursor of ours"),
        ("_" * 500, "no cursor of ours"),
    ],
)
def test_another_cursor_is_refused(cursor, words):
    with pytest.raises(Problem) as refused:
        decode(cursor, PUBLISHED, "rank", "int")
    assert refused.value.status_code == 409 and words in refused.value.detail
