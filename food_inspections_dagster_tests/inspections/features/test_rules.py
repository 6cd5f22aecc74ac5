"""Leaks of every kind are caught: a family that peeks into the inspection itself, by each of its columns."""

from datetime import date, timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from hypothesis import given, settings

from food_inspections_dagster.inspections.features import (
    FEATURE_NAMES,
    FEATURES,
    Family,
    Past,
    categorical,
    feature_matrix,
    numeric,
    registry,
)
from food_inspections_dagster.inspections.features.rules import (
    changed_by_the_future,
    constant_features,
    differing_rows,
)
from food_inspections_dagster.inspections.vocabulary import KNOWN_FLAGS, UNKNOWN
from food_inspections_dagster_tests.inspections.features.histories import (
    CITY,
    FAILED_CANVASS,
    HISTORY,
    MONDAYS,
    tables,
)

WEEK = MONDAYS[3]
VISITS = [
    {"dba_name": "SUBWAY #1", "facility_type": "School", "risk": 1, "address": "A", "zip": "60601", "latitude": 41.9},
    {"dba_name": "DELI", "facility_type": "Restaurant", "risk": 2, "address": "B", "zip": "60602", "latitude": 41.8},
    {"inspection_type": "License", "results": "Pass", "is_reinspection": True, "codes": []},
    {"inspection_type": "Complaint", "results": "No Entry", "codes": [21, 33], "risk": None, "zip": None},
]
RECORDS = [
    FAILED_CANVASS | visit | {"week": week, "weekday": (3 * i + j) % 7, "establishment_id": f"L{i % 3 + 1}"}
    for j, week in enumerate(MONDAYS[:6])
    for i, visit in enumerate(VISITS)
]


def peek(past: Past) -> Any:
    """Return the positions of the first record on or after each day: what no feature may look at."""
    end, timeline = past.questions.end, past.questions.timeline
    inside = end < np.searchsorted(timeline.keys, (past.questions.groups + 1) << 21)
    return np.where(inside, timeline.order[np.minimum(end, len(timeline.order) - 1)], -1)


def leaking(column: str) -> Any:
    def values(past: Past) -> Any:
        received = past.records.table[column]
        if pa.types.is_string(received.type):
            return past.text(column, peek(past))
        whole = pc.cast(received.cast(pa.int32()) if pa.types.is_date(received.type) else received, pa.float64())
        return past.pick(whole.to_numpy(), peek(past))

    return values


def with_family(monkeypatch: pytest.MonkeyPatch, *features: Any) -> None:
    """Let the package have one family more, and no other."""
    family = Family("leaking", features)
    monkeypatch.setattr(registry, "FAMILIES", (family,))
    monkeypatch.setattr(registry, "FEATURE_NAMES", tuple(feature.name for feature in features))
    columns = (
        *registry.ROW_COLUMNS,
        *registry.KNOWN_GROUPS,
        "as_of_date",
        *KNOWN_FLAGS,
        *(feature.name for feature in features),
    )
    monkeypatch.setattr(registry, "MATRIX_COLUMNS", columns)


@settings(max_examples=10, deadline=None)
@given(HISTORY.filter(len), CITY)
def test_no_feature_is_changed_by_the_future(records, city):
    given = tables(records, city)
    weeks = {record["week"] for record in records}
    stored = feature_matrix(weeks, given)
    assert changed_by_the_future(weeks, given, stored) == {}


@pytest.mark.parametrize(
    "column",
    [
        "facility_type", "risk", "zip", "dba_name", "address", "latitude", "longitude", "inspection_type", "results",
        "critical_count", "serious_count", "minor_count", "is_reinspection", "inspection_date",
    ],
)  # fmt: skip
def test_a_feature_that_leaks_a_column_of_the_inspection_itself_is_caught(column, monkeypatch):
    given = tables(RECORDS)
    text = given.inspections[column].dtype.pyarrow_dtype == pa.string()
    feature = (
        categorical("leak", "Leak", "{value}", leaking(column))
        if text
        else numeric("leak", "Leak", "{value}", (0, 1), leaking(column))
    )
    with_family(monkeypatch, feature)
    stored = feature_matrix(MONDAYS[:6], given)
    assert changed_by_the_future([WEEK, MONDAYS[5]], given, stored) == {
        WEEK: "leak",
        MONDAYS[5]: "leak",
    }


