from datetime import UTC, datetime

import pytest

from food_inspections_dagster.serving.conditional import etag_of, http_date, is_unchanged

TAG = etag_of("a", 1)
AT = datetime(2026, 11, 23, 10, 0, 0, 500_000, tzinfo=UTC)


def test_a_tag_changes_with_every_part_and_with_where_one_ends():
    tags = {etag_of(*parts) for parts in (("a", 1), ("a", 2), ("b", 1), ("a1",), ("a", "1", ""))}
    assert len(tags) == 5 and etag_of("a", "1") == TAG
    assert TAG.startswith(b'W/"')


@pytest.mark.parametrize(
    ("headers", "unchanged"),
    [
        ({}, False),
        ({b"if-none-match": TAG}, True),
        ({b"if-none-match": TAG.removeprefix(b"W/")}, True),
        ({b"if-none-match": b'"x", ' + TAG}, True),
        ({b"if-none-match": b'"x"'}, False),
        ({b"if-none-match": b"*"}, False),
        ({b"if-modified-since": http_date(AT)}, True),
        ({b"if-modified-since": b"Mon, 23 Nov 2026 09:59:59 GMT"}, False),
        ({b"if-modified-since": b"yesterday"}, False),
        ({b"if-none-match": b'"x"', b"if-modified-since": http_date(AT)}, False),
    ],
)
def test_the_tag_goes_before_the_date(headers, unchanged):
    assert is_unchanged(headers, TAG, AT) is unchanged


def test_what_has_no_date_is_never_old():
    assert not is_unchanged({b"if-modified-since": http_date(AT)}, TAG, None)
