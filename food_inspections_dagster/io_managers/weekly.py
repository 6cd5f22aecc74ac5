"""What the IO managers share: whose weeks are stored or loaded, and the ledger around it."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from time import perf_counter
from typing import Any

import pyarrow as pa
from dagster import InputContext, IOManager, MetadataValue, OutputContext

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.frames import content_digest
from food_inspections_dagster.orchestration.current import Currency
from food_inspections_dagster.orchestration.metadata import add_weekly_metadata
from food_inspections_dagster.orchestration.stages import Graph, Stage, StoredWeeks
from food_inspections_dagster.resources.dagster_storage import CONTENT_HASH
from food_inspections_dagster.resources.database import WeekLoad, audit_rows
from food_inspections_dagster.resources.ledger import Ledger, Snapshot
from food_inspections_dagster.resources.stored import Stored


@dataclass(frozen=True)
class Prepared:
    """What is to be stored.

    Attributes:
        loads: one entry per week.
        write: stores it with the audit rows, closes the load of that number, and returns metadata for people.
    """

    loads: Sequence[WeekLoad]
    write: Callable[[pa.Table, int], Mapping[str, Any]]


class WeeklyIOManager(IOManager):
    """Stores weeks of an asset and their audit rows; subclasses say how."""

    def __init__(self, graph: Graph, stored: Stored, ledger: Ledger) -> None:
        self.graph = graph
        self.stored = stored
        self.ledger = ledger

    def handle_output(self, context: OutputContext, obj: Any) -> None:
        """Store the weeks of this run with their audit rows."""
        started = perf_counter()
        asset, weeks = asset_name(context), output_weeks(context)
        stage = self.graph.by_asset[asset]
        # What cannot be stored is refused before the load is opened.
        prepared = self.prepare(asset, obj, weeks, self._snapshot(context))
        audit = audit_rows(
            asset,
            prepared.loads,
            context.run_id,
            stage.code_version,
            stage.outputs[asset].settings_digest,
            self._input_hashes(context, stage, weeks),
        )
        with self.ledger.opened(asset, weeks, context.run_id) as opened:
            metadata = prepared.write(audit, opened)
        weekly = {
            load.week: {"dagster/row_count": load.rows, CONTENT_HASH: MetadataValue.text(load.content_hash)}
            for load in prepared.loads
        }
        add_weekly_metadata(context.step_context, asset, weekly)
        context.add_output_metadata(
            {
                "run_rows": sum(load.rows for load in prepared.loads),
                "run_weeks": len(prepared.loads),
                "run_seconds": round(perf_counter() - started, 3),
                **metadata,
            }
        )

    def prepare(self, asset: str, value: Any, weeks: Sequence[date], snapshot: Snapshot) -> "Prepared":
        """Return what is to be stored of a value, or refuse it; ``snapshot`` is what the step has read from."""
        raise NotImplementedError

    def stored_weeks(self, context: InputContext) -> list[date]:
        """Return the weeks that an input asks for and that were stored when the step began to read."""
        if not context.has_asset_partitions:
            raise FoodInspectionsError(
                f"{asset_name(context)} has no weekly partitions: give it partitions_def=WEEKLY."
            )
        loads = self._snapshot(context).loads.get(asset_name(context), {})
        wanted = sorted(date.fromisoformat(key) for key in context.asset_partition_keys)
        return [week for week in wanted if week in loads]

    def by_reference(self, context: InputContext) -> StoredWeeks | None:
        """Return what is told of an input that is wanted by reference; None of one that is to be loaded."""
        if not (context.definition_metadata or {}).get("by_reference"):
            return None
        asset, columns = asset_name(context), wanted_columns(context)
        loads = self._snapshot(context).loads.get(asset, {})
        weeks = {week: loads[week].column_hashes for week in self.stored_weeks(context)}
        read = tuple(columns if columns is not None else sorted({name for of in weeks.values() for name in of}))
        hashes = {week: content_digest({name: of[name] for name in read if name in of}) for week, of in weeks.items()}
        return StoredWeeks(self.graph.output(asset).entry, read, hashes)

    def _input_hashes(self, context: OutputContext, stage: Stage, weeks: Sequence[date]) -> dict[date, str]:
        """Return the digest of what each week has read; none where that changed while it was read.

        Such a week may hold the new content under the digest of the old one, and would be current once that is back.
        """
        snapshot = self._snapshot(context)
        sources = {stage.name: self.ledger.source_states(context.step_context)} if stage.source else {}
        currency = Currency(self.graph, snapshot, sources)
        inputs = stage.inputs.values()
        changed = self.ledger.changed_since(snapshot, [source.entry.asset for source in inputs]) if inputs else {}
        return {
            week: currency.input_hash(stage, week)
            for week in weeks
            if not any(source.window.reads_any(week, changed[source.entry.asset]) for source in inputs)
        }

    def _snapshot(self, context: InputContext | OutputContext) -> Snapshot:
        step = context.step_context
        stage = self.graph.by_name.get(step.step.key)
        return self.ledger.of_step(step, [source.entry.asset for source in stage.inputs.values()] if stage else ())


def output_weeks(context: OutputContext) -> list[date]:
    """Return the weeks that this run materializes, in order."""
    if not context.has_asset_partitions:
        raise FoodInspectionsError(f"{asset_name(context)} has no weekly partitions: give it partitions_def=WEEKLY.")
    return sorted(date.fromisoformat(key) for key in context.asset_partition_keys)


def asset_name(context: InputContext | OutputContext) -> str:
    """Return the asset's name."""
    return context.asset_key.to_user_string()


def wanted_columns(context: InputContext) -> list[str] | None:
    """Return the columns that the input asks for by its own metadata ``{"columns": [...]}``; None for all."""
    columns = (context.definition_metadata or {}).get("columns")
    value = columns.value if isinstance(columns, MetadataValue) else columns
    return list(value) if value is not None else None  # type: ignore[call-overload]
