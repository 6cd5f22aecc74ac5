"""Tables that were stored in another shape: what differs, and how to begin them anew.

A column that is new is added by the next load, with its type and comment and in its transaction (``database``).
Another type or key is refused there: values cannot be turned into what they were not made as, but their weeks can be
made again.
"""

from collections.abc import Iterator

from food_inspections_dagster import schemas
from food_inspections_dagster.catalog import PUBLISHED_LIST, TABLES, Table
from food_inspections_dagster.errors import Finding, FoodInspectionsError, nearest
from food_inspections_dagster.resources.database import COLUMN_TYPES, Database, Shape, remade_by


def differences(database: Database) -> Iterator[Finding]:
    """Yield where a stored table is not as the schemas of today have it."""
    for name, entry in TABLES.items():
        stored = database.shape(name)
        if stored is not None:
            yield from _of_table(name, stored, entry)


def _of_table(name: str, stored: Shape, entry: Table) -> Iterator[Finding]:
    wanted = {column: COLUMN_TYPES[kind] for column, kind in schemas.arrow_types(entry.schema).items()}
    new = [column for column in wanted if column not in stored.columns]
    if new:
        yield Finding(f"{name} lacks {', '.join(new)}: the next load adds it.", is_problem=False)
    gone = [column for column in stored.columns if column not in wanted]
    if gone:
        words = f"{name} has {', '.join(gone)}, which nothing writes any more: it stays, empty in new weeks"
        yield Finding(f"{words}; {remade_by(name)} makes the table without.", is_problem=False)
    for column, kind in wanted.items():
        if stored.columns.get(column, kind) != kind:
            words = f"The column {column} of {name} is stored as {stored.columns[column]} and would now be {kind}"
            yield Finding(f"{words}: {remade_by(name)} makes the table anew.")
    if stored.primary_key != entry.key:
        keys = [", ".join(key) or "none" for key in (stored.primary_key, entry.key)]
        words = f"The key of {name} is stored as {keys[0]} and would now be {keys[1]}"
        yield Finding(f"{words}: {remade_by(name)} makes the table anew.")


def remake(database: Database, table: str) -> str:
    """Drop a table and forget its loads, in one transaction, so that the next run makes its weeks; return the asset.

    Raises:
        FoodInspectionsError: for a table that the pipeline does not make.
    """
    entry = TABLES.get(table)
    if entry is None:
        raise FoodInspectionsError(f"'{table}' is no table of the pipeline: {nearest(table, TABLES)}.")
    asset = PUBLISHED_LIST.asset if entry in PUBLISHED_LIST.tables else entry.asset
    database.forget(table, asset)
    return asset
