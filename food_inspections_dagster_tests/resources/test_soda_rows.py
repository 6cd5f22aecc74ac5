"""Pages as they come from portals, read the fast way and the slow one."""

import orjson
import pytest

from food_inspections_dagster.resources import soda_rows
from food_inspections_dagster.resources.soda_rows import parse_rows, parse_value

ROWS = [
    {"a": "x", "b": 1, "c": 41.5, "d": True, "e": [1, {"k": "é"}], "f": {"z": "1", "a": 'quote "'}},
    {"a": "line\nbreak \\ tab\t", "b": None, "c": 12345678901234567, "f": {}},
    {"a": "", "e": "no list", "d": "\u0000 and \U0001f600"},
    {"d": '{"looks": "like JSON"}'},
]
TEXTS = {
    "a": ["x", "line\nbreak \\ tab\t", "", None],
    "b": ["1", None, None, None],
    "c": ["41.5", "12345678901234567", None, None],
    "d": ["true", None, "\u0000 and \U0001f600", '{"looks": "like JSON"}'],
    "e": ['[1,{"k":"é"}]', None, "no list", None],
    "f": ['{"z":"1","a":"quote \\""}', "{}", None, None],
}
SOCRATA = b"[" + b"\n,".join(orjson.dumps(row) for row in ROWS) + b"\n]\n"


@pytest.mark.parametrize("fields", [None, tuple("abcdef")], ids=["slow", "fast"])
@pytest.mark.parametrize("text", [SOCRATA, orjson.dumps(ROWS), orjson.dumps(ROWS, option=orjson.OPT_INDENT_2)])
def test_values_are_the_texts_that_were_sent(text, fields):
    assert parse_rows(text, fields).to_pydict() == TEXTS


def test_socratas_layout_is_read_without_an_object_per_value(monkeypatch):
    monkeypatch.setattr(soda_rows, "_slow", None)
    assert parse_rows(SOCRATA, tuple("abcdef")).to_pydict() == TEXTS
    assert parse_rows(b'[{"a":"1"}]', ("a", "b")).to_pydict() == {"a": ["1"], "b": [None]}


def test_a_column_that_the_header_leaves_out_is_kept():
    assert parse_rows(SOCRATA, ("a", "b", "d")).to_pydict() == TEXTS


def test_names_that_differ_in_case_only_are_two_columns():
    text = b'[{"A":"1","a":"2"}\n]'
    assert parse_rows(text, ("A", "a")).to_pydict() == {"A": ["1"], "a": ["2"]}


@pytest.mark.parametrize(
    ("json", "expected"),
    [
        (rb'"\ud800 x"', "\ufffd x"),
        (rb'"x\udc00"', "x\ufffd"),
        (rb'"\ud83d\ude00"', "\U0001f600"),
        (rb'["\ud800"]', '["\ufffd"]'),
        (b'"\xff"', "\ufffd"),
    ],
)
@pytest.mark.parametrize("fields", [None, ("a",)])
def test_what_utf_8_cannot_hold_becomes_the_replacement_character(json, expected, fields):
    assert parse_rows(b'[{"a":' + json + b"}\n]\n", fields).to_pydict() == {"a": [expected]}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (rb'{"rows": [{"\ud83d x": "a\udc00"}], "n": 1.5}', {"rows": [{"\ufffd x": "a\ufffd"}], "n": 1.5}),
        (rb'["\ud83d\ude00", "\u0000", null]', ["\U0001f600", "\0", None]),
        (b'"\xff"', "\ufffd"),
    ],
)
def test_a_value_holds_the_replacement_character_too(text, expected):
    assert parse_value(text) == expected


@pytest.mark.parametrize("text", [b"{", b"", b"<html>", rb'"\ud83d'])
def test_what_is_no_json_is_no_value(text):
    with pytest.raises(ValueError, match=r"."):
        parse_value(text)


def test_no_rows_are_a_table_without_rows():
    assert parse_rows(b"[]\n", ("a",)).num_rows == 0


@pytest.mark.parametrize("text", [b"", b"{}", b"[1]", b"null", SOCRATA[:-4], SOCRATA[: len(SOCRATA) // 2], b"[{]"])
@pytest.mark.parametrize("fields", [None, tuple("abcdef")])
def test_what_is_no_list_of_rows_is_an_error(text, fields):
    with pytest.raises(ValueError):
        parse_rows(text, fields)
