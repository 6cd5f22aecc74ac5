"""What a profile says against the range before, and whether it adds up."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date

import pandas as pd

from food_inspections_dagster.profiles.schemas import HISTORY, RECENT, WHOLE_TABLE


@dataclass(frozen=True)
class Bounds:
    """What counts as a jump.

    Attributes:
        missing: change of the share of missing values, in either direction.
        factor: of rows, and of distinct values, more or fewer.
        repeated: share of rows that are there twice.
        min_rows: ranges with fewer rows are not judged.
    """

    missing: float
    factor: float
    repeated: float
    min_rows: int


@dataclass(frozen=True)
class Jump:
    """A column or a whole table whose newest range is unlike the one before it.

    Attributes:
        size: how far it went, to sort by.
    """

    week: date
    table: str
    column: str
    words: str
    size: float

    def __str__(self) -> str:
        place = self.table if self.column == WHOLE_TABLE else f"{self.table}.{self.column}"
        return f"{place}: {self.words}"


@dataclass(frozen=True)
class _Pair:
    """A measure of the range ``recent`` and of the one before it, with the rows of both."""

    week: date
    table: str
    column: str
    value: float
    before: float
    rows: float
    rows_before: float


def missing_jumps(profile: pd.DataFrame, bounds: Bounds) -> list[Jump]:
    """Return the columns whose share of missing values has changed by more than ``bounds.missing``."""
    jumps = []
    for pair in _pairs(profile, "missing", bounds.min_rows):
        now, then = pair.value / pair.rows, pair.before / pair.rows_before
        if abs(now - then) > bounds.missing:
            words = f"missing in {now:.1%} of {pair.rows:,.0f} rows, before in {then:.1%} of {pair.rows_before:,.0f}"
            jumps.append(Jump(pair.week, pair.table, pair.column, words, abs(now - then)))
    return _largest_first(jumps)


def distinct_jumps(profile: pd.DataFrame, bounds: Bounds) -> list[Jump]:
    """Return the columns whose number of distinct values has changed by more than ``bounds.factor``.

    More rows have more names and numbers in them: what follows the rows is no jump.
    """
    jumps = []
    for pair in _pairs(profile, "distinct", bounds.min_rows):
        change = _ratio(pair.value, pair.before)
        beyond_rows = _ratio(pair.value / pair.rows, pair.before / pair.rows_before)
        if change > bounds.factor and beyond_rows > bounds.factor:
            words = f"{pair.value:,.0f} distinct values, before {pair.before:,.0f}"
            jumps.append(Jump(pair.week, pair.table, pair.column, words, change))
    return _largest_first(jumps)


def row_jumps(profile: pd.DataFrame, bounds: Bounds) -> list[Jump]:
    """Return the tables whose number of rows has changed by more than ``bounds.factor``.

    Not judged where the history begins inside the range before.
    """
    starts = profile[profile["span"] == HISTORY].groupby(["week", "table_name"])["first_week"].first().to_dict()
    firsts = profile[profile["span"] == RECENT].groupby(["week", "table_name"])["first_week"].first().to_dict()
    jumps = []
    for pair in _pairs(profile, "rows", 0):
        key = (pair.week, pair.table)
        length = pair.week - firsts[key]
        whole = starts[key] < firsts[key] - length
        change = _ratio(pair.value, pair.before)
        if whole and max(pair.value, pair.before) >= bounds.min_rows and change > bounds.factor:
            jumps.append(
                Jump(pair.week, pair.table, WHOLE_TABLE, f"{pair.value:,.0f} rows, before {pair.before:,.0f}", change)
            )
    return _largest_first(jumps)


def repetitions(profile: pd.DataFrame, bounds: Bounds) -> list[Jump]:
    """Return the tables of which more than a share of the newest rows is there twice."""
    jumps = []
    whole = profile[(profile["span"] == RECENT) & (profile["column_name"] == WHOLE_TABLE)]
    rows = whole[whole["measure"] == "rows"].set_index(["week", "table_name"])["value"].to_dict()
    names = {"repeated_keys": "the key of another row", "repeated_rows": "everything but the number of another row"}
    for measure, what in names.items():
        of_measure = whole[whole["measure"] == measure]
        for week, table, value in zip(of_measure["week"], of_measure["table_name"], of_measure["value"], strict=True):
            among = rows[week, table]
            if among >= bounds.min_rows and value / among > bounds.repeated:
                words = f"{value:,.0f} of {among:,.0f} rows have {what}"
                jumps.append(Jump(week, table, WHOLE_TABLE, words, value / among))
    return _largest_first(jumps)


def all_jumps(profile: pd.DataFrame, bounds: Bounds) -> list[Jump]:
    """Return what is unlike the range before in any way."""
    judges = (row_jumps, repetitions, missing_jumps, distinct_jumps)
    return [jump for judge in judges for jump in judge(profile, bounds)]


def faults(profile: pd.DataFrame, rows: Mapping[tuple[date, str], int]) -> dict[date, str]:
    """Return the weeks whose profile does not add up, with what is wrong.

    Args:
        rows: of each week and table, how many there are up to that week.
    """
    wrong: dict[date, str] = {}
    whole = profile[(profile["measure"] == "rows") & (profile["span"] == HISTORY)]
    counted = dict(zip(zip(whole["week"], whole["table_name"], strict=True), whole["value"], strict=True))
    for (week, table), wanted in rows.items():
        if counted.get((week, table)) != wanted:
            wrong[week] = f"{table}: {counted.get((week, table))} rows profiled, {wanted} are stored"
    key = ["week", "table_name", "span", "column_name"]
    parts = profile[profile["measure"].isin(["histogram", "missing"])]
    binned = profile[profile["measure"] == "histogram"][key].drop_duplicates()
    sums = parts.groupby(key, as_index=False)["value"].sum().merge(binned, on=key)
    of_table = profile[profile["measure"] == "rows"][["week", "table_name", "span", "value"]]
    sums = sums.merge(of_table, on=key[:3], suffixes=("", "_rows"))
    off = sums[sums["value"] != sums["value_rows"]]
    for week, table, column, value, wanted in off[
        ["week", "table_name", "column_name", "value", "value_rows"]
    ].to_numpy():
        wrong[week] = f"{table}.{column}: bins and missing hold {value:,.0f} of {wanted:,.0f} rows"
    return wrong


def _pairs(profile: pd.DataFrame, measure: str, min_rows: int) -> Iterator[_Pair]:
    recent = profile[profile["span"] == RECENT]
    whole = recent[recent["measure"] == "rows"]
    of_table = whole.set_index(["week", "table_name"])[["value", "value_before"]].to_dict("index")
    of_measure = recent[(recent["measure"] == measure) & recent["value_before"].notna()]
    columns = ["week", "table_name", "column_name", "value", "value_before"]
    for week, table, column, value, before in of_measure[columns].to_numpy():
        now, then = of_table[week, table].values()
        if min(now, then) >= min_rows:
            yield _Pair(week, table, column, value, before, now, then)


def _ratio(one: float, other: float) -> float:
    """Return how many times the greater is the smaller, ; infinity where that is none."""
    low, high = sorted((one, other))
    return high / low if low > 0 else (float("inf") if high > 0 else 1.0)


def _largest_first(jumps: list[Jump]) -> list[Jump]:
    return sorted(jumps, key=lambda jump: (jump.week, -jump.size, jump.table, jump.column))
