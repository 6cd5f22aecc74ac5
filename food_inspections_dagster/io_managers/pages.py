"""Weeks as HTML pages in the object store."""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any

import pyarrow as pa
from dagster import InputContext

from food_inspections_dagster.catalog import Pages
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.io_managers.weekly import Prepared, WeeklyIOManager, asset_name
from food_inspections_dagster.resources.database import WeekLoad
from food_inspections_dagster.resources.ledger import Snapshot


class PagesIOManager(WeeklyIOManager):
    """Stores a mapping of weeks to pages, each page an object that is written atomically."""

    def prepare(self, asset: str, value: Any, weeks: Sequence[date], snapshot: Snapshot) -> Prepared:
        """Return one page for each week."""
        entry = self.graph.output(asset).entry
        assert isinstance(entry, Pages)
        if not isinstance(value, Mapping) or set(value) != set(weeks):
            raise FoodInspectionsError(f"{asset} must return a mapping with one page for each week of the run: do so.")
        contents = {week: str(value[week]).encode() for week in weeks}

        def write(audit: pa.Table, opened: int) -> Mapping[str, Any]:
            size = self.stored.objects.put_many((entry.path(week), content) for week, content in contents.items())
            self.ledger.record(audit, opened)
            return {"run_bytes": size, "path": entry.prefix}

        loads = [WeekLoad(week, 1, sha256(content).hexdigest(), {}) for week, content in contents.items()]
        return Prepared(loads, write)

    def load_input(self, context: InputContext) -> dict[date, str]:
        """Return the pages of the input's weeks that are stored."""
        entry = self.graph.output(asset_name(context)).entry
        assert isinstance(entry, Pages)
        weeks = self.stored_weeks(context)
        contents = self.stored.objects.get_many(entry.path(week) for week in weeks)
        return {week: contents[entry.path(week)].decode() for week in weeks}
