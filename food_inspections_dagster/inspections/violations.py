r"""Violations: from the portal's one text per inspection to one row per violation.

The portal joins violations by `` | ``, each written ``<code>. <TITLE> - Comments: <free text>``. A comment may hold
bars, newlines and numbers, even `` | 2. `` as a violation would begin. So a text is cut before each `` | <code>. ``,
and a piece that is no violation is given back to the comment before it. A piece is one if it is

- ``<code>. <TITLE> - Comments:``, the title in capitals; it need not be the codebook's, because a title that the City
  has reworded must not vanish in a comment, and a code that the codebook lacks is an error to be seen;
- ``<code>. <TITLE>`` with the codebook's title, to the end;
- the end of the text that breaks off within the codebook's title or ``- Comments:``: the text was cut short, and is
  unparsable.
"""

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.inspections.codebooks import CODEBOOKS, SEVERITIES, codebook

# A split before " | <code>. " needs a look-ahead, which Arrow's RE2 lacks; so the bar becomes a character
# that no text may hold (texts that do hold it get a blank instead).
_MARK = "\x1f"
_JOINT = " | "
_BAR = r" \| (\d{1,2}\.)"
_VIOLATION = r"(?s)^\s*(?P<code>\d{1,2})\. (?P<title>[^|]*?) - Comments:(?P<comment>.*)$"
_CAPITALS = r"^[^\p{Ll}]*\p{Lu}[^\p{Ll}]*$"
_BARE = re.compile(r"\s*(\d{1,2})\. ", re.ASCII)
_CUT_AFTER = 4  # letters of a title from which on a text counts as cut short

# What must not be read as the severity of the violation itself: "PREVIOUS PRIORITY VIOLATIONS #38 NOT CORRECTED",
# "NOT A PRIORITY VIOLATION", "NO PRIORITY OR PRIORITY FOUNDATION VIOLATIONS", "NON-PRIORITY". A comma joins two only
# before an "or" or "and": in "NOT CORRECTED, PRIORITY VIOLATION" and the like the second stands for itself.
_KIND = r"(PRIORITY([\s-]*FOU?N?D\w*)?|CORE|MINOR|SERIOUS|CRITICAL)"
_FILLER = r"((AN?|ANY|THE|NEW|OTHER|FURTHER|LONGER|CONSIDERED|DEEMED|TO|BE|EITHER)\s+)*"
_OR = r"\s*(,\s*)?(/|&|\bAND\s*/\s*OR\b|\bAND\b|\bN?OR\b)\s*"
_KINDS = rf"{_FILLER}{_KIND}((\s*,\s*{_KIND})*{_OR}{_FILLER}{_KIND})*"
_NOT_THIS_ONE = (
    r"\b(PREVIOUS(LY)?((\s|,)+(CITED|NOTED|ISSUED|CORE|MINOR|SERIOUS|CRITICAL|AND|OR|&))*|NON?|NOT|\w+N'T|NEITHER|"
    rf"WITHOUT)[\s-]+{_KINDS}(\s+VIOLATIONS?\s+N?OR\s+{_KINDS})*\b"
)
_FOUNDATION = r"\bPRIORITY[\s\-:.,/(]*FOU?N?D\w*"
# "PRIORITY VIOLATION 7-38-005", "(PRIORITY 7-38-005)", "PRIORITY CITATION ISSUED"; not "MAKE IT A PRIORITY
# TO".
_PRIORITY = r"\bPRIORITY(\W*(VIOL|CIT|ISSU|ITEM|\d)|\s*[.:;#)]|\s*$)"

_BLOCK = 50_000  # rows worked on at once: bounds the memory for texts, whatever the range

# Codebook and code -> severity, title; -1 where the codebook lacks the code.
_SEVERITY = np.full((len(CODEBOOKS), 100), -1, dtype=np.int8)
_TITLE = np.full((len(CODEBOOKS), 100), -1, dtype=np.int16)
_BY_COMMENT = SEVERITIES.index("core")
_titles: list[str] = []
for _book, _name in enumerate(CODEBOOKS):
    for _code, _entry in codebook(_name).items():
        _SEVERITY[_book, _code] = SEVERITIES.index(_entry.severity) if _entry.severity else _BY_COMMENT
        _TITLE[_book, _code] = len(_titles)
        _titles.append(_entry.title)
