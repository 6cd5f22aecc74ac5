import re
from collections import Counter

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.inspections.codebooks import codebook
from food_inspections_dagster.inspections.violations import PARSED, parse_violations

Row = tuple[int, str | None]


def render(violations: list[Row], book: str) -> str | None:
    """Write violations as the portal does."""
    parts = (f"{code}. {codebook(book)[code].title} - Comments: {comment or ''}" for code, comment in violations)
    return " | ".join(parts) if violations else None


def trimmed(text: str) -> str | None:
    return parse_violations([f"1. X - Comments:{text}"], ["2010"]).table["comment"][0].as_py()


COMMENTS = st.text(max_size=60).filter(lambda t: not re.search(r"[\x00\x1f]|\|\s*\d", t)).map(trimmed) | st.none()


@st.composite
def inspections(draw) -> tuple[str, list[Row]]:
    book = draw(st.sampled_from(["2010", "2018"]))
    codes = st.sampled_from(list(codebook(book)))
    return book, draw(st.lists(st.tuples(codes, COMMENTS), max_size=6))


@given(st.lists(inspections(), max_size=6))
def test_round_trip(cases):
    parsed = parse_violations([render(rows, book) for book, rows in cases], [book for book, _ in cases])
    assert parsed.unparsable == {}
    assert parsed.table.schema == PARSED
    expected = [
        (i, ordinal, code, book, codebook(book)[code].title, comment)
        for i, (book, rows) in enumerate(cases)
        for ordinal, (code, comment) in enumerate(rows, start=1)
    ]
    columns = [parsed.table[n].to_pylist() for n in ("row", "ordinal", "code", "codebook", "title", "comment")]
    assert list(zip(*columns, strict=True)) == expected


@given(st.lists(st.none() | st.text(max_size=40), max_size=8))
def test_any_text_is_parsed_or_named(texts):
    parsed = parse_violations(texts, ["2018"] * len(texts))
    rows = set(parsed.table["row"].to_pylist())
    for i, text in enumerate(texts):
        blank = not text or not pa.compute.utf8_trim_whitespace(text.replace("\x1f", " ").replace("\x00", " ")).as_py()
        assert (i in rows) + (i in parsed.unparsable) + blank == 1


@given(st.lists(inspections(), min_size=1, max_size=4), st.integers(0, 3))
def test_a_text_is_parsed_the_same_alone_and_among_others(cases, i):
    i %= len(cases)
    texts = [render(rows, book) for book, rows in cases]
    together = parse_violations(texts, [book for book, _ in cases]).table
    alone = parse_violations([texts[i]], [cases[i][0]]).table
    mine = together.filter(pa.compute.equal(together["row"], i)).drop_columns("row")
    assert mine.equals(alone.drop_columns("row"))


def severity(comment: str, code: int = 21, book: str = "2018") -> str:
    return parse_violations([render([(code, comment)], book)], [book]).table["severity"][0].as_py()


@pytest.mark.parametrize(
    ("comment", "expected"),
    [
        ("OBSERVED CHICKEN AT 120F. PRIORITY VIOLATION 7-38-005. CITATION ISSUED", "priority"),
        ("PRIORITY VIOLATION#:7-38-015.", "priority"),
        ("CHILI AT 88.0F.$22.(PRIORITY 7-38-005)", "priority"),
        ("PRIORITY CITATION ISSUED 7-38-005", "priority"),
        ("Priority violation", "priority"),
        ("NO SOAP. PRIORITY FOUNDATION VIOLATION 7-38-030(C).", "priority_foundation"),
        ("(PRIORITY  FOUNDATION 7-38-005)", "priority_foundation"),
        ("priority foundation", "priority_foundation"),
        (
            "PREVIOUS PRIORITY FOUNDATION VIOLATIONS NOT CORRECTED #5. PRIORITY VIOLATION 7-42-090.",
            "priority",
        ),
        ("OBSERVED PREVIOUS PRIORITY VIOLATIONS,#38, AND 48 NOT CORRECTED.", "core"),
        ("PREVIOUS CORE AND PRIORITY FOUNDATION VIOLATIONS CORRECTED.", "core"),
        ("PREVIOUS CORE VIOLATIONS NOT CORRECTED. PRIORITY FOUNDATION 7-42-090", "priority_foundation"),
        ("NO PRIORITY VIOLATIONS FOUND", "core"),
        ("MAKE CLEANING A PRIORITY FOR STAFF", "core"),
        ("", "core"),
    ],
)
def test_severity_after_2018_is_read_from_the_comment(comment, expected):
    assert severity(comment) == expected


