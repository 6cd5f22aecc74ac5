"""Features of any (establishment, as-of date), and the feature matrix of weeks."""

import time
from collections.abc import Iterable
from datetime import date
from typing import Any, TypeAlias

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import to_arrow, to_pandas
from food_inspections_dagster.inspections import cohorts
from food_inspections_dagster.inspections.features import registry
from food_inspections_dagster.inspections.features.declarations import Feature
from food_inspections_dagster.inspections.features.past import Past, Records
from food_inspections_dagster.inspections.timelines import Ints, Questions, day_numbers, encode_together

Rows: TypeAlias = pd.DataFrame | pa.Table


def compute_features(spine: Rows, inspections: Rows, violations: Rows) -> pd.DataFrame:
    """Compute the features of each row of ``spine`` from the records dated strictly before its as-of date.

    Args:
        spine: ``establishment_id`` and ``as_of_date``, in any order, repeats allowed.
        inspections: ``clean.inspections`` with the whole history before the as-of dates; what is dated later
            is not used.
        violations: ``clean.violations`` of these inspections.

    Returns:
        One row per row of ``spine``, in its order, with the columns ``FEATURE_NAMES``: float32 for numbers,
        string for categories, null where nothing is known.

    Raises:
        FoodInspectionsError: if a needed column is missing.
    """
    past, back = _past(spine, inspections, violations)
    return to_pandas(pa.table(_columns(past, back)))


def feature_matrix(
    weeks: Iterable[date], inspections: Rows, violations: Rows, window_days: int = cohorts.WINDOW_DAYS
) -> pd.DataFrame:
    """Build the feature matrix: the inspections of ``weeks``, with features as of the Monday of their week.

    ``inspections`` and ``violations`` hold these weeks and the whole history before them. The attributes of
    the inspection itself stand beside the features for filters and audits; they are no inputs of a model.
    Rows are in the order of week and inspection_id.

    Raises:
        FoodInspectionsError: if a needed column is missing.
    """
    chosen = pa.array(sorted(set(weeks)), pa.date32())
    rows = to_arrow(inspections, registry.ROW_COLUMNS, "inspections")
    rows = rows.filter(pc.is_in(rows["week"], value_set=chosen))
    return matrix_of(rows, inspections, violations, window_days)


def matrix_of(rows: Rows, inspections: Rows, violations: Rows, window_days: int = cohorts.WINDOW_DAYS) -> pd.DataFrame:
    """Build the feature matrix of the inspections ``rows`` from a history; see ``feature_matrix``."""
    rows = to_arrow(rows, registry.ROW_COLUMNS, "inspections")
    rows = rows.sort_by([("week", "ascending"), ("inspection_id", "ascending")])
    spine = pa.table({"establishment_id": rows["establishment_id"], "as_of_date": rows["week"]})
    past, back = _past(spine, inspections, violations)
    columns = {
        **{name: rows[name] for name in registry.ROW_COLUMNS},
        "as_of_date": rows["week"],
        "in_cohort": pa.array(_active(past, window_days)[back]),
        **_columns(past, back),
    }
    return to_pandas(pa.table({name: columns[name] for name in registry.MATRIX_COLUMNS}))


def seconds_per_family(spine: Rows, inspections: Rows, violations: Rows) -> dict[str, float]:
    """Return the CPU seconds of each family's features, and under ``history`` those of what all of them share."""
    began = time.process_time()
    past, back = _past(spine, inspections, violations)
    seconds = {"history": time.process_time() - began}
    for family in registry.FAMILIES:
        began, of_family = time.process_time(), past.for_next_family()
        for feature in family.features:
            _column(feature, of_family, back)
        seconds[family.name] = time.process_time() - began
    return seconds


def _past(spine: Rows, inspections: Rows, violations: Rows) -> tuple[Past, Ints]:
    """Return the past of each distinct question, and the place of every row of ``spine`` among these."""
    asked = to_arrow(spine, registry.SPINE_COLUMNS, "spine rows")
    records = Records(inspections, violations, registry.INSPECTION_COLUMNS)
    groups, places = encode_together(records.table["establishment_id"], asked["establishment_id"])
    questions, back = Questions.distinct(records.timeline(groups), places, day_numbers(asked["as_of_date"]))
    return Past(records, questions), back


def _active(past: Past, window_days: int) -> Any:
    records = past.records
    last = past.last(records.every)
    return cohorts.where_active(last, records.days, records.closed, past.questions.days, window_days) >= 0


def _columns(past: Past, back: Ints) -> dict[str, pa.Array]:
    columns: dict[str, pa.Array] = {}
    for family in registry.FAMILIES:
        of_family = past.for_next_family()
        columns |= {feature.name: _column(feature, of_family, back) for feature in family.features}
    return {name: columns[name] for name in registry.FEATURE_NAMES}


def _column(feature: Feature, past: Past, back: Ints) -> pa.Array:
    values = feature.values(past)
    if feature.kind == "categorical":
        return values.take(pa.array(back))
    numbers = values.astype(np.float32)[back]
    unknown = np.isnan(numbers)
    numbers[unknown] = 0  # what lies under a null shall not depend on how it was computed
    return pa.array(numbers, mask=unknown)
