"""Weeks of rows as one file of a workspace: a task that reads years of weeks would ask for a thousand objects."""

import io
from collections.abc import Iterable, Mapping, Sequence
from datetime import date
from threading import Lock
from typing import Any

import pandas as pd
import pyarrow as pa
from cachetools import LRUCache, cached

from food_inspections_dagster import catalog, frames
from food_inspections_dagster.resources.stored import StoredObjects
from food_inspections_dagster.resources.workspace import Workspace

_COMPRESSED = pa.ipc.IpcWriteOptions(compression="zstd")


def in_blocks(hashes: Mapping[date, str], weeks: int) -> list[dict[date, str]]:
    """Return the weeks of an input, ascending, ``weeks`` at a time."""
    ordered = sorted(hashes.items())
    return [dict(ordered[at : at + weeks]) for at in range(0, len(ordered), weeks)]


def order(asset: str, hashes: Mapping[date, str], columns: Sequence[str]) -> dict[str, Any]:
    """Return the task that :func:`pack` does.

    Args:
        hashes: ``frames.content_digest`` of the columns, by week.
    """
    by_week = {week.isoformat(): content for week, content in hashes.items()}
    return {"asset": asset, "hashes": by_week, "columns": list(columns)}


def pack(task: Mapping[str, Any], where: Workspace) -> dict[str, Any]:
    """Put the rows of the weeks of an asset into one file, and tell its ``address``."""
    return {"address": put_rows(read(task, where), where)}


def read(task: Mapping[str, Any], where: Workspace) -> pd.DataFrame:
    """Return the rows that a task names.

    Raises:
        FoodInspectionsError: where a week holds something else by now.
    """
    hashes = {date.fromisoformat(week): content for week, content in task["hashes"].items()}
    return StoredObjects(where.objects).same_rows(catalog.FIXED[task["asset"]], hashes, task["columns"])


def put_rows(rows: pd.DataFrame, where: Workspace) -> str:
    """Write rows as one file; return its address."""
    table = frames.to_arrow(rows, rows.columns, "rows").replace_schema_metadata(None)
    sink = io.BytesIO()
    with pa.ipc.new_file(sink, table.schema, options=_COMPRESSED) as file:
        file.write_table(table)
    return where.put(sink.getvalue())


def unpacked(addresses: Iterable[str], where: Workspace) -> pd.DataFrame:
    """Return the rows of some files, one at least, in their order."""
    return frames.to_pandas(pa.concat_tables([_file(address, where) for address in addresses]))


# An address is the hash of the content, so what was read once need not be asked for again.
@cached(LRUCache(256 << 20, getsizeof=lambda table: table.nbytes), key=lambda address, where: address, lock=Lock())
def _file(address: str, where: Workspace) -> pa.Table:
    return pa.ipc.open_file(where.get(address)).read_all()
