"""Cohorts: which establishments are in business as of a day, and so could be inspected next.

A place is in business if its last record is recent and did not find it closed; before its first record, while it has a
licence for food.
"""

from datetime import date
from typing import TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow, to_arrow, to_pandas
from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.inspections.licences import Licences
from food_inspections_dagster.inspections.timelines import (
    Ints,
    Mask,
    Questions,
    Timeline,
    by_day,
    day_numbers,
    encode_together,
)

Rows: TypeAlias = pd.DataFrame | pa.Table

# Of 572 gaps between visits in ten years of real rows 4.4 % exceed two years, 1.6 % three and 0.5 % four: a
# place unseen for three years is more likely gone without a word than overlooked.
WINDOW_DAYS = 3 * 365

ATTRIBUTES = ("dba_name", "address", "zip", "facility_type", "risk", "latitude", "longitude", "license_")
_COLUMNS = ("inspection_id", "establishment_id", "inspection_date", "results")


def in_cohort(
    spine: Rows, inspections: Rows, window_days: int = WINDOW_DAYS, business_licenses: Rows | None = None
) -> pa.BooleanArray:
    """Return, for each (``establishment_id``, ``as_of_date``) of ``spine``, whether it was active as of the date.

    Active: its last record before the date is at most ``window_days`` old and did not find it closed or gone; or it
    has no record yet, and the newest term of its licence that had begun is for food and has not ended.

    Args:
        business_licenses: ``clean.business_licenses``; None where the source is absent.
    """
    asked = to_arrow(spine, ("establishment_id", "as_of_date"), "spine rows")
    records = to_arrow(inspections, _COLUMNS, "inspections")
    licences = Licences.of(business_licenses)
    groups, places, of_terms = encode_together(
        records["establishment_id"], asked["establishment_id"], licences.establishment_ids
    )
    questions = _questions(records, groups, places, day_numbers(asked["as_of_date"]))
    term = terms(licences, of_terms, questions).last(licences.every)
    last = questions.last(np.ones(records.num_rows, dtype=bool))
    active = _if_active(last, records, questions, window_days) >= 0
    return pa.array(active | is_new(licences, term, questions))


def active_establishments(
    inspections: Rows, as_of_date: date, window_days: int = WINDOW_DAYS, business_licenses: Rows | None = None
) -> pd.DataFrame:
    """Return the establishments active as of a date (see ``in_cohort``), in the order of ``establishment_id``.

    Columns: ``establishment_id``, then each of ``ATTRIBUTES`` as last known (the newest record that has it, else the
    licence), ``last_inspection_date`` and ``last_result`` (null before the first) and ``visits`` (records so far), all
    from records dated and terms begun strictly before ``as_of_date``.
    """
    return _as_of(inspections, as_of_date, window_days, business_licenses)


def known_establishments(
    inspections: Rows, as_of_date: date, window_days: int = WINDOW_DAYS, business_licenses: Rows | None = None
) -> pd.DataFrame:
    """Return every establishment with a record before a date, or active as of it, as ``active_establishments`` does.

    A place that was closed or has not been seen for long is among them, with its last known attributes.
    """
    return _as_of(inspections, as_of_date, window_days, business_licenses, closed_too=True)


def _as_of(
    inspections: Rows,
    as_of_date: date,
    window_days: int,
    business_licenses: Rows | None,
    closed_too: bool = False,
) -> pd.DataFrame:
    """Return the establishments that are active as of a date, or with ``closed_too`` all that have a record."""
    records = to_arrow(inspections, (*_COLUMNS, *ATTRIBUTES), "inspections").combine_chunks()
    licences = Licences.of(business_licenses)
    names = pc.unique(pa.chunked_array([*records["establishment_id"].chunks, licences.establishment_ids], pa.string()))
    names = names.drop_null()
    names = names.take(pc.array_sort_indices(names))
    groups, places, of_terms = encode_together(records["establishment_id"], names, licences.establishment_ids)
    questions = _questions(records, groups, places, np.full(len(names), day_numbers(pa.array([as_of_date]))[0]))
    last = questions.last(np.ones(records.num_rows, dtype=bool))
    term = terms(licences, of_terms, questions).last(licences.every)
    seen = last if closed_too else _if_active(last, records, questions, window_days)
    at = np.flatnonzero((seen >= 0) | is_new(licences, term, questions))
    columns = {"establishment_id": names.take(pa.array(at))}
    of_licence = _attributes_of(licences)
    for name in ATTRIBUTES:
        known = pc.is_valid(records[name])
        if name == "facility_type":
            known = pc.not_equal(records[name], vocabulary.UNKNOWN)
        columns[name] = pc.coalesce(
            _take(records[name], questions.last(pc.fill_null(known, False).to_numpy())[at]),
            _take(of_licence[name].cast(records[name].type), term[at]),
        )
    columns["facility_type"] = pc.fill_null(columns["facility_type"], vocabulary.UNKNOWN)
    columns["last_inspection_date"] = _take(records["inspection_date"], last[at])
    columns["last_result"] = _take(records["results"], last[at])
    columns["visits"] = pa.array((questions.end - questions.begin)[at])
    return to_pandas(pa.table(columns))


def terms(licences: Licences, of_terms: Ints, questions: Questions) -> Questions:
    """Return the same questions, put to the terms of licences; ``of_terms`` are the groups of their places."""
    return Questions(licences.timeline(of_terms), questions.groups, questions.days)


def is_new(licences: Licences, term: Ints, questions: Questions) -> Mask:
    """Return which places had no record before the day, but a licence for food that has not ended.

    Args:
        term: positions of the newest terms that had begun, -1 for none.
    """
    if not len(licences):
        return np.zeros(len(term), dtype=bool)
    return (questions.first < 0) & licences.food[term] & licences.not_expired(term, questions.days)


def _attributes_of(licences: Licences) -> dict[str, pa.Array]:
    given = {name: arrow(licences.table[name]) for name in ("address", "zip", "latitude", "longitude")}
    return given | {
        "dba_name": arrow(licences.table["doing_business_as_name"]),
        "facility_type": licences.facility_type,
        "risk": pa.nulls(len(licences), pa.int16()),
        "license_": arrow(licences.table["license_number"]),
    }


def _take(values: pa.Array | pa.ChunkedArray, at: Ints) -> pa.Array:
    """Return the values at positions, null at -1."""
    return arrow(values).take(pa.array(at, mask=at < 0))


def _questions(records: pa.Table, groups: Ints, places: Ints, as_of: Ints) -> Questions:
    days = day_numbers(records["inspection_date"])
    order = by_day(days, records["inspection_id"].to_numpy())
    return Questions(Timeline.of(groups, days, order), places, as_of)


def _if_active(last: Ints, records: pa.Table, questions: Questions, window_days: int) -> Ints:
    closed = pc.is_in(records["results"], value_set=pa.array(vocabulary.CLOSED)).to_numpy()
    days = day_numbers(records["inspection_date"])
    return where_active(last, days, closed, questions.days, window_days)


def where_active(last: Ints, days: Ints, closed: Mask, as_of: Ints, window_days: int) -> Ints:
    """Return the position of each establishment's last record if it is active, else -1.

    Args:
        last: positions of the last records before ``as_of``, -1 for none.
        days, closed: of all records, their days and whether they found the place closed or gone.
        as_of: the day asked for, one per establishment.
    """
    if not len(days):
        return last
    recent = days[last] >= as_of - window_days
    return np.where((last >= 0) & recent & ~closed[last], last, -1)
