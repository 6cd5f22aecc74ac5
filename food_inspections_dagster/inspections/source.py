"""What a source beside the inspections is, and how its rows are cleaned: one rule for all, from declarations.

Each row stands for itself; only repetitions look at other rows, and only at those of the same week. A row that lacks
what its table cannot do without is left out, and counted by reason.
"""

import dataclasses
from collections import Counter
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cached_property
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster import schemas
from food_inspections_dagster.frames import arrow, days, to_arrow, to_pandas
from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.schemas import MONDAY, Schema, column
from food_inspections_dagster.weeks import FIRST_WEEK

DATASET = ":dataset"  # of a raw row: the id of the data set that it came from
COMMUNITY_AREAS = 77
_DAYS_OF_WEEK = 7
_BLANKS = r"[\s\x00-\x1f\x7f\x{a0}]+"

Reader = Callable[[pa.Array], pa.Array]
"""Texts as received to values; null for what cannot be read."""


@dataclass(frozen=True)
class Field:
    """A column of a clean table.

    Attributes:
        column: its type, description and bounds. One that is not nullable decides whether a row is kept.
        read: how its texts are read.
    """

    column: Any
    read: Reader


@dataclass(frozen=True)
class Form:
    """How a data set publishes a source.

    Attributes:
        columns: the portal's column of each field; a nullable field may be left out, here or by the portal.
        date: the portal's column whose date decides in which week a row lies; None where rows have no date: what has
            none was always there, in the first week of the calendar.
        only: the portal's columns that tell which rows count, with the values that do: texts, truth values, or codes,
            which portals publish as numbers or as texts.
    """

    columns: Mapping[str, str]
    date: str | None
    only: Mapping[str, tuple[str | int, ...]] = dataclasses.field(default_factory=dict)

    @property
    def asked(self) -> frozenset[str]:
        """The portal's columns that are needed."""
        return frozenset({*self.columns.values(), *self.only} - {":id"})

    def condition(self, types: Mapping[str, str]) -> str:
        """Return the SoQL condition on the rows that count, for a portal with columns of these types."""

        def literal(name: str, value: str | int) -> str:
            if isinstance(value, bool):
                return str(value).lower()
            return str(value) if isinstance(value, int) and types.get(name) == "number" else f"'{value}'"

        terms = []
        for name, values in self.only.items():
            listed = ", ".join(literal(name, value) for value in values)
            terms.append(f"{name} = {listed}" if len(values) == 1 else f"{name} in ({listed})")
        return " and ".join(terms)

    def counts(self, name: str, texts: pa.Array) -> np.ndarray:
        """Return which rows count by one of the columns of ``only``, from its texts as received; bool (rows,)."""
        values = self.only[name]
        if all(isinstance(value, int) and not isinstance(value, bool) for value in values):
            return np.asarray(pc.is_in(whole(texts), value_set=pa.array(values, pa.int64())))
        words = pa.array([str(value).lower() for value in values], pa.string())
        return np.asarray(pc.is_in(pc.utf8_lower(text(texts)), value_set=words))


@dataclass(frozen=True)
class Source:
    """City data beside the inspections: the constant ``SOURCE`` of a module of ``sources``.

    Attributes:
        name: of its clean table; also the module's.
        what: a sentence that says what a row is.
        key: the fields that tell the rows of a week apart.
        date: the field of the row's date, which lies in its week; None where rows have no date.
        reaches_back: weeks before the first week of inspections that still say something about it.
        earlier: whether rows dated before the calendar count; they lie in its first week.
        fresh_days: how many days may lie between the newest row's week and the newest week; None: any.
    """

    name: str
    what: str
    key: tuple[str, ...]
    fields: Mapping[str, Field]
    forms: tuple[Form, ...]
    date: str | None = None
    reaches_back: int = 0
    earlier: bool = False
    fresh_days: int | None = None

    @cached_property
    def schema(self) -> Schema:
        """The schema of the clean table."""
        week = column(pa.date32(), "Monday of the week that the row belongs to (partition)", MONDAY)
        columns = {"week": week, **{name: field.column for name, field in self.fields.items()}}
        return schemas.schema(self.name, self.what, ["week", *self.key], columns)

    @property
    def grain(self) -> str:
        """What a row is, as the end of a sentence."""
        return self.what[0].lower() + self.what[1:]

    @property
    def required(self) -> tuple[str, ...]:
        """The fields without which a row is left out."""
        return tuple(name for name, field in self.fields.items() if not field.column.nullable)

    def form_of(self, published: Collection[str]) -> Form | None:
        """Return the first form whose required columns are all published; None where none fits."""
        for form in self.forms:
            needed = {form.columns[name] for name in self.required}
            if {name for name in needed if not name.startswith(":")} <= set(published):
                return form
        return None


