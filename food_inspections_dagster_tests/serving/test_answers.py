from datetime import UTC, date, datetime

import pytest
from starlette.requests import Request

from food_inspections_dagster.serving.answers import ALL, about, answer, format_of, with_json
from food_inspections_dagster.serving.formats import Format
from food_inspections_dagster.serving.problems import Problem
from food_inspections_dagster.serving.store import Publication

PUBLISHED = Publication(date(2026, 11, 16), 7, "hash", None, "run", datetime(2026, 11, 23, tzinfo=UTC), 5, 8, 9)


def asking(accept):
    return Request({"type": "http", "headers": [(b"accept", accept.encode())] if accept else []})


def test_a_named_format_goes_before_the_header():
    assert format_of(asking("text/csv"), Format.PARQUET, ALL) is Format.PARQUET
    assert format_of(asking("text/csv"), None, ALL) is Format.CSV
    with pytest.raises(Problem):
        format_of(asking("text/csv"))


def test_an_answer_says_what_it_was_read_from_and_a_file_its_name():
    plain = answer({"a": None}, PUBLISHED, link="/v1/x?cursor=c")
    assert (plain.body, plain.headers["x-snapshot"]) == (b'{"a":null}', "8-9")
    assert plain.headers["link"] == '</v1/x?cursor=c>; rel="next"' and "content-disposition" not in plain.headers
    file = answer(b"a\r\n", None, Format.CSV, "list")
    assert file.headers["content-disposition"] == 'attachment; filename="list.csv"'
    assert "x-snapshot" not in file.headers


def test_a_publication_names_the_week_of_its_list():
    assert about(PUBLISHED)["list_week"] == date(2026, 11, 23)
    assert "newest_id" not in about(PUBLISHED)


def test_columns_of_json_are_json():
    assert with_json({"card": '{"a": 1}', "reasons": None, "name": "[1]"}) == {
        **{"card": {"a": 1}, "reasons": None},
        "name": "[1]",
    }
