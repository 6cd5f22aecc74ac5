"""Frames in Postgres: one table per asset, whole ranges of weeks at once."""

import time
from datetime import date

import pandas as pd
from dagster import ConfigurableIOManager, InputContext, OutputContext, ResourceDependency

from food_inspections_dagster.io_managers.locations import (
    asset_name,
    checked_frame,
    column_descriptions,
    definition,
    empty_frame,
    input_weeks,
    output_weeks,
    required,
    wanted_columns,
)
from food_inspections_dagster.resources.database import Database


class PostgresIOManager(ConfigurableIOManager):
    """Stores a frame in ``<schema>.<asset>``, replacing the run's weeks in one transaction.

    The asset's definition metadata says where: ``{"schema": "clean", "primary_key": ["inspection_id"]}``;
    ``table`` names the table where it is not the asset's name, and ``dagster/column_schema`` gives the
    columns' comments and the columns of a table that does not exist yet.
    """

    database: ResourceDependency[Database]

    def handle_output(self, context: OutputContext, obj: pd.DataFrame) -> None:
        """Replace the weeks of this run by the rows of the frame."""
        started = time.perf_counter()
        table = self._table(context)
        loads = self.database.replace_range(
            table,
            checked_frame(context, obj),
            output_weeks(context),
            asset=context.asset_key.to_user_string(),
            run_id=context.run_id,
            code_version=context.asset_spec.code_version,
            primary_key=required(context, "primary_key"),
            descriptions=column_descriptions(context),
        )
        context.add_output_metadata(
            {
                "run_rows": sum(load.rows for load in loads),
                "run_bytes": int(obj.memory_usage(index=False).sum()),
                "run_weeks": len(loads),
                "run_seconds": round(time.perf_counter() - started, 3),
                "table": table,
            }
        )

    def load_input(self, context: InputContext) -> pd.DataFrame:
        """Return the rows of the input's weeks, sorted by week and primary key; none for weeks never
        stored."""
        weeks, columns = input_weeks(context), wanted_columns(context)
        first, last = (weeks[0], weeks[-1]) if weeks else (date.max, date.min)
        frame = self.database.read_range(self._table(context), first, last, columns)
        return empty_frame(context, columns) if frame is None else frame

    def _table(self, context: InputContext | OutputContext) -> str:
        return f"{required(context, 'schema')}.{definition(context).get('table') or asset_name(context)}"