_TITLES = pa.array(_titles, pa.string())
_SEVERITY_NAMES = pa.array(SEVERITIES, pa.string())
_CODEBOOK_NAMES = pa.array(CODEBOOKS, pa.string())

PARSED = pa.schema(
    [
        ("row", pa.int64()),
        ("ordinal", pa.int16()),
        ("code", pa.int16()),
        ("codebook", pa.string()),
        ("title", pa.string()),
        ("severity", pa.string()),
        ("comment", pa.string()),
    ]
)


@dataclass(frozen=True)
class ParsedViolations:
    """The violations of the texts that could be read entirely, and why each of the others could not.

    ``table`` has the schema ``PARSED``; ``row`` is the position of the text, in ascending order, and
    ``ordinal`` counts from 1 within it. ``unparsable`` maps a position to the reason; such a text has no row
    in ``table``.
    """

    table: pa.Table
    unparsable: dict[int, str]


def parse_violations(texts: Any, codebooks: Any) -> ParsedViolations:
    """Parse violation texts, each by the codebook (``'2010'`` or ``'2018'``) in force on its day.

    Args:
        texts: one text per inspection (Arrow or pandas strings); null or blank means no violation.
        codebooks: the name of the codebook for each text.
    """
    column = _chunked(texts)
    books = pc.index_in(_chunked(codebooks), _CODEBOOK_NAMES).to_numpy()
    if len(column) != len(books):
        raise ValueError(f"{len(column)} texts but {len(books)} codebooks")
    tables: list[pa.Table] = []
    unparsable: dict[int, str] = {}
    for start in range(0, len(column), _BLOCK):
        block = column.slice(start, _BLOCK).cast(pa.large_string()).combine_chunks()
        table, bad = _parse_block(block, books[start : start + _BLOCK], start)
        tables.append(table)
        unparsable.update(bad)
    return ParsedViolations(pa.concat_tables([PARSED.empty_table(), *tables]), unparsable)


def _chunked(values: Any) -> pa.ChunkedArray:
    array = values if isinstance(values, pa.Array | pa.ChunkedArray) else pa.array(values, pa.string())
    return array if isinstance(array, pa.ChunkedArray) else pa.chunked_array([array])


