"""Publishing anew what a city has published, with another word in it, so that one publication is told from another."""

from datetime import date

import pandas as pd
import pyarrow as pa

from food_inspections_dagster.catalog import PRIORITIES, PUBLISHED_LIST
from food_inspections_dagster.frames import storable, to_pandas, week_bounds
from food_inspections_dagster.resources.database import Database, audit_rows, week_loads
from food_inspections_dagster.resources.ledger import Ledger
from food_inspections_dagster.resources.publications import Publications, Published


def republish(database: Database, source: date, week: date, word: str) -> Published:
    """Publish the lists of ``source`` as those of ``week``; the first reason of every place is ``word``."""
    parts, loads = {}, []
    for table in PUBLISHED_LIST.tables:
        frame = to_pandas(pa.Table.from_pandas(database.stored_range(str(table), source, source), preserve_index=False))
        frame["week"] = pd.Series(week, frame.index, dtype=frame["week"].dtype)
        if table is PRIORITIES:
            frame["reason_1"] = pd.Series(word, frame.index, dtype=frame["reason_1"].dtype)
        rows = storable(table.asset, frame, table.key)
        parts[table.asset] = rows
        loads.append(week_loads(rows, week_bounds(table.asset, rows, [week]))[0])
    asset = PUBLISHED_LIST.asset
    audit = audit_rows(asset, loads[:1], "run-again", "code-1", "settings", {})
    with Ledger(database).opened(asset, [week], "run-again") as opened:
        return Publications(database).store(PUBLISHED_LIST, parts, loads[:1], audit, opened)


def drop_connections(database: Database) -> None:
    """End every connection of readers, as a server that goes away does."""
    with database.connect() as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND application_name = 'food-inspections serve'"
        )