@dataclass(frozen=True)
class Cleaned:
    """Clean rows, in the order of week and key, and how many were left out, by reason."""

    rows: pd.DataFrame
    dropped: Mapping[str, int]


def clean(source: Source, raw: pd.DataFrame) -> Cleaned:
    """Clean raw rows of any weeks.

    Args:
        raw: rows as the portal sent them, every value a text, with ``week`` (Monday); the columns of several forms may
            stand side by side. Nothing in them raises: what cannot be read is left out.
    """
    if raw.empty:
        return Cleaned(schemas.empty(source.schema), {})
    week = arrow(to_arrow(raw, ["week"], "raw rows")["week"]).cast(pa.date32())
    values: dict[str, pa.Array] = {}
    for name, field in source.fields.items():
        texts = _texts(raw, [one.columns[name] for one in source.forms if name in one.columns])
        values[name] = texts if name in _COORDINATES else field.read(texts).cast(_type(field))
    if set(_COORDINATES) <= values.keys():
        placed = vocabulary.normalise_coordinates(*(values[name] for name in _COORDINATES))
        values.update(zip(_COORDINATES, placed, strict=True))
    rows = pa.table({"week": week, **values})
    reason = np.full(len(raw), "", dtype=object)
    for name in source.required:
        missing = np.asarray(rows[name].is_null()) & (reason == "")
        reason[missing] = f"no usable {name}"
    _leave_out_what_was_not_asked_for(source, raw, reason)
    if source.date is not None:
        kept = np.flatnonzero(reason == "")
        late = (days(rows[source.date].take(kept)) - days(week.take(pa.array(kept)))).astype(np.int64)
        first = days(week.take(pa.array(kept))) == np.datetime64(FIRST_WEEK, "D")
        outside = (late >= _DAYS_OF_WEEK) | ((late < 0) & ~(first & source.earlier))
        reason[kept[outside]] = f"{source.date} outside of its week"
    rows, dropped = rows.filter(pa.array(reason == "")), Counter(reason[reason != ""].tolist())
    # The newest of rows with the same key stays; ties go to the id, so that the order of the rows never matters.
    marks = {name: _texts(raw, [name]).filter(pa.array(reason == "")) for name in (":updated_at", ":id")}
    key = ["week", *source.key]
    order = [(name, "ascending") for name in key] + [(name, "descending") for name in marks]
    sortable = pa.table({**{name: rows[name] for name in key}, **marks})
    rows = rows.take(pc.sort_indices(sortable, sort_keys=order))
    repeated = _repeats(rows.select(key))
    if repeated.any():
        dropped["repeated"] = int(repeated.sum())
        rows = rows.filter(pa.array(~repeated))
    return Cleaned(to_pandas(rows.cast(pa.schema(schemas.arrow_types(source.schema)))), dict(sorted(dropped.items())))


_COORDINATES = ("latitude", "longitude")


def _leave_out_what_was_not_asked_for(source: Source, raw: pd.DataFrame, reason: np.ndarray) -> None:
    """Give a reason to rows that have none yet and do not count: a portal is not trusted to have kept the condition.

    A row is of the form under whose date column it has a date. Rows that are stored from before a column was asked for
    lack the whole column, and are taken as they are.
    """
    for form in source.forms:
        of_form = np.ones(len(raw), dtype=bool)
        if len(source.forms) > 1 and form.date is not None:
            of_form = np.asarray(_texts(raw, [form.date]).is_valid())
        for name in form.only:
            if name in raw.columns:
                reason[of_form & (reason == "") & ~form.counts(name, _texts(raw, [name]))] = f"another {name}"


def _type(field: Field) -> pa.DataType:
    return field.column.dtype.type.pyarrow_dtype


def _texts(raw: pd.DataFrame, names: list[str]) -> pa.Array:
    """Return the first of some columns that has a value, row by row; null where none has."""
    nothing = pa.nulls(len(raw), pa.string())
    there = [arrow(raw[name], pa.string()).cast(pa.string()) for name in dict.fromkeys(names) if name in raw.columns]
    return arrow(pc.coalesce(*there)) if there else nothing


def _repeats(keys: pa.Table) -> np.ndarray:
    """Return which rows have the key of the row before; sorted by key."""
    same = np.zeros(keys.num_rows, dtype=bool)
    if keys.num_rows > 1:
        equal = [np.asarray(pc.equal(one.combine_chunks()[1:], one.combine_chunks()[:-1])) for one in keys.columns]
        same[1:] = np.logical_and.reduce(equal)
    return same


