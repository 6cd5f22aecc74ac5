import pandas as pd
import pytest

from food_inspections_dagster.profiles.changes import (
    Bounds,
    all_jumps,
    distinct_jumps,
    faults,
    missing_jumps,
    repetitions,
    row_jumps,
)
from food_inspections_dagster_tests.profiles.cases import NEWEST_RANGE, ROWS, WEEKS, profile_of, violations

BOUNDS = Bounds(missing=0.05, factor=2, repeated=0.01, min_rows=50)
NEW = ROWS["week"].between(*NEWEST_RANGE).to_numpy()


def with_new(column, value):
    """The rows with another value in every row of the newest range."""
    old = ROWS[column].tolist()
    return violations(
        **{column: [value(at, one) if new else one for at, (one, new) in enumerate(zip(old, NEW, strict=True))]}
    )


def test_what_goes_on_as_before_is_no_jump():
    assert all_jumps(profile_of(ROWS), BOUNDS) == []


def test_a_column_that_is_no_longer_filled():
    (jump,) = missing_jumps(profile_of(with_new("comment", lambda at, one: None)), BOUNDS)
    assert str(jump) == "violations.comment: missing in 100.0% of 80 rows, before in 25.0% of 80"
    assert (jump.week, jump.column) == (WEEKS[-1], "comment")


def test_the_bound_is_what_is_asked_for():
    profile = profile_of(with_new("comment", lambda at, one: None if at % 3 == 0 else "x"))
    assert missing_jumps(profile, BOUNDS) and not missing_jumps(profile, Bounds(0.2, 2, 0.01, 50))
    assert not missing_jumps(profile, Bounds(0.05, 2, 0.01, 81)), "too few rows to judge"


def test_a_vocabulary_that_splits_or_sticks():
    (split,) = distinct_jumps(profile_of(with_new("comment", lambda at, one: f"spelling {at % 40}")), BOUNDS)
    assert str(split) == "violations.comment: 40 distinct values, before 7"
    (stuck,) = distinct_jumps(profile_of(with_new("comment", lambda at, one: "same")), BOUNDS)
    assert stuck.words == "1 distinct values, before 7"


def test_more_rows_with_more_values_are_no_jump_of_the_values():
    rows = violations(per_week=8)
    many = violations(weeks=WEEKS[-10:], per_week=40).assign(inspection_id=range(10_001, 10_401))
    profile = profile_of(pd.concat([rows[~NEW], many]).astype(rows.dtypes))
    assert distinct_jumps(profile, BOUNDS) == []
    (jump,) = row_jumps(profile, BOUNDS)
    assert str(jump) == "violations: 400 rows, before 80"


def test_a_source_that_dries_up():
    (jump,) = row_jumps(profile_of(ROWS[~NEW]), BOUNDS)
    assert str(jump) == "violations: 0 rows, before 80"


def test_a_history_that_begins_inside_the_range_before_is_not_judged():
    assert row_jumps(profile_of(ROWS[ROWS["week"] >= WEEKS[-12]]), BOUNDS) == []


def test_rows_that_are_there_twice():
    first = with_new("inspection_id", lambda at, one: one - at % 2)
    words = sorted(jump.words for jump in repetitions(profile_of(first), BOUNDS))
    assert words == ["40 of 80 rows have the key of another row"]
    assert repetitions(profile_of(ROWS), BOUNDS) == []


def test_a_profile_that_does_not_add_up():
    profile, rows = profile_of(ROWS), {(WEEKS[-1], "violations"): len(ROWS)}
    assert faults(profile, rows) == {}
    assert faults(profile, {(WEEKS[-1], "violations"): len(ROWS) + 1})[WEEKS[-1]].startswith("violations: 200")
    assert "None rows" in faults(profile, {**rows, (WEEKS[-1], "crimes"): 0})[WEEKS[-1]]
    bins = (profile["measure"] == "histogram") & (profile["column_name"] == "code")
    at = profile.index[bins][0]
    broken = profile.copy()
    broken.loc[at, "value"] += 1
    assert "violations.code: bins and missing hold" in faults(broken, rows)[WEEKS[-1]]


@pytest.mark.parametrize("judge", [missing_jumps, distinct_jumps, row_jumps, repetitions])
def test_without_rows_there_is_nothing_to_judge(judge):
    assert judge(profile_of(ROWS[:0]), BOUNDS) == []