@pytest.mark.parametrize(
    ("code", "expected"),
    [(1, "critical"), (14, "critical"), (15, "serious"), (44, "minor"), (45, "none"), (70, "none")],
)
def test_severity_before_2018_is_that_of_the_code_whatever_the_comment_says(code, expected):
    assert severity("PRIORITY VIOLATION", code, "2010") == expected


def test_titles_of_59_and_60_are_no_severity():
    for code in (59, 60):
        assert severity("SEE REPORT", code) == "core"


def test_bars_and_numbers_inside_a_comment_do_not_split():
    text = "34. FLOORS - Comments: 3 tiles | 2 broken. 12. see | no. 5 | 38. VENTILATION - Comments:  "
    table = parse_violations([text], ["2010"]).table
    assert table["code"].to_pylist() == [34, 38]
    assert table["comment"].to_pylist() == ["3 tiles | 2 broken. 12. see | no. 5", None]


def test_a_full_title_without_comments_counts():
    title = codebook("2010")[40].title
    assert parse_violations([f"40. {title}"], ["2010"]).table["code"].to_pylist() == [40]


@pytest.mark.parametrize(
    ("text", "book", "detail"),
    [
        ("34. FLOORS: CONSTRUCTED PER", "2010", "violation 1 is not written"),
        ("no violations", "2010", "violation 1 is not written"),
        ("34. FLOORS - Comments: ok | 38. VENTIL", "2010", "violation 2 is not written"),
        ("46. GLOVES - Comments: ", "2010", "violation 1 has the code 46, which the 2010 codebook lacks"),
        (
            "34. A - Comments: | 70. NO SMOKING - Comments: ",
            "2018",
            "violation 2 has the code 70, which the 2018 codebook",
        ),
    ],
)
def test_a_text_that_cannot_be_read_entirely_gives_nothing_but_its_reason(text, book, detail):
    parsed = parse_violations(["40. T - Comments: x", text], ["2010", book])
    assert parsed.table["row"].to_pylist() == [0]
    assert parsed.unparsable.keys() == {1}
    assert parsed.unparsable[1].startswith(detail)


def test_no_rows():
    assert parse_violations(pa.array([], pa.string()), []).table.schema == PARSED


def test_real_texts_are_parsed_to_the_last_one(real_raw):
    raw = real_raw("inspections_full_text")
    books = ["2010" if day < "2018-07-01" else "2018" for day in raw["inspection_date"]]
    parsed = parse_violations(raw["violations"], books)
    assert parsed.unparsable == {}
    expected = [
        int(part.split(".")[0]) for text in raw["violations"].dropna() for part in re.split(r" \| (?=\d{1,2}\. )", text)
    ]
    assert parsed.table["code"].to_pylist() == expected
    for book, code, title in set(
        zip(*(parsed.table[n].to_pylist() for n in ("codebook", "code", "title")), strict=True)
    ):
        assert codebook(book)[code].title == title
        assert any(f"{code}. {title} - Comments:" in text for text in raw["violations"].dropna())
    # Read by eye: 15 of the 431 texts' violations after the switch are priority, 124 priority foundation.
    modern = parsed.table.filter(pa.compute.equal(parsed.table["codebook"], "2018"))
    assert Counter(modern["severity"].to_pylist()) == {
        "core": 292,
        "priority_foundation": 124,
        "priority": 15,
    }
