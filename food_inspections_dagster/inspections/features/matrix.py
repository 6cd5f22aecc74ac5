"""Features of any (establishment, as-of date), and the feature matrix of weeks."""

import time
from collections.abc import Collection, Iterable
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import to_arrow, to_pandas
from food_inspections_dagster.inspections import cohorts
from food_inspections_dagster.inspections.chains import chain_or_single
from food_inspections_dagster.inspections.chicago.community_areas import community_area_names
from food_inspections_dagster.inspections.features import registry
from food_inspections_dagster.inspections.features.declarations import YEAR_DAYS, Feature
from food_inspections_dagster.inspections.features.past import Past, Records
from food_inspections_dagster.inspections.features.tables import PLACE_TYPES, Described, Rows, Tables
from food_inspections_dagster.inspections.licences import Licences
from food_inspections_dagster.inspections.timelines import Ints, Mask, Questions, day_numbers, encode_together
from food_inspections_dagster.inspections.vocabulary import UNKNOWN

HISTORY = "history"  # what all families share, where seconds are told by family


def compute_features(
    spine: Rows, tables: Tables, off: Collection[str] = (), described: Described | None = None
) -> pd.DataFrame:
    """Compute the features of each row of ``spine`` from what is dated strictly before its as-of date.

    Args:
        spine: ``establishment_id`` and ``as_of_date``, in any order, repeats allowed.
        tables: the whole history before the as-of dates; what is dated later is not used.
        off: families that are not computed: their columns are null.
        described: places of nobody in ``tables`` that ``spine`` may ask for; their past is theirs alone.

    Returns:
        One row per row of ``spine``, in its order, with the columns ``FEATURE_NAMES``: float32 for numbers,
        string for categories, null where nothing is known.

    Raises:
        FoodInspectionsError: if a needed column is missing, or ``off`` names what is no family.
    """
    past, back = past_of(spine, tables, described)
    return to_pandas(pa.table(_columns(past, back, off, {})))


def feature_matrix(
    weeks: Iterable[date],
    tables: Tables,
    window_days: int = cohorts.WINDOW_DAYS,
    off: Collection[str] = (),
    seconds: dict[str, float] | None = None,
) -> pd.DataFrame:
    """Build the feature matrix: the inspections of ``weeks``, with features as of the Monday of their week.

    The attributes of the inspection itself stand beside the features for filters and audits; they are no inputs of a
    model. Rows are in the order of week and inspection_id.

    Args:
        tables: these weeks, and the whole history before them.
        window_days: see ``cohorts.in_cohort``.
        off: see ``compute_features``.
        seconds: is given the CPU seconds of each family, and under ``HISTORY`` those of what all of them share.

    Raises:
        FoodInspectionsError: if a needed column is missing, or ``off`` names what is no family.
    """
    chosen = pa.array(sorted(set(weeks)), pa.date32())
    rows = to_arrow(tables.inspections, registry.ROW_COLUMNS, "inspections")
    rows = rows.filter(pc.is_in(rows["week"], value_set=chosen))
    return matrix_of(rows, tables, window_days, off, seconds)


def matrix_of(
    rows: Rows,
    tables: Tables,
    window_days: int = cohorts.WINDOW_DAYS,
    off: Collection[str] = (),
    seconds: dict[str, float] | None = None,
) -> pd.DataFrame:
    """Build the feature matrix of the inspections ``rows`` from a history; see ``feature_matrix``."""
    seconds = {} if seconds is None else seconds
    began = time.process_time()
    rows = to_arrow(rows, registry.ROW_COLUMNS, "inspections")
    rows = rows.sort_by([("week", "ascending"), ("inspection_id", "ascending")])
    spine = pa.table({"establishment_id": rows["establishment_id"], "as_of_date": rows["week"]})
    past, back = past_of(spine, tables)
    columns = {
        **{name: rows[name] for name in registry.ROW_COLUMNS},
        "as_of_date": rows["week"],
        **{name: pa.array(flag[back]) for name, flag in _flags(past, window_days).items()},
        **_groups(past, spine, back, tables),
    }
    seconds[HISTORY] = time.process_time() - began
    columns |= _columns(past, back, off, seconds)
    return to_pandas(pa.table({name: columns[name] for name in registry.MATRIX_COLUMNS}))


