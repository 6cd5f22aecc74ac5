import pandas as pd
import pytest

from food_inspections_dagster import schemas
from food_inspections_dagster.inspections.schemas import VIOLATIONS
from food_inspections_dagster.profiles.profile import Profiled, data_profile
from food_inspections_dagster.profiles.schemas import DATA_PROFILE, WHOLE_TABLE
from food_inspections_dagster_tests.profiles.cases import (
    DETAIL,
    NEWEST_RANGE,
    RANGE_BEFORE,
    ROWS,
    WEEKS,
    profile_of,
    value_of,
    violations,
)

PROFILE = profile_of(ROWS)


def within(rows, bounds):
    return rows[rows["week"].between(*bounds)]


def test_it_keeps_its_schema():
    assert len(schemas.validated(DATA_PROFILE, PROFILE)) > 50
    assert set(PROFILE["table_name"]) == {"violations"} and set(PROFILE["week"]) == {WEEKS[-1]}


@pytest.mark.parametrize("column", ["code", "codebook", "severity", "comment"])
def test_missing_and_distinct_are_those_of_pandas(column):
    for span, rows, before in (
        ("history", ROWS, None),
        ("recent", within(ROWS, NEWEST_RANGE), within(ROWS, RANGE_BEFORE)),
    ):
        for measure, of in (("missing", lambda c: c.isna().sum()), ("distinct", lambda c: c.nunique())):
            assert value_of(PROFILE, column, measure, span) == of(rows[column])
            earlier = value_of(PROFILE, column, measure, span, what="value_before")
            assert pd.isna(earlier) if before is None else earlier == of(before[column])


def test_quantiles_mean_and_histogram():
    code = within(ROWS, NEWEST_RANGE)["code"].astype(int)
    assert value_of(PROFILE, "code", "median") == code.quantile(0.5, interpolation="lower")
    assert value_of(PROFILE, "code", "mean") == pytest.approx(code.mean())
    bins = PROFILE[
        (PROFILE["measure"] == "histogram") & (PROFILE["column_name"] == "code") & (PROFILE["span"] == "recent")
    ]
    assert bins["value"].tolist() == code.value_counts().sort_index().tolist()
    assert bins["item"].tolist() == ["1", "2", "3", "4", "5"]


def test_top_values_stand_beside_those_before_and_what_is_gone_is_named():
    half = len(WEEKS) * 4
    profile = profile_of(violations(severity=["minor"] * half + ["core"] * half))
    top = profile[(profile["measure"] == "top_value") & (profile["column_name"] == "severity")]
    recent = top[top["span"] == "recent"].set_index("item")
    assert recent.loc["core", "value"] == 80 and recent.loc["core", "value_before"] == 20
    assert recent.loc["minor", "value"] == 0 and recent.loc["minor", "value_before"] == 60


def test_violations_by_code_and_era():
    for era in ("2010", "2018"):
        of_era = ROWS[ROWS["codebook"] == era]
        counted = PROFILE[(PROFILE["measure"] == f"rows_of_{era}_code") & (PROFILE["span"] == "history")]
        assert dict(zip(counted["position"], counted["value"], strict=True)) == of_era["code"].value_counts().to_dict()
        assert counted["value"].sum() == len(of_era) > 0
    titles = {
        era: value_of(PROFILE, WHOLE_TABLE, f"rows_of_{era}_code", "history", 3, "item") for era in ("2010", "2018")
    }
    assert titles["2010"].startswith("POTENTIALLY HAZARDOUS FOOD") and titles["2018"].startswith("MANAGEMENT")


def test_rows_by_year_and_week():
    assert value_of(PROFILE, WHOLE_TABLE, "rows_of_year", "history", 2018) == len(ROWS)
    by_week = PROFILE[PROFILE["measure"] == "rows_of_week"]
    assert by_week["item"].tolist() == [str(week) for week in WEEKS[-10:]] and set(by_week["value"]) == {8}


def test_repetitions_in_a_range():
    rows = violations()
    last, other = rows.tail(1), rows[rows["week"] == WEEKS[-2]].tail(1)
    repeated = pd.concat([rows, other.assign(ordinal=2), last.assign(week=WEEKS[-1])], ignore_index=True).astype(
        rows.dtypes
    )
    profile = profile_of(repeated)
    assert value_of(profile, WHOLE_TABLE, "repeated_keys") == 1, "the last one, in every column"
    assert value_of(profile, WHOLE_TABLE, "repeated_rows") == 2, "the other has another ordinal only"
    assert value_of(profile, WHOLE_TABLE, "repeated_rows", what="value_before") == 0
    moved = pd.concat([rows, other.assign(week=WEEKS[-1])], ignore_index=True).astype(rows.dtypes)
    assert value_of(profile_of(moved), WHOLE_TABLE, "repeated_keys") == 1, "in whatever week"
    assert value_of(profile_of(moved), WHOLE_TABLE, "repeated_rows") == 0


def test_a_week_knows_nothing_of_what_came_after_it():
    then = WEEKS[-6]
    known = ROWS[ROWS["week"] <= then]
    later = violations(seed=9, comment=["later"] * len(ROWS), severity=["core"] * len(ROWS))
    changed = pd.concat([known, later[later["week"] > then]], ignore_index=True).astype(ROWS.dtypes)
    alone = profile_of(known, then)
    assert profile_of(changed, then).equals(alone) and profile_of(ROWS, then).equals(alone)
    both = profile_of(changed, then, WEEKS[-1])
    assert both[both["week"] == then].reset_index(drop=True).equals(alone), "made beside another week or by itself"
    assert not both[both["week"] == WEEKS[-1]].drop(columns="week").equals(alone.drop(columns="week"))


def test_the_order_of_rows_changes_nothing():
    assert profile_of(ROWS.sample(frac=1, random_state=3)).equals(PROFILE)


def test_a_table_without_rows_has_none_and_no_range_before():
    profile = data_profile(WEEKS[-1:], {"x": schemas.empty(VIOLATIONS)}, [Profiled("x")], DETAIL)
    whole = profile[(profile["measure"] == "rows")]
    assert whole["value"].tolist() == [0, 0] and whole["value_before"].isna().all()
    assert not (profile["measure"] == "repeated_keys").any(), "it has no key"
    schemas.validated(DATA_PROFILE, profile)
