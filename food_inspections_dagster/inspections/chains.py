"""Chains: places under one name, as known before a day."""

import re

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow, to_arrow
from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.inspections.establishments import normalise_words
from food_inspections_dagster.inspections.timelines import (
    Ints,
    Questions,
    Timeline,
    by_day,
    day_numbers,
    encode_together,
)

CHAIN, SINGLE = "chain", "single"
MIN_PLACES = 3

_COLUMNS = ("inspection_id", "establishment_id", "inspection_date", "dba_name", "address")
_NO_NAME = re.compile(r"\b(\d+|INC|LLC|LTD|CORP|CORPORATION|CO|COMPANY|THE)\b")


def chain_name(name: str) -> str | None:
    """Return the name that the shops of a chain share: ``SUBWAY #1234 INC`` is ``SUBWAY``."""
    words = normalise_words(name)
    return " ".join(_NO_NAME.sub(" ", words).split()) or words or None


def chain_or_single(
    spine: pd.DataFrame | pa.Table, inspections: pd.DataFrame | pa.Table, min_places: int = MIN_PLACES
) -> pa.StringArray:
    """Return, for each row of ``spine``, ``CHAIN``, ``SINGLE``, or null where no name is known.

    A chain is a name that records dated before the day show at ``min_places`` addresses or more. A place whose licence
    changes hands keeps its address, so it does not become a chain. A row's name is that of the place's last record
    before the day.

    Args:
        spine: ``establishment_id``, ``as_of_date`` and, where there is one, ``dba_name``: the name of a place without a
            record, such as its licence gives it.
        inspections: ``clean.inspections``; what is dated on or after a row's day is not used.
    """
    licensed = "dba_name" in (spine.column_names if isinstance(spine, pa.Table) else spine.columns)
    asked = to_arrow(spine, ("establishment_id", "as_of_date", *["dba_name"] * licensed), "spine rows")
    records = to_arrow(inspections, _COLUMNS, "inspections")
    days, as_of = day_numbers(records["inspection_date"]), day_numbers(asked["as_of_date"])
    names = [_names(records["dba_name"])]
    if licensed:
        names.append(_names(asked["dba_name"]))
    of_records, *of_rows = encode_together(*names)
    groups, places = encode_together(records["establishment_id"], asked["establishment_id"])
    order = by_day(days, records["inspection_id"].to_numpy())
    last = Questions(Timeline.of(groups, days, order), places, as_of).last(of_records >= 0)
    name = np.where(last >= 0, of_records[last], -1) if len(of_records) else np.full(len(as_of), -1)
    if licensed:
        name = np.where(last >= 0, name, of_rows[0])

    # Each address of a name counts from its first record on.
    address = pc.utf8_upper(pc.utf8_trim_whitespace(arrow(records["address"], pa.string()).cast(pa.string())))
    (where,) = encode_together(pc.coalesce(address, arrow(records["establishment_id"]).cast(pa.string())))
    known = np.flatnonzero(of_records >= 0)
    known = known[np.lexsort((days[known], where[known], of_records[known]))]
    pair = np.stack([of_records[known], where[known]])
    first = known[np.append(True, (pair[:, 1:] != pair[:, :-1]).any(axis=0))[: len(known)]]
    opened = Timeline.of(of_records[first], days[first], by_day(days[first], first))
    shown: Ints = Questions(opened, name, as_of).end - opened.start(name)
    kind = np.where(shown >= min_places, CHAIN, SINGLE)
    return pa.array(kind, pa.string(), mask=name < 0)


def _names(column: pa.ChunkedArray) -> pa.Array:
    return vocabulary.map_unique(column, chain_name, pa.string())
