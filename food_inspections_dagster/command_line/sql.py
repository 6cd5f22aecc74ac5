"""One SELECT over everything that is stored: `food-inspections sql "select ..."`.

The zones of the object store are schemas (`raw.inspections`, `processed.feature_matrix`), beside the tables of
Postgres (`clean.inspections`, `metadata.partition_loads`). DuckDB answers, in memory, from copies of the tables that
the question names: nothing can be changed, no file read and no extension fetched.
"""

from collections.abc import Sequence
from datetime import date
from enum import StrEnum

import duckdb
import pandas as pd
import pyarrow as pa
import sqlglot
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable
from sqlglot import exp

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import Rows, Table
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.ledger import Snapshot
from food_inspections_dagster.resources.stored import Stored

WIDEST_TABLE = 200  # rows that are printed as a table; --format csv or json gives all


class Format(StrEnum):
    """How the answer is printed."""

    TABLE = "table"
    CSV = "csv"
    JSON = "json"


def zones() -> dict[str, Rows | Table]:
    """Return the entries whose rows lie in the object store, by ``zone.folder``."""
    places = {}
    for entry in catalog.FIXED.values():
        if isinstance(entry, Rows) or (isinstance(entry, Table) and entry.mirror is not None):
            place = catalog.stored_rows(entry)
            places[f"{place.zone}.{place.folder}"] = entry
    return places


def ask(stored: Stored, snapshot: Snapshot, statement: str) -> pd.DataFrame:
    """Return the answer to one SELECT.

    Raises:
        FoodInspectionsError: for anything else, a table that does not exist, or a statement that DuckDB refuses.
    """
    with duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"}) as connection:
        for number, name in enumerate(_tables(statement)):
            schema, _, table = name.partition(".")
            connection.register(f"source_{number}", _rows(stored, snapshot, name))
            connection.execute(f'create schema if not exists "{schema}"')
            view = f'create view "{schema}"."{table}" as select * from source_{number}'  # noqa: S608 - names without "
            connection.execute(view)
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        try:
            answer: pa.Table = connection.execute(statement).to_arrow_table()
        except duckdb.Error as error:
            words = str(error).strip().splitlines()[0]
            raise FoodInspectionsError(f"The question cannot be answered ({words}): correct it.") from None
    return answer.to_pandas(types_mapper=pd.ArrowDtype)


def _tables(statement: str) -> list[str]:
    """Return the tables that a SELECT names, as ``schema.name``."""
    try:
        parsed = [one for one in sqlglot.parse(statement, read="duckdb") if one is not None]
    except sqlglot.errors.SqlglotError as error:
        words = str(error).splitlines()[0]
        raise FoodInspectionsError(f"The question is no SQL ({words}): correct it.") from None
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        raise FoodInspectionsError("Only one SELECT can be asked: nothing is changed from here.")
    local = {cte.alias for cte in parsed[0].find_all(exp.CTE)}
    names = [
        f"{table.db}.{table.name}" for table in parsed[0].find_all(exp.Table) if table.db or table.name not in local
    ]
    for name in names:
        if name.startswith(".") or '"' in name:
            known = ", ".join([*zones(), *catalog.TABLES, "metadata.partition_loads"])
            raise FoodInspectionsError(f"'{name.strip('.')}' names no table: use one of {known}.")
    return list(dict.fromkeys(names))


def _rows(stored: Stored, snapshot: Snapshot, name: str) -> pa.Table:
    entry = zones().get(name)
    if entry is None:
        if not stored.database.has_table(name):
            raise FoodInspectionsError(
                f"There is no table {name}: use one of {', '.join([*zones(), *catalog.TABLES])}."
            )
        schema, _, table = name.partition(".")
        return pa.Table.from_pandas(stored.database.query(f'select * from "{schema}"."{table}"'))  # noqa: S608
    weeks: Sequence[date] = sorted(snapshot.loads.get(entry.asset, {}))
    return pa.Table.from_pandas(stored.rows(entry, weeks), preserve_index=False)


def show(console: Console, answer: pd.DataFrame, form: Format) -> None:
    """Print an answer."""
    if form is Format.CSV:
        print(answer.to_csv(index=False), end="")
    elif form is Format.JSON:
        print(answer.to_json(orient="records", date_format="iso", indent=1))
    else:
        table = RichTable(*map(str, answer.columns), box=None, pad_edge=False)
        for row in answer.head(WIDEST_TABLE).itertuples(index=False):
            table.add_row(*("" if pd.isna(value) else escape(str(value)) for value in row))
        console.print(table)
        if len(answer) > WIDEST_TABLE:
            console.print(f"... {len(answer) - WIDEST_TABLE:,} more rows: --format csv gives all.")
