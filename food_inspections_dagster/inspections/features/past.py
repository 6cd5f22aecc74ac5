"""The ground of the features: the records as arrays, and what was known of each question's establishment.

A question is an establishment and a day; its past are the records dated strictly before that day. Families read the
past through :class:`Past` only, which keeps the rule of time (see ``timelines``).

A re-inspection's text lists the violations that were found *corrected*, so violations are counted over the other
visits only (``initial``); how re-inspections ended is counted on its own.
"""

from collections.abc import Callable, Hashable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow, to_arrow
from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.inspections.features.tables import Described, Tables
from food_inspections_dagster.inspections.licences import Licences
from food_inspections_dagster.inspections.timelines import Ints, Mask, Questions, Timeline, by_day, day_numbers

INSPECTION_COLUMNS = (
    "week", "inspection_id", "establishment_id", "inspection_date", "dba_name", "facility_type", "risk",
    "address", "zip", "latitude", "longitude", "inspection_type", "is_reinspection", "results",
    "critical_count", "serious_count", "minor_count",
)  # fmt: skip
VIOLATION_COLUMNS = ("week", "inspection_id", "code", "codebook")


class Records:
    """The inspections as arrays in the order of their table, with the flags that several families count."""

    def __init__(self, tables: Tables, columns: tuple[str, ...], described: Described | None = None) -> None:
        table = to_arrow(tables.inspections, columns, "inspections")
        self.violations = to_arrow(tables.violations, VIOLATION_COLUMNS, "violations")
        size = table.num_rows
        if described is not None:
            table = _beside(table, to_arrow(described.inspections, columns, "described inspections"))
            cited = to_arrow(described.violations, VIOLATION_COLUMNS, "described violations")
            self.violations = _beside(self.violations, cited)
        self.table = table.combine_chunks()
        #: Records of the city; those of a place that is described count for that place alone.
        self.public: Mask = np.arange(table.num_rows) < size
        self.days = day_numbers(self.table["inspection_date"])
        self.ids: Ints = self.table["inspection_id"].to_numpy()

    def __len__(self) -> int:
        return len(self.days)

    def where(self, column: str, *values: str) -> Mask:
        """Return which records have one of ``values``."""
        return pc.is_in(self.table[column], value_set=pa.array(values, pa.string())).to_numpy()

    def numbers(self, column: str) -> npt.NDArray[np.float64]:
        """Return a column of numbers, NaN where it is null."""
        return pc.cast(self.table[column], pa.float64()).to_numpy()

    def timeline(self, groups: Ints) -> Timeline:
        """Return the records in the order of ``groups``, one number per record, -1 for none."""
        return Timeline.of(groups, self.days, self._by_day)

    @cached_property
    def _by_day(self) -> Ints:
        return by_day(self.days, self.ids)

    @cached_property
    def every(self) -> Mask:
        return np.ones(len(self), dtype=bool)

    @cached_property
    def decided(self) -> Mask:
        return self.where("results", *vocabulary.DECISIONS)

    @cached_property
    def failed(self) -> Mask:
        return self.where("results", "Fail")

    @cached_property
    def closed(self) -> Mask:
        return self.where("results", *vocabulary.CLOSED)

    @cached_property
    def reinspection(self) -> Mask:
        """Re-inspections with a decision."""
        return self._follows_up & self.decided

    @cached_property
    def initial(self) -> Mask:
        """Inspections with a decision that are no re-inspections."""
        return self.decided & ~self._follows_up

    @cached_property
    def _follows_up(self) -> Mask:
        return pc.fill_null(self.table["is_reinspection"], False).to_numpy()

    @cached_property
    def canvass(self) -> Mask:
        return self.initial & self.where("inspection_type", "Canvass")

    @cached_property
    def complaint(self) -> Mask:
        return self.initial & self.where("inspection_type", *vocabulary.COMPLAINTS)

    @cached_property
    def critical(self) -> Mask:
        """Initial inspections with a critical violation."""
        return self.initial & pc.greater(self.table["critical_count"], 0).to_numpy()

    @cached_property
    def serious(self) -> Mask:
        """Initial inspections with a serious violation."""
        return self.initial & pc.greater(self.table["serious_count"], 0).to_numpy()

    def violation_count(self, severity: str) -> Ints:
        """Return how many violations of ``critical``, ``serious`` or ``minor`` severity each record lists."""
        return self.table[f"{severity}_count"].to_numpy().astype(np.int64)


def _beside(rows: pa.Table, described: pa.Table) -> pa.Table:
    return pa.concat_tables([rows, described.cast(rows.schema)]).replace_schema_metadata(None)


@dataclass(frozen=True)
class Location:
    """Where each question's establishment is, as last known: NaN and null where it is unknown."""

    latitude: npt.NDArray[np.float64]
    longitude: npt.NDArray[np.float64]
    zip: pa.Array
    address: pa.Array