def failures_in_the_city(past: Past, days_too_late: int) -> Any:
    days = past.questions.days + days_too_late
    return np.searchsorted(np.sort(past.records.days[past.records.failed]), days)


@pytest.mark.parametrize(
    ("leak", "caught"),
    [
        (lambda past: past.count(past.records.decided, None), False),
        (lambda past: failures_in_the_city(past, 0), False),
        (lambda past: failures_in_the_city(past, 7), True),  # failures of the city in the week itself
        (lambda past: np.full(len(past.questions.days), past.records.failed.sum()), True),
        (lambda past: peek(past) >= 0, True),  # whether there will be a visit
        (lambda past: past.records.days[peek(past)] - past.questions.days, True),
        (lambda past: np.isin(past.records.ids[peek(past)], past.records.violations["inspection_id"]), True),
    ],
)
def test_a_leak_of_counts_and_of_being_there_is_caught(leak, caught, monkeypatch):
    given = tables(RECORDS)
    with_family(monkeypatch, numeric("leak", "Leak", "{value}", (0, 1), leak))
    stored = feature_matrix(MONDAYS[:6], given)
    assert changed_by_the_future([WEEK], given, stored) == ({WEEK: "leak"} if caught else {})


def test_what_was_stored_otherwise_is_named_by_week():
    given = tables(RECORDS)
    stored = feature_matrix(MONDAYS[:6], given)
    late = stored["week"] == WEEK
    wrong = stored.assign(**{name: stored[name].mask(late, 0.123) for name in FEATURE_NAMES[:7]})
    wrong = wrong.assign(in_cohort=stored["in_cohort"].mask(late, False))
    assert changed_by_the_future([MONDAYS[2], WEEK], given, wrong) == {
        WEEK: "in_cohort, inspections_1y, failures_1y, fail_rate_1y, critical_1y and 3 more"
    }
    lost = stored[~(late & (stored["inspection_id"] == stored.loc[late, "inspection_id"].min()))]
    assert changed_by_the_future([WEEK], given, lost) == {WEEK: "3 rows are stored and 4 inspections have features"}


def test_the_columns_of_the_inspection_itself_may_differ():
    given = tables(RECORDS)
    stored = feature_matrix(MONDAYS[:6], given)
    stored["facility_type"] = stored["facility_type"].mask(stored["week"] == WEEK, UNKNOWN)
    assert changed_by_the_future([WEEK], given, stored) == {}


def test_rows_that_are_lost_doubled_or_of_others_are_told_by_week():
    given = tables(RECORDS)
    matrix, inspections = feature_matrix(MONDAYS[:6], given), given.inspections
    assert differing_rows(inspections, matrix) == {}
    numbers = matrix["inspection_id"]
    doubled = matrix.iloc[[0, *range(len(matrix) - 1)]]
    assert differing_rows(inspections, doubled) == {
        MONDAYS[0]: "4 inspections, 5 rows of features",
        MONDAYS[5]: "4 inspections, 3 rows of features",
    }
    other = matrix.assign(inspection_id=numbers.mask(numbers == numbers[0], 99))
    assert differing_rows(inspections, other) == {MONDAYS[0]: "4 inspections, 4 rows of features, of other inspections"}
    assert differing_rows(inspections.iloc[:0], matrix.iloc[:1]) == {MONDAYS[0]: "0 inspections, 1 rows of features"}


def test_constant_features_are_named_in_their_weeks_and_their_codebook():
    given = tables(RECORDS)
    matrix = feature_matrix(MONDAYS[:6], given)
    first, last = MONDAYS[0], MONDAYS[5]
    constant = constant_features(matrix, first, last)
    assert "failures_ever" not in constant and "closures_ever" in constant
    assert constant_features(matrix.assign(failures_ever=matrix["month"] * 0), first, last) == [
        feature.name for feature in FEATURES if feature.name in {*constant, "failures_ever"}
    ]
    assert "month" in constant_features(matrix, first, first)
    assert "code_2010_41_3y" in constant and not [name for name in constant if name.startswith("code_2018")]
    later = date(2021, 1, 4), date(2021, 1, 4) + timedelta(days=7)
    none = constant_features(matrix, *later)
    assert "failures_ever" in none and not [name for name in none if name.startswith("code_2010")]
    assert "code_2018_3_3y" in none
