import re
import sys
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
        ("NOT A PRIORITY VIOLATION", "core"),
        ("This is not a priority violation.", "core"),
        ("NO PRIORITY OR PRIORITY FOUNDATION VIOLATIONS", "core"),
        ("NO PRIORITY FOUNDATION OR PRIORITY VIOLATIONS FOUND", "core"),
        ("NO PRIORITY, PRIORITY FOUNDATION OR CORE VIOLATIONS", "core"),
        ("NO PRIORITY AND/OR PRIORITY FOUNDATION VIOLATIONS", "core"),
        ("NO PRIORITY VIOLATIONS OR PRIORITY FOUNDATION VIOLATIONS", "core"),
        ("NEITHER PRIORITY NOR PRIORITY FOUNDATION", "core"),
        ("IT ISN'T A PRIORITY VIOLATION", "core"),
        ("NO LONGER A PRIORITY VIOLATION", "core"),
        ("WITHOUT ANY NEW PRIORITY VIOLATIONS", "core"),
        ("NON-PRIORITY", "core"),
        ("NOT A PRIORITY BUT A PRIORITY FOUNDATION VIOLATION 7-38-005", "priority_foundation"),
        ("NOT A PRIORITY FOUNDATION VIOLATION BUT A PRIORITY VIOLATION 7-38-005", "priority"),
        ("NO PRIORITY OR PRIORITY FOUNDATION VIOLATIONS BEFORE. PRIORITY VIOLATION 7-38-005", "priority"),
        ("NOT CORRECTED, PRIORITY VIOLATION 7-38-005", "priority"),
        ("NOT CLEAN PRIORITY VIOLATION 7-38-005", "priority"),
        ("NO HOT WATER. PRIORITY VIOLATION 7-38-030", "priority"),
        ("NO PAPER TOWELS PRIORITY FOUNDATION VIOLATION 7-38-030", "priority_foundation"),
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


TITLE_38, TITLE_40 = (codebook("2010")[code].title for code in (38, 40))


@pytest.mark.parametrize(
    "comment",
    [
        "SEE | 2. REPAIR THE SINK",
        "see | 2. ",
        "SEE | 2. | 3. | 14. ALL OF IT | 2.5 GALLONS | 2",
        "SEE | 2. note - Comments: none",  # no title is written small
        "SEE | 46. OF 50 TILES",  # no code of this codebook
        f"SEE | 2. {TITLE_40}",  # the title of another code
        "SEE | 40. REFRIGERATOR",
        f"SEE | {TITLE_40}",
        "| 2. FIX",
        "A |  2. FIX\n | 3. FIX",
    ],
)
def test_a_bar_and_a_number_that_is_no_violation_stay_in_the_comment(comment):
    for after in ("", f" | 38. {TITLE_38} - Comments: DUCT | 4. HOOD | 40. {TITLE_40}"):
        parsed = parse_violations([f"34. FLOORS - Comments: {comment}{after}"], ["2010"])
        assert parsed.unparsable == {}
        rest = [(2, 38, "DUCT | 4. HOOD"), (3, 40, None)] if after else []
        columns = [parsed.table[name].to_pylist() for name in ("ordinal", "code", "comment")]
        assert list(zip(*columns, strict=True)) == [(1, 34, comment.strip()), *rest]


@given(st.lists(st.sampled_from([" | ", "2. ", "x", "X", f"40. {TITLE_40}", "40. ", "|", "\n"]), max_size=9))
def test_no_letter_of_a_comment_is_lost(parts):
    text = "34. FLOORS - Comments:" + "".join(parts)
    parsed = parse_violations([text], ["2010"])
    if not parsed.unparsable:
        rows = parsed.table.to_pylist()
        again = " | ".join(f"{row['code']}. {row['comment'] or ''}" for row in rows)
        letters = [Counter(re.sub(r"\W|Comments|FLOORS", "", t.replace(TITLE_40, ""))) for t in (text, again)]
        assert letters[0] == letters[1]


def test_a_long_comment_of_bars_is_parsed_in_linear_time():
    """Steps of the interpreter, not seconds: four times the text are four times the work."""

    def steps(pieces: int) -> int:
        text = "34. FLOORS - Comments: a" + " | 2.  x" * pieces
        count = 0

        def tick(*_):
            nonlocal count
            count += 1
            return tick

        sys.settrace(tick)
        try:
            parsed = parse_violations([text], ["2010"])
        finally:
            sys.settrace(None)
        assert parsed.unparsable == {} and parsed.table.num_rows == 1
        return count

    assert steps(4_000) < 4.5 * steps(1_000)


def test_a_full_title_without_comments_counts():
    title = codebook("2010")[40].title
    assert parse_violations([f"40. {title}"], ["2010"]).table["code"].to_pylist() == [40]


@pytest.mark.parametrize(
    ("text", "book", "detail"),
    [
        ("34. FLOORS: CONSTRUCTED PER", "2010", "violation 1 is not written"),
        ("no violations", "2010", "violation 1 is not written"),
        ("34. FLOORS - Comments: ok | 38. VENTIL", "2010", "violation 2 is not written"),
        (f"34. FLOORS - Comments: | 2. x | 38. {TITLE_38} - Comm", "2010", "violation 2 is not written"),
        (f"34. FLOORS - Comments: ok | 38. {TITLE_38} AND MORE", "2010", "violation 2 is not written"),
        (f"34. FLOORS - Comments: ok | 38. {TITLE_38} | 2. FREE", "2010", "violation 2 is not written"),
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
