"""Publishes the weeks of an asset for readers: all of its tables in one transaction."""

from collections.abc import Mapping, Sequence
from datetime import date
from hashlib import sha256
from typing import Any

import pyarrow as pa
from dagster import InputContext

from food_inspections_dagster import frames
from food_inspections_dagster.catalog import Publication
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.io_managers.rows import checked_frame
from food_inspections_dagster.io_managers.weekly import Prepared, WeeklyIOManager, asset_name
from food_inspections_dagster.orchestration.current import Cause, Currency
from food_inspections_dagster.resources.database import WeekLoad, week_loads
from food_inspections_dagster.resources.ledger import Snapshot
from food_inspections_dagster.resources.publications import Publications


class PublicationIOManager(WeeklyIOManager):
    """Stores a mapping of frames, one for each table of a :class:`Publication`, and what it copies."""

    def prepare(self, asset: str, value: Any, weeks: Sequence[date], snapshot: Snapshot) -> Prepared:
        """Return the rows of all tables; a week whose list or audit failed a blocking check is refused."""
        entry = self.graph.output(asset).entry
        assert isinstance(entry, Publication)
        self._refuse_blocked(asset, weeks, snapshot)
        parts = {
            table.asset: frames.storable(asset, checked_frame(asset, value[table.asset]), table.key)
            for table in entry.tables
        }
        of_tables = [week_loads(rows, frames.week_bounds(asset, rows, weeks)) for rows in parts.values()]
        loads = [_joined(week, of_week, entry, snapshot) for week, *of_week in zip(weeks, *of_tables, strict=True)]

        def write(audit: pa.Table, opened: int) -> Mapping[str, Any]:
            seen = Publications(self.stored.database).store(entry, parts, loads, audit, opened)
            return {"readers_see": str(seen.week), "publication_id": seen.publication_id}

        return Prepared(loads, write)

    def load_input(self, context: InputContext) -> Any:
        """Refuse: what is published is for readers, and no stage rests on it."""
        raise FoodInspectionsError(
            f"{asset_name(context)} is published for readers: let the stage read what it was made from."
        )

    def _refuse_blocked(self, asset: str, weeks: Sequence[date], snapshot: Snapshot) -> None:
        # Dagster stops a run behind a failed check; one that makes this asset alone would not know of it.
        currency = Currency(self.graph, snapshot)
        for source in self.graph.by_asset[asset].inputs.values():
            read = sorted({week for of in weeks for week in source.window.weeks(of)})
            for week in read:
                reason = currency.blocked(source.entry.asset, week)
                if reason is not None and reason.cause is Cause.BLOCKED:
                    raise FoodInspectionsError(
                        f"Nothing was published: {source.entry.asset} of {week} is {reason}; "
                        "`food-inspections run` makes it again."
                    )


def _joined(week: date, of_week: Sequence[WeekLoad], entry: Publication, snapshot: Snapshot) -> WeekLoad:
    """Return the load of all tables of a week, and of the history that readers see with it."""
    digest = sha256()
    for load in of_week:
        digest.update(load.content_hash.encode())
    for table in entry.copies:
        loads = snapshot.loads.get(table.asset, {})
        digest.update(f"{table.asset}:".encode())
        digest.update(",".join(f"{w}={loads[w].content_hash}" for w in sorted(loads) if w <= week).encode())
    return WeekLoad(week, of_week[0].rows, digest.hexdigest(), {})
