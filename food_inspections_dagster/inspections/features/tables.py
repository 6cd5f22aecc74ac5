"""The clean tables that features read, as one bundle: a source that is absent is an empty table."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import date
from types import MappingProxyType
from typing import TypeAlias

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow, to_arrow
from food_inspections_dagster.inspections.licences import LICENCE_COLUMNS
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.schemas import arrow_types

Rows: TypeAlias = pd.DataFrame | pa.Table

#: What is told of a place that nobody has inspected yet.
PLACE_TYPES: Mapping[str, pa.DataType] = MappingProxyType(
    {
        "establishment_id": pa.string(),
        "dba_name": pa.string(),
        "facility_type": pa.string(),
        "risk": pa.int16(),
        "address": pa.string(),
        "zip": pa.string(),
        "latitude": pa.float64(),
        "longitude": pa.float64(),
    }
)

#: What features read of each source, and its date, by the name of its clean table.
SOURCE_COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "business_licenses": LICENCE_COLUMNS,
        "sanitation_complaints": ("week", "creation_date", "latitude", "longitude"),
        "crimes": ("week", "date", "latitude", "longitude"),
        "weather": ("week", "date", "temperature_max"),
        "community_areas": ("week", "number", "name", "geometry"),
        "police_stations": ("week", "district", "latitude", "longitude"),
        "inspector_assignments": ("week", "inspection_id", "inspector", "inspection_date"),
    }
)


@dataclass(frozen=True, eq=False)
class Described:
    """Places that somebody describes, beside those of the city: they are asked about, and tell nothing of others.

    Attributes:
        places: the columns ``PLACE_TYPES``, one row a place.
        inspections, violations: their history, as the clean tables.
        business_licenses: the terms of their licences, as the clean table.
    """

    places: Rows
    inspections: Rows
    violations: Rows
    business_licenses: Rows

    @property
    def table(self) -> pa.Table:
        """The places, with the types of ``PLACE_TYPES``."""
        schema = pa.schema(list(PLACE_TYPES.items()))
        return to_arrow(self.places, schema.names, "described places").combine_chunks().cast(schema)


@dataclass(frozen=True, eq=False)
class Tables:
    """Clean tables by the names of their assets; None stands for a source that is absent.

    ``inspections`` and ``violations`` hold the whole history before the days that are asked for. What is dated on
    or after such a day may be in any table, and is not used.
    """

    inspections: Rows
    violations: Rows
    business_licenses: Rows | None = None
    sanitation_complaints: Rows | None = None
    crimes: Rows | None = None
    weather: Rows | None = None
    community_areas: Rows | None = None
    police_stations: Rows | None = None
    inspector_assignments: Rows | None = None

    def source(self, name: str) -> pa.Table:
        """Return what features read of a source, with the types of its clean table.

        Raises:
            FoodInspectionsError: if a needed column is missing.
        """
        types = arrow_types(SOURCES[name].schema)
        schema = pa.schema([(column, types[column]) for column in SOURCE_COLUMNS[name]])
        rows = getattr(self, name)
        if rows is None:
            return schema.empty_table()
        return to_arrow(rows, schema.names, f"rows of {name}").combine_chunks().cast(schema)

    def before(self, monday: date) -> "Tables":
        """Return the rows dated before ``monday``; what has no date was always there."""

        def cut(name: str, column: str | None) -> Rows | None:
            rows = getattr(self, name)
            if rows is None or column is None:
                return rows
            kept = pc.less(arrow(rows[column], pa.date32()), monday)
            return rows.filter(kept) if isinstance(rows, pa.Table) else rows[kept.to_numpy(zero_copy_only=False)]

        # Licences that began before the calendar lie in its first week, so dates decide and not weeks.
        dates = {"inspections": "week", "violations": "week"} | {name: SOURCES[name].date for name in SOURCE_COLUMNS}
        return replace(self, **{name: cut(name, column) for name, column in dates.items()})
