"""Which violations its inspections cite again and again, re-inspections aside."""

from collections.abc import Iterator
from functools import partial

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.inspections.codebooks import CODEBOOK_2010, CODEBOOK_2018, CODEBOOKS, codebook
from food_inspections_dagster.inspections.features.declarations import (
    COUNT,
    WINDOW_WORDS,
    WINDOWS,
    Family,
    Feature,
    count,
    numeric,
)
from food_inspections_dagster.inspections.features.past import Past, Records
from food_inspections_dagster.inspections.timelines import Ints, Mask, day_numbers

# Codes that canvass inspections cite often enough to show a habit: for 2010 at least 10 % of those of
# 2011-2014, or 2 % where critical or serious; for 2018 at least 10 % of the texts of 2019-2020 (a small
# sample, so the two codes of food temperature are taken in by judgement). Rarer codes are in the counts by
# severity.
CODES = {
    CODEBOOK_2010: (2, 3, 8, 16, 18, 19, 21, 24, 29, 30, 32, 33, 34, 35, 36, 38, 40, 41),
    CODEBOOK_2018: (3, 5, 10, 21, 22, 23, 38, 47, 49, 51, 53, 55, 56, 57, 58),
}
WINDOW = "3y"  # canvasses come about once a year
_PLACES = {pair: i for i, pair in enumerate((book, code) for book, codes in CODES.items() for code in codes)}


def _cited(past: Past, book: str, code: int) -> Mask:
    """Return which initial inspections cite the code at least once."""
    cited = past.once("cited", lambda: _citations(past.records))
    return cited[_PLACES[book, code]] & past.records.initial


def _citations(records: Records) -> npt.NDArray[np.bool_]:
    """Return for each counted code (rows) which records (columns) cite it."""
    violations = records.violations
    column = np.full((len(CODEBOOKS), 128), -1, dtype=np.int64)
    for (book, code), i in _PLACES.items():
        column[CODEBOOKS.index(book), code] = i
    books = pc.index_in(violations["codebook"], pa.array(CODEBOOKS, pa.string())).to_numpy()
    counted = column[books, violations["code"].to_numpy()]
    keys, wanted = _row_keys(records.table), _row_keys(violations)
    order = np.argsort(keys, kind="stable")
    cited = np.zeros((len(_PLACES), len(keys)), dtype=bool)
    if len(keys):
        at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(keys) - 1)]
        hit = (counted >= 0) & (keys[at] == wanted)
        cited[counted[hit], at[hit]] = True
    return cited


def _row_keys(table: pa.Table) -> Ints:
    """Return week and inspection_id (at most 12 digits) in one number: an id may stand in two weeks after an
    edit."""
    return (day_numbers(table["week"]) << 40) | table["inspection_id"].to_numpy()


def _features() -> Iterator[Feature]:
    words, days = WINDOW_WORDS[WINDOW], WINDOWS[WINDOW]
    for book, code in _PLACES:
        entry = codebook(book)[code]
        yield numeric(
            f"code_{book}_{code}_{WINDOW}",
            f"Inspections with violation {code} of the {book} codebook {words}: {entry.title.strip('* ').lower()}",
            f"{{value:inspections}} {words} found {entry.summary}",
            COUNT,
            count(partial(_cited, book=book, code=code), days),
            codebook=book,
        )


FAMILY = Family("codes", tuple(_features()), order=30)