def audit_groups(spine: Rows, tables: Tables) -> pd.DataFrame:
    """Return ``community_area`` and ``chain_or_single`` for each (``establishment_id``, ``as_of_date``) of ``spine``.

    As known strictly before the date; null where unknown.

    Raises:
        FoodInspectionsError: if a needed column is missing.
    """
    asked = to_arrow(spine, registry.SPINE_COLUMNS, "spine rows")
    past, back = past_of(asked, tables)
    return to_pandas(pa.table(_groups(past, asked, back, tables)))


def past_of(spine: Rows, tables: Tables, described: Described | None = None) -> tuple[Past, Ints]:
    """Return the past of each distinct question, and the place of every row of ``spine`` among these."""
    asked = to_arrow(spine, registry.SPINE_COLUMNS, "spine rows")
    records = Records(tables, registry.INSPECTION_COLUMNS, described)
    licences = Licences.of(tables.business_licenses)
    if described is not None:
        licences = licences.beside(described.business_licenses)
    places_told = pa.schema(list(PLACE_TYPES.items())).empty_table() if described is None else described.table
    groups, places, of_terms, of_places = encode_together(
        records.table["establishment_id"],
        asked["establishment_id"],
        licences.establishment_ids,
        places_told["establishment_id"],
    )
    questions, back = Questions.distinct(records.timeline(groups), places, day_numbers(asked["as_of_date"]))
    at = np.full(max(of_places.max(initial=-1), questions.groups.max(initial=-1)) + 2, -1)  # the last is nobody's
    at[of_places] = np.arange(len(of_places))
    terms = cohorts.terms(licences, of_terms, questions)
    return Past(records, questions, licences, terms, tables, places_told, at[questions.groups]), back


def _groups(past: Past, spine: pa.Table, back: Ints, tables: Tables) -> dict[str, pa.Array]:
    """Return the groups of the audit that the past tells: community area and chain, null where unknown."""
    areas = pa.nulls(len(back), pa.string())
    if tables.community_areas is not None:
        borders = to_pandas(tables.source("community_areas"))
        names = community_area_names(past.location.latitude, past.location.longitude, borders)
        areas = pa.array(names, pa.string(), mask=names == UNKNOWN).take(pa.array(back))
    named = spine.append_column("dba_name", past.name.take(pa.array(back)))
    return {"community_area": areas, "chain_or_single": chain_or_single(named, tables.inspections)}


def _flags(past: Past, window_days: int) -> dict[str, Mask]:
    """Return ``KNOWN_FLAGS`` of each question."""
    records, questions = past.records, past.questions
    last = past.last(records.every)
    seen = cohorts.where_active(last, records.days, records.closed, questions.days, window_days) >= 0
    return {
        "in_cohort": seen | cohorts.is_new(past.licences, past.licence, questions),
        "first_visit": questions.first < 0,
        "reinspected": past.count(records.reinspection, YEAR_DAYS) > 0,
    }


def _columns(past: Past, back: Ints, off: Collection[str], seconds: dict[str, float]) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    on = registry.families_in_use(off)
    for family in registry.FAMILIES:
        began, of_family = time.process_time(), past.for_next_family()
        for feature in family.features:
            columns[feature.name] = _column(feature, of_family, back) if family in on else _unknown(feature, len(back))
        seconds[family.name] = time.process_time() - began
    return {name: columns[name] for name in registry.FEATURE_NAMES}


def _unknown(feature: Feature, rows: int) -> pa.Array:
    if feature.kind == "categorical":
        return pa.nulls(rows, pa.string())
    return pa.array(np.zeros(rows, dtype=np.float32), mask=np.ones(rows, dtype=bool))


def _column(feature: Feature, past: Past, back: Ints) -> pa.Array:
    values = feature.values(past)
    if feature.kind == "categorical":
        return values.take(pa.array(back))
    numbers = values.astype(np.float32)[back]
    unknown = np.isnan(numbers)
    numbers[unknown] = 0  # what lies under a null shall not depend on how it was computed
    return pa.array(numbers, mask=unknown)