@dataclass(frozen=True, eq=False)
class Past:
    """What a family may read: the records, and of each question its establishment's records before the day.

    ``terms`` puts the same questions to the licences. ``place`` is the position of each question's place among
    ``places``, those that are described, -1 where it is none of them. Running sums and last positions are kept, each
    beside its mask, which so keeps its id.
    """

    records: Records
    questions: Questions
    licences: Licences
    terms: Questions
    tables: Tables
    places: pa.Table
    place: Ints
    _positions: dict[tuple[str, int], tuple[Mask, Ints]] = field(default_factory=dict)
    _shared: dict[Hashable, Any] = field(default_factory=dict)
    _sums: dict[int, tuple[npt.NDArray[Any], Ints]] = field(default_factory=dict)
    _once: dict[Hashable, Any] = field(default_factory=dict)

    def for_next_family(self) -> "Past":
        """Return the same past without running sums: those of all families would fill the memory."""
        return replace(self, _sums={}, _once={})

    def once(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what ``make`` returns, made once for the features of a family."""
        if key not in self._once:
            self._once[key] = make()
        return self._once[key]

    def shared(self, key: Hashable, make: Callable[[], Any]) -> Any:
        """Return what ``make`` returns, made once for all families."""
        if key not in self._shared:
            self._shared[key] = make()
        return self._shared[key]

    def count(self, what: npt.NDArray[Any], window_days: int | None) -> Ints:
        """Return the sum of a flag or a whole number of each record over the window before each day."""
        if id(what) not in self._sums:
            self._sums[id(what)] = what, self.questions.timeline.cumulative(what)
        sums = self._sums[id(what)][1]
        return sums[self.questions.end] - sums[self.questions.since(window_days)]

    def last(self, mask: Mask) -> Ints:
        """Return positions in the table of the last record for which ``mask`` holds, -1 for none."""
        return self._position("last", mask, self.questions.last)

    def last_but_one(self, mask: Mask) -> Ints:
        """Return positions in the table of the record before the last for which ``mask`` holds, -1 for none."""
        return self._position("last but one", mask, self.questions.last_but_one)

    def _position(self, which: str, mask: Mask, find: Callable[[Mask], Ints]) -> Ints:
        key = which, id(mask)
        if key not in self._positions:
            self._positions[key] = mask, find(mask)
        return self._positions[key][1]

    def days_since(self, at: Ints) -> Any:
        """Return the days from the records at positions ``at`` to each question's day, NaN at -1."""
        return self.questions.days - self.pick(self.records.days, at)

    def pick(self, values: npt.NDArray[Any], at: Ints, missing: float = np.nan) -> Any:
        """Return numbers of the records at positions ``at``, ``missing`` at -1."""
        if not len(values):
            return np.full(len(at), missing)
        return np.where(at >= 0, values[at], missing)

    def text(self, column: str, at: Ints) -> pa.Array:
        """Return texts of the records at positions ``at``, null at -1."""
        return arrow(self.records.table[column]).cast(pa.string()).take(pa.array(at, mask=at < 0))

    @property
    def licence(self) -> Ints:
        """Positions of the newest term of each place's own licence that had begun, -1 for none."""
        return self.shared("licence", lambda: self.terms.last(self.licences.every))

    def of_licence(self, values: pa.Array | pa.ChunkedArray) -> pa.Array:
        """Return texts of the terms at ``licence``, null where there is none."""
        return arrow(values).take(pa.array(self.licence, mask=self.licence < 0))

    def of_place(self, column: str) -> pa.Array:
        """Return what is told of the places that are described, null for all others."""
        return arrow(self.places[column]).take(pa.array(self.place, mask=self.place < 0))

    @property
    def name(self) -> pa.Array:
        """The name under which each place does business: of its newest record that has one, else of its licence."""
        return self.shared("name", lambda: self._known("dba_name", "doing_business_as_name"))

    @property
    def facility_type(self) -> pa.Array:
        """The kind of facility: of the newest record that knows it, else of the licence."""

        def known() -> pa.Array:
            at = self.questions.last(~self.records.where("facility_type", vocabulary.UNKNOWN))
            of_record, of_place = self.text("facility_type", at), self.of_place("facility_type")
            return pc.coalesce(of_record, of_place, self.of_licence(self.licences.facility_type))

        return self.shared("facility_type", known)

    @property
    def risk(self) -> pa.Array:
        """The City's risk class of each place, whole numbers: of its newest record that has one."""

        def known() -> pa.Array:
            risk = arrow(self.records.table["risk"])
            at = self.questions.last(pc.is_valid(risk).to_numpy(zero_copy_only=False))
            return pc.coalesce(risk.take(pa.array(at, mask=at < 0)), self.of_place("risk").cast(risk.type))

        return self.shared("risk", known)

    @property
    def location(self) -> Location:
        """Where each place is: by its newest record that tells, else by its licence; never by what is foreseen."""
        return self.shared("location", self._location)

    def _location(self) -> Location:
        degrees = [self.records.numbers(name) for name in ("latitude", "longitude")]
        at = self.questions.last(~(np.isnan(degrees[0]) | np.isnan(degrees[1])))
        licensed = [self.licences.table[name].to_numpy() for name in ("latitude", "longitude")]
        known = [
            np.where(at >= 0, self.pick(of_record, at), self.pick(of_licence, self.licence))
            for of_record, of_licence in zip(degrees, licensed, strict=True)
        ]
        described = [self.of_place(name).to_numpy(zero_copy_only=False) for name in ("latitude", "longitude")]
        known = [
            np.where((at < 0) & ~np.isnan(of_place), of_place, axis)
            for axis, of_place in zip(known, described, strict=True)
        ]
        unknown = np.isnan(known[0]) | np.isnan(known[1])
        known = [np.where(unknown, np.nan, axis) for axis in known]
        return Location(known[0], known[1], self._known("zip", "zip"), self._known("address", "address"))

    def _known(self, column: str, of_licence: str) -> pa.Array:
        at = self.questions.last(pc.is_valid(self.records.table[column]).to_numpy())
        of_licensed = self.of_licence(self.licences.table[of_licence])
        return pc.coalesce(self.text(column, at), self.of_place(column), of_licensed)


def ratio(part: npt.NDArray[Any], whole: npt.NDArray[Any]) -> npt.NDArray[np.float64]:
    """Return ``part / whole``, NaN where ``whole`` is 0."""
    return np.divide(part, whole, out=np.full(part.shape, np.nan), where=whole > 0)
