"""Business licences as features and cohorts read them: terms that begin on a day, before which nobody knows of them."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import numpy.typing as npt
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow, to_arrow
from food_inspections_dagster.inspections.chicago.licences import facility_types, is_food
from food_inspections_dagster.inspections.establishments import establishment_ids
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.inspections.timelines import Ints, Mask, Timeline, by_day, day_numbers
from food_inspections_dagster.schemas import arrow_types

LICENCE_COLUMNS = (
    "week", "term_id", "license_number", "license_start_date", "expiration_date", "license_code", "account_number",
    "doing_business_as_name", "address", "zip", "latitude", "longitude",
)  # fmt: skip


@dataclass(frozen=True, eq=False)
class Licences:
    """The terms of ``clean.business_licenses``, in the order of their table."""

    table: pa.Table

    @classmethod
    def of(cls, rows: pd.DataFrame | pa.Table | None) -> "Licences":
        """Return the terms in ``rows``; None stands for a source that is absent.

        Raises:
            FoodInspectionsError: if a needed column is missing.
        """
        types = arrow_types(SOURCES["business_licenses"].schema)
        schema = pa.schema([(name, types[name]) for name in LICENCE_COLUMNS])
        if rows is None:
            return cls(schema.empty_table())
        return cls(to_arrow(rows, LICENCE_COLUMNS, "business licences").combine_chunks().cast(schema))

    def beside(self, rows: pd.DataFrame | pa.Table) -> "Licences":
        """Return the same terms, and those in ``rows`` behind them."""
        return Licences(pa.concat_tables([self.table, Licences.of(rows).table]).combine_chunks())

    def __len__(self) -> int:
        return len(self.table)

    @cached_property
    def days(self) -> Ints:
        """The days on which terms begin."""
        return day_numbers(self.table["license_start_date"])

    @cached_property
    def ends(self) -> npt.NDArray[np.float64]:
        """The last days of terms, NaN where there is none."""
        return pc.cast(self.table["expiration_date"].cast(pa.int32()), pa.float64()).to_numpy()

    @cached_property
    def establishment_ids(self) -> pa.Array:
        """The place of each term, by its licence number; null for the number 0."""
        nothing = pa.nulls(len(self), pa.string())
        return establishment_ids(arrow(self.table["license_number"]), nothing, nothing)

    @cached_property
    def facility_type(self) -> pa.Array:
        """The kind of facility that each licence is for, null where it does not tell."""
        return facility_types(arrow(self.table["license_code"]))

    @cached_property
    def every(self) -> Mask:
        return np.ones(len(self), dtype=bool)

    @cached_property
    def food(self) -> Mask:
        """Whether a place with the licence is inspected for it."""
        return is_food(arrow(self.table["license_code"])).to_numpy(zero_copy_only=False)

    def timeline(self, groups: Ints) -> Timeline:
        """Return the terms by the day on which they begin in the order of ``groups``, -1 for none."""
        return Timeline.of(groups, self.days, self._by_day)

    @cached_property
    def _by_day(self) -> Ints:
        rank = np.empty(len(self), dtype=np.int64)
        rank[pc.array_sort_indices(arrow(self.table["term_id"])).to_numpy()] = np.arange(len(self))
        return by_day(self.days, rank)

    def not_expired(self, at: Ints, as_of: Ints) -> Mask:
        """Return whether the terms at positions ``at`` end on or after the days ``as_of``; False at -1."""
        if not len(self):
            return np.zeros(len(at), dtype=bool)
        return (at >= 0) & ~(self.ends[at] < as_of)
