"""Features by tasks: blocks of weeks, each from the history before it, which it reads from the store by itself."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from food_inspections_dagster.catalog import FIXED
from food_inspections_dagster.inspections.features import Tables, feature_matrix
from food_inspections_dagster.orchestration.stages import StoredWeeks
from food_inspections_dagster.resources.compute import Compute
from food_inspections_dagster.resources.packs import in_blocks, order, pack, put_rows, unpacked
from food_inspections_dagster.resources.stored import StoredObjects
from food_inspections_dagster.resources.workspace import Workspace

_BLOCK = 52  # weeks: each task goes through the history before its weeks once, so fewer cost more in all


def block(task: Mapping[str, Any], where: Workspace) -> dict[str, Any]:
    """Compute the feature rows of some weeks.

    Args:
        task: ``weeks``; ``tables``, of each its ``asset``, ``columns`` and the ``addresses`` of its history;
            ``window_days`` and ``off`` of the features.

    Returns:
        ``address`` of the rows, and the CPU ``seconds`` of each family.
    """
    seconds: dict[str, float] = {}
    tables = {name: _history(of, where) for name, of in task["tables"].items()}
    weeks = [date.fromisoformat(week) for week in task["weeks"]]
    matrix = feature_matrix(weeks, Tables(**tables), task["window_days"], task["off"], seconds)
    return {"address": put_rows(matrix, where), "seconds": seconds}


def _history(of: Mapping[str, Any], where: Workspace) -> pd.DataFrame:
    if of["addresses"]:
        return unpacked(of["addresses"], where)
    return StoredObjects(where.objects).rows(FIXED[of["asset"]], [], of["columns"])


def by_blocks(
    weeks: Sequence[date],
    tables: Mapping[str, StoredWeeks],
    window_days: int,
    off: Collection[str],
    seconds: dict[str, float],
    compute: Compute,
) -> pd.DataFrame:
    """Return what ``inspections.features.feature_matrix`` returns of the same weeks and tables.

    This process sees the rows that were made, and of what they were made of addresses and hashes.
    """
    asked = sorted(set(weeks))
    blocks = [asked[first : first + _BLOCK] for first in range(0, len(asked), _BLOCK)]
    packed = [(name, hashes) for name, of in tables.items() for hashes in in_blocks(of.hashes, _BLOCK)]
    with compute.workspace() as where:
        orders = [order(tables[name].entry.asset, hashes, tables[name].columns) for name, hashes in packed]
        files = [
            (name, min(hashes), one["address"])
            for (name, hashes), one in zip(packed, compute.map(pack, orders, where), strict=True)
        ]

        def known_at(last: date, name: str) -> dict[str, Any]:
            addresses = [address for of, first, address in files if of == name and first <= last]
            return {"asset": tables[name].entry.asset, "columns": list(tables[name].columns), "addresses": addresses}

        results = compute.map(
            block,
            [
                {
                    "weeks": [week.isoformat() for week in of_block],
                    "tables": {name: known_at(of_block[-1], name) for name in tables},
                    "window_days": window_days,
                    "off": sorted(off),
                }
                for of_block in blocks
            ],
            where,
        )
        for family, spent in (pair for one in results for pair in one["seconds"].items()):
            seconds[family] = seconds.get(family, 0.0) + spent
        return unpacked([one["address"] for one in results], where)
