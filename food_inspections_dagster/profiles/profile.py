"""The profile of stored tables as of the end of a week."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.inspections.codebooks import codebook
from food_inspections_dagster.profiles.columns import Bins, Column, Kind, bins_of, day_of, quantiles, top_places
from food_inspections_dagster.profiles.schemas import BY_CODE, DATA_PROFILE, HISTORY, QUANTILES, RECENT, WHOLE_TABLE
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, monday

Row = dict[str, Any]


@dataclass(frozen=True)
class Profiled:
    """A table that is profiled.

    Attributes:
        key: the columns that tell its rows apart, without ``week``; empty where none do.
        numbers: the columns that only number a row: two rows that differ in nothing else are one thing stored twice.
    """

    name: str
    key: tuple[str, ...] = ()
    numbers: tuple[str, ...] = ()


@dataclass(frozen=True)
class Detail:
    """How much a profile says.

    Attributes:
        weeks: length of the range ``recent``, and of the one before it.
        top_values, bins: at most so many of a column.
    """

    weeks: int
    top_values: int
    bins: int


@dataclass(frozen=True)
class _Span:
    name: str
    first_week: date
    rows: slice
    before: slice | None


def data_profile(
    weeks: Sequence[date], tables: Mapping[str, pd.DataFrame], profiled: Sequence[Profiled], detail: Detail
) -> pd.DataFrame:
    """Return the rows of ``DATA_PROFILE`` for some weeks, each from rows of weeks up to itself.

    Args:
        tables: by name, each with ``week``; columns are profiled in their order.
    """
    rows: list[Row] = []
    for table in profiled:
        of_table = pa.Table.from_pandas(tables[table.name], preserve_index=False)
        rows += _of_table(weeks, table, frames.sorted_by(of_table, ["week"]), detail)
    return schemas.typed(pd.DataFrame(rows, columns=list(DATA_PROFILE.columns)), DATA_PROFILE)


def _of_table(weeks: Sequence[date], table: Profiled, rows: pa.Table, detail: Detail) -> Iterator[Row]:
    days = frames.days(rows["week"])
    spans = {week: _spans(week, days, detail.weeks) for week in weeks}
    columns = {}
    for name in (name for name in rows.column_names if name != "week"):
        column = Column.encode(name, rows[name])
        columns[name] = column.codes
        for week, of_week in spans.items():
            bins = _bins(column, of_week[0], detail.bins)
            for span in of_week:
                yield from (
                    {**_address(week, table, span, name), **row} for row in _of_column(column, span, bins, detail)
                )
    same_key = _same([columns[name] for name in table.key]) if table.key else None
    week_of_row = (days - days.min(initial=days[0])).astype(np.int64) // 7 if len(days) else np.empty(0, np.int64)
    same_row = _same([week_of_row, *(codes for name, codes in columns.items() if name not in table.numbers)])
    by_code = _Codes.of(rows) if table.name == "violations" else None
    for week, of_week in spans.items():
        for span in of_week:
            measures = [*_of_whole(span, days, same_key, same_row), *(by_code.count(span) if by_code else ())]
            yield from ({**_address(week, table, span, WHOLE_TABLE), **row} for row in measures)


def _spans(week: date, days: np.ndarray, length: int) -> list[_Span]:
    first = max(FIRST_WEEK, week - (length - 1) * WEEK)
    before = frames.span(days, first - length * WEEK, first - WEEK)
    history = frames.span(days, FIRST_WEEK, week)
    start = monday(days[0].item()) if history.stop else FIRST_WEEK
    return [
        _Span(HISTORY, min(start, week), history, None),
        _Span(RECENT, first, frames.span(days, first, week), before if before.stop > before.start else None),
    ]


def _address(week: date, table: Profiled, span: _Span, column: str) -> Row:
    return {
        "week": week,
        "table_name": table.name,
        "span": span.name,
        "first_week": span.first_week,
        "column_name": column,
    }


def _row(
    measure: str, value: float, before: float | None = None, position: int = 0, item: str | None = None, **bounds: float
) -> Row:
    return {"measure": measure, "position": position, "item": item, "value": value, "value_before": before, **bounds}


# ---------------------------------------------------------------------- of a column


def _bins(column: Column, history: _Span, most: int) -> Bins | None:
    """Return the bins of a column: the history's, so that those of its newest weeks can be laid beside them."""
    if column.kind not in (Kind.NUMBER, Kind.DATE):
        return None
    return bins_of(column.numbers, column.counts(history.rows)[:-1], most)


