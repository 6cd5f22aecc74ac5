import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster.catalog import FEATURE_MATRIX
from food_inspections_dagster.defs.features.checks import CONSTANT_AFTER_ROWS, not_constant, row_for_row
from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster_tests.defs.cases import WEEKS, A, B, C, Case, Damage, bytes_changed, frame, parquet
from food_inspections_dagster_tests.defs.city import CITY

MIDDLE, LAST = CITY[len(CITY) // 2], CITY[-1]


def rows(inspections, matrix):
    """Inspections and rows of features as (week, inspection_id)."""
    names = ("inspections", "feature_matrix")
    return {
        name: frame(week=[week for week, _ in pairs], inspection_id=[number for _, number in pairs])
        for name, pairs in zip(names, (inspections, matrix), strict=True)
    }


def varying(number, **constant):
    """Rows of features of three weeks in which all vary, but those given."""
    values = np.arange(number, dtype=float)
    columns = {feature.name: constant.get(feature.name, values) for feature in FEATURES}
    weeks = pa.array([WEEKS[i * 3 // number] for i in range(number)], pa.date32())
    return {"feature_matrix": pd.DataFrame({"week": pd.Series(weeks, dtype=pd.ArrowDtype(pa.date32())), **columns})}


FEATURE, OFF = "beyond_failed", "fail_rate_3y"
VARY = not_constant(("inspector", "last"))
CASES = [
    Case(row_for_row, "the same", rows([(A, 1), (B, 2), (B, 3)], [(A, 1), (B, 3), (B, 2)])),
    Case(row_for_row, "earlier history has no rows", rows([(A, 1), (B, 2)], [(B, 2)]), weeks=[B]),
    Case(row_for_row, "one lost", rows([(A, 1), (B, 2), (B, 3)], [(A, 1), (B, 2)]), (B,), "2 inspections, 1 rows"),
    Case(row_for_row, "one doubled", rows([(A, 1), (C, 2)], [(A, 1), (A, 1), (C, 2)]), (A,)),
    Case(row_for_row, "as many of others", rows([(A, 1), (B, 2)], [(A, 1), (B, 9)]), (B,), "of other inspections"),
    Case(row_for_row, "a week without any", rows([(A, 1), (B, 2)], [(A, 1)]), (B,)),
    Case(VARY, "all vary", varying(CONSTANT_AFTER_ROWS)),
    Case(VARY, "too few rows to say", varying(CONSTANT_AFTER_ROWS - 1, **{FEATURE: 0.5})),
    Case(VARY, "one has one value", varying(CONSTANT_AFTER_ROWS, **{FEATURE: 0.5}), (C,), FEATURE),
    Case(VARY, "of a family that is off", varying(CONSTANT_AFTER_ROWS, last_minor_count=np.nan)),
    Case(VARY, "one has none", varying(CONSTANT_AFTER_ROWS, **{FEATURE: np.nan}), (C,), FEATURE),
]


def with_feature(world, name, value, *weeks):
    def changed(table):
        kind = table.schema.field(name).type
        return table.set_column(table.column_names.index(name), name, pa.array([value] * len(table), kind))

    return bytes_changed(world, parquet(changed), *(FEATURE_MATRIX.path(week) for week in weeks))


def without_a_row(world):
    return bytes_changed(world, parquet(lambda table: table.slice(1)), FEATURE_MATRIX.path(MIDDLE))


MATRIX = FEATURE_MATRIX.asset
DAMAGES = [
    Damage(MATRIX, "point_in_time", lambda w: with_feature(w, FEATURE, 0.123, MIDDLE), (MIDDLE,), FEATURE),
    Damage(
        MATRIX, "point_in_time", lambda w: with_feature(w, OFF, 0.123, LAST), (LAST,), OFF, "of a family that is off"
    ),
    Damage(MATRIX, "point_in_time", lambda w: with_feature(w, "in_cohort", None, LAST), (LAST,), "in_cohort", "cohort"),
    *(
        Damage(MATRIX, "point_in_time", lambda w, n=name: with_feature(w, n, "x", MIDDLE), (MIDDLE,), name, name)
        for name in ("community_area", "chain_or_single")
    ),
    Damage(MATRIX, "point_in_time", without_a_row, (MIDDLE,), about="a row fewer"),
]


@pytest.mark.parametrize("case", CASES, ids=str)
def test_a_rule_in_memory(case):
    case.hold()


@pytest.mark.parametrize("damage", DAMAGES, ids=str)
def test_a_rule_of_the_store(stored_city, damage):
    damage.hold(stored_city)
