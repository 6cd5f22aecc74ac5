"""Frames as Parquet in the object store, one object a week; in Postgres too where people ask for them."""

import io
from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
from dagster import InputContext

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.catalog import Rows, Table
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.io_managers.weekly import Prepared, WeeklyIOManager, asset_name, wanted_columns
from food_inspections_dagster.orchestration.stages import StoredWeeks
from food_inspections_dagster.resources.database import week_loads
from food_inspections_dagster.resources.ledger import Snapshot
from food_inspections_dagster.resources.object_store import ObjectStore

# Statistics and the Arrow schema are a quarter of a small object's bytes; a week is read as a whole.
_PARQUET: dict[str, Any] = {"compression": "zstd", "write_statistics": False, "store_schema": False}
# 881 objects of 300 rows and ten columns: 0.4 CPU seconds to write and 0.3 to read, with zstd and dictionaries 1.2 and
# 0.9, at twice the bytes.
_LIGHT: dict[str, Any] = {**_PARQUET, "compression": "lz4", "use_dictionary": False}


class RowsIOManager(WeeklyIOManager):
    """Stores a frame as the Parquet objects of its weeks. A week without a row is an object without rows."""

    def prepare(self, asset: str, value: Any, weeks: Sequence[date], snapshot: Snapshot) -> Prepared:
        """Return one object for each week, each of which is written atomically."""
        entry = self.graph.output(asset).entry
        assert isinstance(entry, Rows)
        rows = frames.storable(asset, checked_frame(asset, value), _order(entry))
        bounds = frames.week_bounds(asset, rows, weeks)

        def write(audit: pa.Table, opened: int) -> Mapping[str, Any]:
            sizes = put_weeks(self.stored.objects, entry, rows, bounds)
            self.ledger.record(audit, opened)
            smallest = min(sizes, default=0)
            return {"run_bytes": sum(sizes), "smallest_object_bytes": smallest, "path": entry.prefix}

        return Prepared(week_loads(rows, bounds), write)

    def load_input(self, context: InputContext) -> pd.DataFrame | StoredWeeks:
        """Return the rows of the input's weeks that are stored, in their order, or a reference to them."""
        reference = self.by_reference(context)
        if reference is not None:
            return reference
        entry = self.graph.output(asset_name(context)).entry
        return self.stored.rows(entry, self.stored_weeks(context), wanted_columns(context))


class TablesIOManager(WeeklyIOManager):
    """Stores a frame as a table in Postgres, the run's weeks replaced in one transaction, and as its Parquet mirror.

    The mirror is what other stages read.
    """

    def prepare(self, asset: str, value: Any, weeks: Sequence[date], snapshot: Snapshot) -> Prepared:
        """Return the rows, for the mirror and then for one transaction with the audit."""
        entry = self.graph.output(asset).entry
        assert isinstance(entry, Table)
        rows = frames.storable(asset, checked_frame(asset, value), entry.key)
        bounds = frames.week_bounds(asset, rows, weeks)
        descriptions = {name: column.description or "" for name, column in entry.schema.columns.items()}

        def write(audit: pa.Table, opened: int) -> Mapping[str, Any]:
            if entry.mirror is not None:
                put_weeks(self.stored.objects, entry.mirror, rows, bounds)
            self.stored.database.replace_rows(str(entry), rows, weeks, audit, entry.key, descriptions, opened)
            return {"table": str(entry)}

        return Prepared(week_loads(rows, bounds), write)

    def load_input(self, context: InputContext) -> pd.DataFrame | StoredWeeks:
        """Return the rows of the input's weeks that are stored, from the mirror where there is one, or a reference."""
        reference = self.by_reference(context)
        if reference is not None:
            return reference
        entry = self.graph.output(asset_name(context)).entry
        assert isinstance(entry, Table)
        weeks, columns = self.stored_weeks(context), wanted_columns(context)
        if entry.mirror is not None:
            return self.stored.rows(entry, weeks, columns)
        if not weeks:
            return schemas.empty(entry.schema)[columns or list(entry.schema.columns)]
        return self.stored.database.stored_range(str(entry), weeks[0], weeks[-1], columns)


def put_weeks(objects: ObjectStore, entry: Rows, rows: pa.Table, bounds: Mapping[date, tuple[int, int]]) -> list[int]:
    """Write the Parquet object of each week; return their bytes."""
    # No dictionaries for numbers of a few hundred rows: they cost more to build than they save.
    texts = [field.name for field in rows.schema if pa.types.is_string(field.type)]
    options = _LIGHT if entry.light else {**_PARQUET, "use_dictionary": texts}

    def write(item: tuple[date, tuple[int, int]]) -> int:
        week, (start, stop) = item
        sink = io.BytesIO()
        pq.write_table(rows.slice(start, stop - start), sink, **options)
        objects.put(entry.path(week), sink.getvalue())
        return len(sink.getbuffer())

    return objects.map(write, bounds.items())


def checked_frame(asset: str, value: object) -> pd.DataFrame:
    """Return the value when it is a frame with ``week``, else refuse it."""
    if not isinstance(value, pd.DataFrame):
        raise FoodInspectionsError(
            f"{asset} returned {type(value).__name__}, and a pandas DataFrame is stored: return one."
        )
    if "week" not in value.columns:
        raise FoodInspectionsError(f"{asset} returned rows without a column week: add it.")
    return value


def _order(entry: Rows) -> Sequence[str]:
    if entry.schema is None:
        return [":id"]
    return [name for name in entry.schema.unique or () if name != "week"]