def _of_column(column: Column, span: _Span, bins: Bins | None, detail: Detail) -> Iterator[Row]:
    counts = column.counts(span.rows)
    before = column.counts(span.before) if span.before is not None else None
    yield _row("missing", counts[-1], None if before is None else before[-1])
    counts, before = counts[:-1], None if before is None else before[:-1]
    yield _row("distinct", int(np.count_nonzero(counts)), None if before is None else int(np.count_nonzero(before)))
    if column.kind in (Kind.NUMBER, Kind.DATE):
        yield from _distribution(column, counts, before)
    if column.kind in (Kind.NUMBER, Kind.TEXT):
        places = top_places(column, counts, detail.top_values)
        gone = [] if before is None else [p for p in top_places(column, before, detail.top_values) if not counts[p]]
        for rank, place in enumerate([*places, *gone], 1):
            yield _row("top_value", counts[place], None if before is None else before[place], rank, column.text(place))
    # The dates of two ranges lie apart by nature: beside each other they would say nothing.
    if bins is not None and not (column.kind is Kind.DATE and span.name == RECENT):
        rows = bins.rows(counts)
        earlier = None if before is None else bins.rows(before)
        for at, (low, high) in enumerate(zip(bins.low.tolist(), bins.high.tolist(), strict=True)):
            item = _bin_text(column.kind, low, high)
            value = None if earlier is None else earlier[at]
            yield _row("histogram", rows[at], value, at + 1, item, low=low, high=high)


def _distribution(column: Column, counts: np.ndarray, before: np.ndarray | None) -> Iterator[Row]:
    numbers = column.numbers
    places = quantiles(counts, tuple(QUANTILES.values()))
    if places is None:
        return
    known = before is not None and before.any()
    earlier = quantiles(before, tuple(QUANTILES.values())) if known and before is not None else None
    for at, measure in enumerate(QUANTILES):
        value = float(numbers[places[at]])
        item = str(day_of(value)) if column.kind is Kind.DATE else None
        yield _row(measure, value, float(numbers[earlier[at]]) if earlier else None, item=item)
    if column.kind is Kind.NUMBER:
        yield _row("mean", _mean(numbers, counts), _mean(numbers, before) if known and before is not None else None)


def _mean(numbers: np.ndarray, counts: np.ndarray) -> float:
    there = counts > 0
    return float((numbers[there] * counts[there]).sum() / counts[there].sum())


def _bin_text(kind: Kind, low: float, high: float) -> str:
    if kind is Kind.DATE:
        return str(day_of(low)) if low == high else f"{day_of(low)} to {day_of(high)}"
    return f"{low:.6g}" if low == high else f"{low:.4g} to {high:.4g}"


# ---------------------------------------------------------------------- of a table


def _of_whole(span: _Span, days: np.ndarray, same_key: np.ndarray | None, same_row: np.ndarray) -> Iterator[Row]:
    before = span.before
    yield _row("rows", _length(span.rows), None if before is None else _length(before))
    for measure, same in (("repeated_keys", same_key), ("repeated_rows", same_row)):
        if same is not None:
            yield _row(measure, _repeated(same, span.rows), None if before is None else _repeated(same, before))
    weeks = days[span.rows]
    if span.name == HISTORY:
        years = weeks.astype("datetime64[Y]").astype(int) + 1970
        for year, rows in zip(*np.unique(years, return_counts=True), strict=True):
            yield _row("rows_of_year", rows, position=year, item=str(year))
    else:
        first = np.datetime64(span.first_week)
        for at, rows in zip(*np.unique((weeks - first).astype(int) // 7, return_counts=True), strict=True):
            yield _row("rows_of_week", rows, position=at + 1, item=str(span.first_week + int(at) * WEEK))


def _length(rows: slice) -> int:
    return rows.stop - rows.start


def _repeated(same: np.ndarray, rows: slice) -> int:
    """Return how many rows of a slice repeat one before them in it."""
    ordered = np.sort(same[rows])
    return int((ordered[1:] == ordered[:-1]).sum())


def _same(columns: Sequence[np.ndarray]) -> np.ndarray:
    """Return a number for each row (int64), the same for rows that are alike in all columns."""
    numbers, most = np.zeros(len(columns[0]), dtype=np.int64), 1
    for codes in columns:
        values = int(codes.max(initial=0)) + 1
        if most * values >= 2**62:
            numbers = np.unique(numbers, return_inverse=True)[1]
            most = len(numbers)
        numbers = numbers * values + codes
        most *= values
    return numbers


@dataclass(frozen=True)
class _Codes:
    """Violations by codebook and code."""

    number: np.ndarray  # int64 (rows,): the codebook's place times 100, and the code

    @classmethod
    def of(cls, rows: pa.Table) -> "_Codes":
        books = frames.arrow(rows["codebook"]).to_numpy(zero_copy_only=False)
        place = np.zeros(len(books), dtype=np.int64)
        for at, name in enumerate(BY_CODE):
            place[books == name] = 100 * at
        return cls(place + np.asarray(frames.arrow(rows["code"]).cast(pa.int64())))

    def count(self, span: _Span) -> Iterator[Row]:
        counts = np.bincount(self.number[span.rows], minlength=100 * len(BY_CODE))
        before = None if span.before is None else np.bincount(self.number[span.before], minlength=100 * len(BY_CODE))
        for place in np.flatnonzero(counts if before is None else counts + before).tolist():
            book, code = list(BY_CODE)[place // 100], place % 100
            known = codebook(book).get(code)
            title = known.title if known else f"code {code} of {book}"
            earlier = None if before is None else before[place]
            yield _row(BY_CODE[book], counts[place], earlier, code, " ".join(title.split()))
