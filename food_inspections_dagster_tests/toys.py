"""Toy stages on real stores: what the IO managers, the steps and the ledger do, without the city."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import date
from functools import cached_property
from typing import Any

import dagster as dg
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import schemas
from food_inspections_dagster.catalog import Documents, Entry, Pages, Rows, Table
from food_inspections_dagster.io_managers.documents import DocumentsIOManager
from food_inspections_dagster.io_managers.pages import PagesIOManager
from food_inspections_dagster.io_managers.rows import RowsIOManager, TablesIOManager
from food_inspections_dagster.orchestration.current import Currency
from food_inspections_dagster.orchestration.partitions import OWN_WEEK, Window, range_tags
from food_inspections_dagster.orchestration.stages import Graph, Input, Stage, stage
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.weeks import week_range

WEEKS = week_range(date(2011, 1, 3), date(2011, 1, 31))
EMPTY = date(2011, 1, 17)

SCHEMA = schemas.schema(
    "things",
    "One row per thing",
    ("week", "thing_id"),
    {
        "week": schemas.column(pa.date32(), "Monday of the week", schemas.MONDAY),
        "thing_id": schemas.column(pa.int64(), "The portal's number"),
        "share": schemas.column(pa.float64(), "Share of the whole", null=True),
        "name": schemas.column(pa.string(), "The name, it's text", null=True),
    },
)
RAW = Rows("raw", "raw", "received")
THINGS = Table("things", "clean", SCHEMA, ("week", "thing_id"), Rows("things", "processed", "things", SCHEMA))
MATRIX = Rows("matrix", "processed", "matrix", SCHEMA)
REPORT = Table("report", "monitoring", SCHEMA, ("week", "thing_id"))
MODEL = Documents("model", "models", "model.json")
PAGE = Pages("page", "reports")
READS = Rows("reads", "processed", "reads")


def rows_of(weeks: Sequence[date], per_week: int = 3, **extra: Any) -> pd.DataFrame:
    """Return rows as they are received: some a week, none in the week EMPTY, in no order of weeks."""
    there = [(week, number) for week in weeks if week != EMPTY for number in range(per_week)][::-1]
    table = pa.table(
        {
            "week": pa.array([week for week, _ in there], pa.date32()),
            ":id": pa.array([f"row-{week}-{number}" for week, number in there], pa.string()),
            "violations": pa.array([None] * len(there), pa.string()),
            **{name: pa.array([value] * len(there)) for name, value in extra.items()},
        }
    )
    return table.to_pandas(types_mapper=pd.ArrowDtype)


def things_of(weeks: Sequence[date], per_week: int = 3, share: float = 0.5) -> pd.DataFrame:
    """Return rows that keep SCHEMA, as :func:`rows_of`."""
    there = [(week, number) for week in weeks if week != EMPTY for number in range(per_week)][::-1]
    values = {
        "week": [week for week, _ in there],
        "thing_id": [week.toordinal() * 10 + number for week, number in there],
        "share": [share if number else None for _, number in there],
        "name": [f"Jo's \t ü{number}" for _, number in there],
    }
    return schemas.typed(values, SCHEMA)


def makes(entry: Entry, value: Any = None, of: Callable[[Sequence[date]], Any] | None = None, **options: Any) -> Stage:
    """Return a stage that makes one entry: ``value``, or what ``of`` returns for the weeks of the run."""

    def function(weeks: Sequence[date]) -> Any:
        return of(weeks) if of is not None else value

    function.__name__ = f"make_{entry.asset}"
    return stage(entry, group="toys", **options)(function)


def reads(
    loaded: list[Any],
    entry: Entry,
    window: Window = OWN_WEEK,
    columns: tuple[str, ...] | None = None,
    by_reference: bool = False,
) -> Stage:
    """Return a stage that keeps what it reads of an entry in ``loaded``."""

    @stage(READS, group="toys", inputs={"value": Input(entry, window, columns, by_reference=by_reference)})
    def reader(weeks: Sequence[date], value: Any) -> pd.DataFrame:
        loaded.append(value)
        return rows_of(weeks, 1)

    return reader


@dataclass
class Toys:
    """Runs toy stages, each run over a range of weeks, on one database and one object store."""

    database: Database
    objects: ObjectStore
    instance: dg.DagsterInstance = field(default_factory=dg.DagsterInstance.ephemeral)

    @cached_property
    def ledger(self) -> Ledger:
        return Ledger(self.database)

    @cached_property
    def stored(self) -> Stored:
        return Stored(self.database, self.objects)

    def resources(self, stages: Sequence[Stage]) -> dict[str, Any]:
        graph, ledger = Graph(stages), Ledger(self.database)
        shared = {
            "stored": self.stored,
            "ledger": ledger,
            "portal": PortalClient(url="http://127.0.0.1:9", dataset="none"),
        }
        return {
            **{name: dg.ResourceDefinition.hardcoded_resource(value) for name, value in shared.items()},
            "rows": RowsIOManager(graph, self.stored, ledger),
            "tables": TablesIOManager(graph, self.stored, ledger),
            "documents": DocumentsIOManager(graph, self.stored, ledger),
            "pages": PagesIOManager(graph, self.stored, ledger),
        }

    def run(
        self, stages: Sequence[Stage], weeks: Sequence[date] = WEEKS, *, only: Sequence[str] = (), **options: Any
    ) -> dg.ExecuteInProcessResult:
        """Make the assets of all stages, or those named in ``only``, with their checks."""
        everything = [one.assets for one in stages] + [check for one in stages for check in one.checks]
        return dg.materialize(
            everything,
            resources=self.resources(stages),
            tags=range_tags(list(weeks)),
            instance=self.instance,
            selection=dg.AssetSelection.assets(*only) if only else None,
            run_config={"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}},
            **options,
        )

    def currency(self, *stages: Stage) -> Currency:
        """Return what is current now."""
        return Currency(Graph(stages), self.ledger.snapshot())

    def made(self, asset: str) -> list[date]:
        """Return the weeks of an asset that count as made."""
        return sorted(self.ledger.snapshot().loads.get(asset, {}))

    def audit(self) -> pd.DataFrame:
        return self.database.query("SELECT * FROM metadata.partition_loads ORDER BY load_id")

    def open_weeks(self) -> list[tuple[str, list[date]]]:
        with self.database.connect() as connection:
            return connection.execute("SELECT asset, weeks FROM metadata.open_loads ORDER BY open_id").fetchall()
