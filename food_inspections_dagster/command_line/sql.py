"""One SELECT over everything that is stored: `food-inspections sql "select ..."`.

The zones of the object store are schemas (`raw.inspections`, `processed.feature_matrix`), beside the tables of
Postgres (`clean.inspections`, `metadata.partition_loads`). DuckDB answers, in memory, from copies of the tables that
the question names: nothing can be changed, no file read and no extension fetched.
"""

from collections.abc import Sequence
from datetime import date
from decimal import Decimal
from enum import StrEnum

import duckdb
import orjson
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

MOST_ROWS = 200  # printed as a table; --format csv or json gives all
LEDGER = ("metadata.partition_loads", "metadata.open_loads", "metadata.check_results")


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


def tables() -> list[str]:
    """Return the names that a question may use."""
    return [*zones(), *catalog.TABLES, *LEDGER]


def ask(stored: Stored, snapshot: Snapshot, statement: str) -> pd.DataFrame:
    """Return the answer to one SELECT.

    Raises:
        FoodInspectionsError: for anything else, a table that does not exist, or a statement that DuckDB refuses.
    """
    names = _tables(statement)
    with duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"}) as connection:
        for number, name in enumerate(names):
            schema, _, table = name.partition(".")
            connection.register(f"source_{number}", _rows(stored, snapshot, name))
            connection.execute(f'create schema if not exists "{schema}"')
            view = f'create view "{schema}"."{table}" as select * from source_{number}'  # noqa: S608 - a known name
            connection.execute(view)
        connection.execute("set enable_external_access = false")
        connection.execute("set lock_configuration = true")
        try:
            answer: pa.Table = connection.sql(statement).to_arrow_table()
        except duckdb.Error as error:
            words = str(error).strip().splitlines()[0]
            raise FoodInspectionsError(f"The question cannot be answered ({words}): correct it.") from None
    return answer.to_pandas(types_mapper=pd.ArrowDtype)


def _tables(statement: str) -> list[str]:
    """Return the tables that a SELECT names, each as it stands in :func:`tables`."""
    try:
        parsed = [one for one in sqlglot.parse(statement, read="duckdb") if one is not None]
    except sqlglot.errors.SqlglotError as error:
        words = str(error).splitlines()[0]
        raise FoodInspectionsError(f"The question is no SQL ({words}): correct it.") from None
    if len(parsed) != 1 or not isinstance(parsed[0], exp.Query):
        raise FoodInspectionsError("Only one SELECT can be asked: nothing is changed from here.")
    local = {cte.alias.lower() for cte in parsed[0].find_all(exp.CTE)}
    names = []
    for table in parsed[0].find_all(exp.Table):
        # DuckDB takes names in any case.
        name = f"{table.db}.{table.name}".strip(".").lower()
        if name in tables():
            names.append(name)
        elif table.db or name not in local:
            fault = f"'{name}' is no table" if name else f"{table.sql(dialect='duckdb')} is no table but a function"
            raise FoodInspectionsError(f"{fault}: use {', '.join(tables())}.")
    return list(dict.fromkeys(names))


def _rows(stored: Stored, snapshot: Snapshot, name: str) -> pa.Table:
    entry = zones().get(name)
    if entry is None:
        if not stored.database.has_table(name):
            raise FoodInspectionsError(f"{name} holds nothing yet: make run fills it.")
        return pa.Table.from_pandas(stored.database.query(f"select * from {name}"))  # noqa: S608 - a known name
    weeks: Sequence[date] = sorted(snapshot.loads.get(entry.asset, {}))
    if not weeks:
        raise FoodInspectionsError(f"{name} holds nothing yet: make run fills it.")
    return pa.Table.from_pandas(stored.rows(entry, weeks), preserve_index=False)


def show(console: Console, answer: pd.DataFrame, form: Format) -> None:
    """Print an answer; rows too wide for the screen as one line a column."""
    if form is Format.CSV:
        print(answer.to_csv(index=False), end="")
    elif form is Format.JSON:
        print(orjson.dumps(answer.to_dict("records"), default=_plain, option=orjson.OPT_INDENT_2).decode())
    else:
        shown = [[_text(value) for value in row] for row in answer.head(MOST_ROWS).itertuples(index=False, name=None)]
        names = [str(name) for name in answer.columns]
        widths = [max(map(len, column)) for column in zip(names, *shown, strict=True)]
        if sum(widths) + 2 * len(widths) <= console.width:
            _print_table(console, names, shown)
        else:
            for number, row in enumerate(shown, 1):
                console.print(f"[bold]row {number}[/bold]")
                _print_table(console, ["", ""], list(zip(names, row, strict=True)), header=False)
        if len(answer) > MOST_ROWS:
            console.print(f"... {len(answer) - MOST_ROWS:,} more rows: --format csv gives all.")


def _print_table(console: Console, names: Sequence[str], rows: Sequence[Sequence[str]], header: bool = True) -> None:
    table = RichTable(*map(escape, names), box=None, pad_edge=False, show_header=header)
    for row in rows:
        table.add_row(*map(escape, row))
    console.print(table)


def _text(value: object) -> str:
    return "" if value is None or value is pd.NA else str(value)


def _plain(value: object) -> object:
    """Return what JSON has no form for: null for what is missing, a number for a sum of whole numbers."""
    if value is pd.NA or value is pd.NaT:
        return None
    if isinstance(value, Decimal):
        return int(value) if value == value.to_integral_value() else float(value)
    return str(value)