def _parse_block(texts: pa.LargeStringArray, books: npt.NDArray[Any], start: int) -> tuple[pa.Table, dict[int, str]]:
    texts = pc.replace_substring_regex(texts, pattern="[\x00\x1f]", replacement=" ")
    blank = pc.equal(pc.utf8_trim_whitespace(texts), "")
    texts = pc.if_else(blank, pa.scalar(None, texts.type), texts)
    lists = pc.split_pattern(pc.replace_substring_regex(texts, pattern=_BAR, replacement=_MARK + r"\1"), pattern=_MARK)
    parent = pc.list_parent_indices(lists).to_numpy()
    pieces = pc.list_flatten(lists)
    fields = pc.extract_regex(pieces, pattern=_VIOLATION)
    written = ~fields.is_null().to_numpy(zero_copy_only=False)
    code = pc.fill_null(pc.cast(pc.struct_field(fields, "code"), pa.int16()), -1).to_numpy().copy()
    comment = pc.struct_field(fields, "comment")
    first = np.diff(parent, prepend=-1) != 0
    last = np.diff(parent, append=-1) != 0
    titled = pc.match_substring_regex(pc.struct_field(fields, "title"), _CAPITALS)
    begins = first | pc.fill_null(titled, False).to_numpy(zero_copy_only=False)
    for i in np.flatnonzero(~written):
        code[i], cut = _bare_code(pieces[i].as_py(), books[parent[i]], last[i])
        begins[i] |= code[i] >= 0 or cut
    # What belongs to a violation without `- Comments:` has no comment to be part of.
    head = np.flatnonzero(begins)[np.cumsum(begins) - 1]
    code[head[~begins & ~written[head]]] = -1
    if not begins.all():
        comment = _joined(pc.if_else(pa.array(begins), comment, pieces), head)
        parent, code = parent[begins], code[begins]

    starts = np.flatnonzero(np.diff(parent, prepend=-1))
    ordinal = np.arange(len(parent)) - np.repeat(starts, np.diff(np.append(starts, len(parent)))) + 1
    book = books[parent]
    good = (code >= 0) & (_SEVERITY[book, np.maximum(code, 0)] >= 0)
    bad_rows = np.unique(parent[~good])
    unparsable: dict[int, str] = {}
    for i in np.flatnonzero(~good)[::-1]:  # from behind, so that the first bad violation of a text has the last word
        unparsable[int(parent[i]) + start] = (
            f"violation {ordinal[i]} has the code {code[i]}, which the {CODEBOOKS[book[i]]} codebook lacks"
            if code[i] >= 0
            else f"violation {ordinal[i]} is not written '<code>. <TITLE> - Comments: <text>'"
        )
    keep = ~np.isin(parent, bad_rows)
    chosen = np.flatnonzero(keep)
    comment = pc.utf8_trim_whitespace(pc.take(comment, pa.array(chosen)))
    comment = pc.if_else(pc.equal(comment, ""), pa.scalar(None, comment.type), comment)
    code, book = code[keep], book[keep]
    severity = _severity(_SEVERITY[book, code], comment)
    table = pa.table(
        [
            pa.array(parent[keep].astype(np.int64) + start),
            pa.array(ordinal[keep].astype(np.int16)),
            pa.array(code.astype(np.int16)),
            _CODEBOOK_NAMES.take(pa.array(book)),
            _TITLES.take(pa.array(_TITLE[book, code])),
            _SEVERITY_NAMES.take(pa.array(severity)),
            comment.cast(pa.string()),
        ],
        schema=PARSED,
    )
    return table, dict(sorted(unparsable.items()))


def _joined(parts: pa.Array, head: npt.NDArray[np.int64]) -> pa.Array:
    """Return the parts of each comment as one text again; ``head`` is the position of each part's first one."""
    offsets = np.append(np.flatnonzero(np.diff(head, prepend=-1)), len(head))
    lists = pa.LargeListArray.from_arrays(pa.array(offsets, pa.int64()), parts)
    return pc.binary_join(lists, pa.scalar(_JOINT, parts.type))


def _bare_code(piece: str, book: int, last: bool) -> tuple[int, bool]:
    """Return the code of a violation that is written without ``- Comments:`` under its full title, else -1; and
    whether it looks like one all the same: cut short at the end of its text, or going on after the title."""
    match = _BARE.match(piece)
    title = int(_TITLE[book, int(match[1])]) if match else -1
    if match is None or title < 0:
        return -1, False
    written, full = _folded(piece[match.end() :]), _folded(_titles[title])
    if written == full and "|" not in piece:
        return int(match[1]), False
    cut = last and len(written) >= _CUT_AFTER and full.startswith(written)
    return -1, cut or written.startswith(full)


def _folded(text: str) -> str:
    return "".join(filter(str.isalnum, text.upper()))


def _severity(by_code: npt.NDArray[np.int8], comment: pa.Array) -> npt.NDArray[np.int8]:
    """Read the severity of the 2018 codebook off the comment; where an inspector names two, the graver
    counts."""
    named = pc.fill_null(pc.match_substring(comment, "priority", ignore_case=True), False)
    rows = np.flatnonzero((by_code == _BY_COMMENT) & named.to_numpy(zero_copy_only=False))
    words = pc.ascii_upper(comment.take(pa.array(rows)))
    words = pc.replace_substring_regex(words, pattern=_NOT_THIS_ONE, replacement=" ")
    foundation = pc.match_substring_regex(words, _FOUNDATION).to_numpy(zero_copy_only=False)
    rest = pc.replace_substring_regex(words, pattern=_FOUNDATION, replacement=" ")
    priority = pc.match_substring_regex(rest, _PRIORITY).to_numpy(zero_copy_only=False)
    severity = by_code.copy()
    severity[rows[foundation]] = SEVERITIES.index("priority_foundation")
    severity[rows[priority]] = SEVERITIES.index("priority")
    return severity
