from datetime import UTC, datetime, timedelta, timezone

import pytest

from food_inspections_dagster.serving.conditional import etag_of, http_date, is_unchanged

MOMENT = datetime(2026, 11, 23, 6, 0, 0, 999, tzinfo=UTC)
TAG = etag_of("a", 1)


def test_a_tag_is_of_its_parts_and_of_where_one_ends():
    assert etag_of("a", 1) == TAG and TAG.startswith(b'W/"') and TAG.endswith(b'"')
    assert len({TAG, etag_of("a", 2), etag_of("a1"), etag_of("a1", ""), etag_of("", "a1")}) == 5


def test_a_moment_is_told_in_greenwich():
    chicago = timezone(timedelta(hours=-6))
    assert http_date(MOMENT) == http_date(MOMENT.astimezone(chicago)) == b"Mon, 23 Nov 2026 06:00:00 GMT"


@pytest.mark.parametrize(
    ("headers", "unchanged"),
    [
        ({}, False),
        ({b"if-none-match": TAG}, True),
        ({b"if-none-match": b'"x", ' + TAG.removeprefix(b"W/")}, True),
        ({b"if-none-match": b'"x"'}, False),
        ({b"if-none-match": b"*"}, False),
        ({b"if-modified-since": http_date(MOMENT)}, True),
        ({b"if-modified-since": http_date(MOMENT - timedelta(seconds=1))}, False),
        ({b"if-none-match": b'"x"', b"if-modified-since": http_date(MOMENT)}, False),
        ({b"if-modified-since": b"yesterday"}, False),
        ({b"if-modified-since": b"Mon, 23 Nov 2026 06:00:00"}, False),
    ],
)
def test_what_a_client_has_is_told_by_its_tags_first(headers, unchanged):
    assert is_unchanged(headers, TAG, MOMENT) == unchanged


def test_a_date_tells_nothing_where_there_is_none():
    assert not is_unchanged({b"if-modified-since": http_date(MOMENT)}, TAG, None)