# --- readers


def text(values: pa.Array) -> pa.Array:
    """Fold blanks and control characters into single blanks; an empty text is null."""
    folded = pc.utf8_trim_whitespace(pc.replace_substring_regex(values, pattern=_BLANKS, replacement=" "))
    return pc.if_else(pc.equal(folded, ""), pa.scalar(None, pa.string()), folded)


def verbatim(values: pa.Array) -> pa.Array:
    """Return texts as received, but for the NUL character, which Postgres cannot store."""
    return pc.replace_substring(values, pattern="\x00", replacement="\ufffd")


def whole(values: pa.Array) -> pa.Array:
    """Read whole numbers of at most 18 digits, written with or without a decimal point."""
    pattern = r"^\s*\d{1,18}(\.0+)?\s*$"
    matched = pc.if_else(pc.match_substring_regex(values, pattern), values, pa.scalar(None, pa.string()))
    return pc.cast(pc.struct_field(pc.extract_regex(matched, r"(?P<digits>\d+)"), "digits"), pa.int64())


def area_number(values: pa.Array) -> pa.Array:
    """Read whole numbers from 1 to 77, as community areas are numbered; the portal writes 0 where it knows none."""
    numbers = whole(values)
    inside = pc.and_(pc.greater_equal(numbers, 1), pc.less_equal(numbers, COMMUNITY_AREAS))
    return pc.cast(pc.if_else(inside, numbers, pa.scalar(None, pa.int64())), pa.int16())


def code(values: pa.Array) -> pa.Array:
    """Read whole numbers below 2**31."""
    numbers = whole(values)
    return pc.cast(pc.if_else(pc.less(numbers, 2**31), numbers, pa.scalar(None, pa.int64())), pa.int32())


def number(values: pa.Array) -> pa.Array:
    """Read decimal numbers; null for what is none."""
    plain = pc.match_substring_regex(values, r"^\s*[+-]?\d{1,12}(\.\d{0,20})?([eE][+-]?\d{1,2})?\s*$")
    return pc.cast(pc.utf8_trim_whitespace(pc.if_else(plain, values, pa.scalar(None, pa.string()))), pa.float64())


def day(values: pa.Array) -> pa.Array:
    """Read the day of ``2011-09-02T00:00:00.000`` or ``2011-09-02``."""
    return vocabulary.map_unique(pc.utf8_slice_codeunits(pc.utf8_trim_whitespace(values), 0, 10), _day, pa.date32())


def _day(written: str) -> date | None:
    try:
        return date.fromisoformat(written) if len(written) == 10 else None
    except ValueError:
        return None


# --- fields that several sources have

_LATITUDE = schemas.pandera.Check.in_range(*vocabulary.LATITUDES)
_LONGITUDE = schemas.pandera.Check.in_range(*vocabulary.LONGITUDES)
PLACE: Mapping[str, Field] = {
    "latitude": Field(column(pa.float64(), "Degrees north; null outside the city", _LATITUDE, null=True), number),
    "longitude": Field(column(pa.float64(), "Degrees east; null outside the city", _LONGITUDE, null=True), number),
}
ZIP = Field(
    column(pa.string(), "Zip code, five digits", schemas.pandera.Check.str_matches(r"^\d{5}$"), null=True),
    vocabulary.normalise_zips,
)
COMMUNITY_AREA = Field(
    column(pa.int16(), "Number of the community area, 1 to 77", schemas.pandera.Check.in_range(1, 77), null=True),
    area_number,
)


def optional_text(description: str) -> Field:
    """Return a field of text that may be null."""
    return Field(column(pa.string(), description, null=True), text)


def required_text(description: str) -> Field:
    """Return a field of text that every row has."""
    return Field(column(pa.string(), description), text)


def date_field(description: str, null: bool = False) -> Field:
    """Return a field of calendar days."""
    return Field(column(pa.date32(), description, null=null), day)


def whole_field(description: str, null: bool = False) -> Field:
    """Return a field of whole numbers that are not negative."""
    return Field(column(pa.int64(), description, schemas.pandera.Check.ge(0), null=null), whole)


def number_field(description: str, null: bool = False) -> Field:
    """Return a field of numbers."""
    return Field(column(pa.float64(), description, null=null), number)


def same(*names: str, **others: str) -> dict[str, str]:
    """Return a form's columns: ``names`` are called alike on both sides, ``others`` by field = portal's column."""
    return {**{name: name for name in names}, **others}
