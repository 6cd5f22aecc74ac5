"""Rules that a stored feature matrix must keep; each is a function of tables and returns what breaks it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow, to_arrow
from food_inspections_dagster.inspections import cohorts
from food_inspections_dagster.inspections.codebooks import CODEBOOK_2010, CODEBOOK_2018, SWITCH_DATE
from food_inspections_dagster.inspections.features import registry
from food_inspections_dagster.inspections.features.declarations import Feature
from food_inspections_dagster.inspections.features.matrix import matrix_of
from food_inspections_dagster.inspections.features.tables import Rows, Tables
from food_inspections_dagster.inspections.vocabulary import DECISIONS, KNOWN_FLAGS
from food_inspections_dagster.weeks import WEEK

KEYS = ("week", "inspection_id")
NAMED = 5  # features that a message names; the rest is counted
# Columns that do not come from the inspection itself, and so must not change when it does.
_KNOWN_BEFORE = ("as_of_date", *KNOWN_FLAGS, *registry.KNOWN_GROUPS)
_SOMEBODY_ELSE = "L0"  # a licence 0 is none, so no establishment has this name
_MUCH_LATER = timedelta(days=5 * 366)  # beyond all windows
# Codes of the 2010 codebook leave the features three years after the switch, those of 2018 enter with it.
_COUNTED_UNTIL = {CODEBOOK_2010: SWITCH_DATE + 104 * WEEK}
_COUNTED_FROM = {CODEBOOK_2018: SWITCH_DATE + 13 * WEEK}


def changed_by_the_future(
    weeks: Iterable[date],
    tables: Tables,
    stored: Rows,
    window_days: int = cohorts.WINDOW_DAYS,
    off: Collection[str] = (),
) -> dict[date, str]:
    """Return the weeks whose features change when what is dated on or after their Monday does, and which do.

    Each week is computed again from a past that ends before its Monday in every table, and from its own inspections
    altered in everything but their number, their week and their establishment: result, counts, type of visit, date,
    name, address, place, facility type, risk. In the history they belong to somebody else, so that it is also as if
    they had not been. Only what comes from the inspection itself (``ROW_COLUMNS``) may differ from ``stored``.

    Args:
        weeks: Mondays to look at; they cost a computation of the history each.
        tables: the whole history up to these weeks; what is later is not used.
        stored: the feature matrix with the rows of these weeks.
        window_days: see ``cohorts.in_cohort``.
        off: see ``compute_features``.

    Raises:
        FoodInspectionsError: if a needed column is missing.
    """
    columns = dict.fromkeys([*registry.ROW_COLUMNS, *registry.INSPECTION_COLUMNS])
    records = to_arrow(tables.inspections, columns, "inspections")
    names = (*_KNOWN_BEFORE, *registry.FEATURE_NAMES)
    kept = to_arrow(stored, (*KEYS, *names), "stored rows of features")
    changed: dict[date, str] = {}
    for week in sorted(set(weeks)):
        rows = _altered(records.filter(pc.equal(records["week"], week)))
        past = replace(tables, inspections=records).before(week)
        elsewhere = _with(rows, "establishment_id", [_SOMEBODY_ELSE] * len(rows))
        history = replace(past, inspections=pa.concat_tables([past.inspections, elsewhere]))
        rebuilt = pa.Table.from_pandas(matrix_of(rows, history, window_days, off), preserve_index=False)
        expected = kept.filter(pc.equal(kept["week"], week)).sort_by("inspection_id")
        if not _equal(expected["inspection_id"], rebuilt["inspection_id"]):
            changed[week] = f"{len(expected)} rows are stored and {len(rebuilt)} inspections have features"
        elif different := [name for name in names if not _equal(expected[name], rebuilt[name])]:
            changed[week] = _named(different)
    return changed


def differing_rows(inspections: Rows, matrix: Rows) -> dict[date, str]:
    """Return the weeks in which the matrix does not have one row per inspection, and how many both have."""
    tables = [to_arrow(rows, KEYS, what) for rows, what in ((inspections, "inspections"), (matrix, "rows of features"))]
    numbers = [_numbers_by_week(table) for table in tables]
    differing = {}
    for week in sorted(numbers[0].keys() | numbers[1].keys()):
        of_inspections, of_matrix = (np.sort(by_week.get(week, np.array([]))) for by_week in numbers)
        if not np.array_equal(of_inspections, of_matrix):
            other = ", of other inspections" if len(of_inspections) == len(of_matrix) else ""
            differing[week] = f"{len(of_inspections)} inspections, {len(of_matrix)} rows of features{other}"
    return differing


def constant_features(matrix: Rows, first: date, last: date, off: Collection[str] = ()) -> list[str]:
    """Return the numeric features that have one value, or none, in all rows of the weeks ``first`` to ``last``.

    Features that count codes are judged where their codebook was in force long enough only, and those of families
    that are ``off`` not at all.
    """
    numbers = [f for f in registry.features_in_use(off) if f.kind == "numeric" and _in_use(f, first, last)]
    table = to_arrow(matrix, ["week", *(feature.name for feature in numbers)], "rows of features")
    inside = pc.and_(pc.greater_equal(table["week"], first), pc.less_equal(table["week"], last))
    table = table.filter(inside)
    extremes = {feature.name: pc.min_max(table[feature.name]) for feature in numbers}
    return [name for name, of in extremes.items() if of["min"] == of["max"] or not of["min"].is_valid]


def _in_use(feature: Feature, first: date, last: date) -> bool:
    book = feature.codebook or ""
    return first < _COUNTED_UNTIL.get(book, date.max) and last > _COUNTED_FROM.get(book, date.min)


def _numbers_by_week(table: pa.Table) -> dict[date, Any]:
    grouped = table.group_by("week").aggregate([("inspection_id", "list")])
    lists = grouped["inspection_id_list"].combine_chunks()
    return {week: np.asarray(lists[i].values) for i, week in enumerate(grouped["week"].to_pylist())}


def _equal(stored: pa.ChunkedArray, rebuilt: pa.ChunkedArray) -> bool:
    return arrow(stored).cast(rebuilt.type).equals(arrow(rebuilt))


def _named(names: Sequence[str]) -> str:
    more = f" and {len(names) - NAMED} more" if len(names) > NAMED else ""
    return ", ".join(names[:NAMED]) + more


def _altered(rows: pa.Table) -> pa.Table:
    for name in rows.column_names:
        if name not in (*KEYS, "establishment_id"):
            rows = _with(rows, name, [_other(name, value, rows[name].type) for value in rows[name].to_pylist()])
    return rows


def _other(name: str, value: Any, kind: pa.DataType) -> Any:
    """Return a value that differs from ``value`` in all that a feature could count."""
    if name == "results":
        return "Out of Business" if value in DECISIONS else "Fail"
    if pa.types.is_boolean(kind):
        return not value
    if pa.types.is_integer(kind):
        return 0 if value else 7
    if pa.types.is_floating(kind):
        return 0.0 if value is None else value + 0.05
    if pa.types.is_date(kind):
        return value + _MUCH_LATER
    return "nothing" if value is None else f"not {value}"


def _with(table: pa.Table, name: str, values: list[Any]) -> pa.Table:
    at = table.column_names.index(name)
    return table.set_column(at, name, pa.array(values, table.schema.field(name).type))
