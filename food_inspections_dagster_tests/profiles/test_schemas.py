import pytest

from food_inspections_dagster.inspections.codebooks import CODEBOOKS
from food_inspections_dagster.profiles.schemas import BY_CODE, DATA_PROFILE, MEASURES, QUANTILES
from food_inspections_dagster.schemas import broken_weeks
from food_inspections_dagster_tests.profiles.cases import ROWS, WEEKS, profile_of

PROFILE = profile_of(ROWS)


def test_each_measure_and_codebook_has_one_name():
    assert len(set(MEASURES)) == len(MEASURES) and {*QUANTILES, *BY_CODE.values()} <= set(MEASURES)
    assert tuple(BY_CODE) == CODEBOOKS
    words = DATA_PROFILE.columns["measure"].description
    assert [name for name in MEASURES if name not in words] == [], "every measure is explained"


@pytest.mark.parametrize(
    ("column", "value"), [("span", "yesterday"), ("measure", "beauty"), ("position", -1), ("table_name", "")]
)
def test_what_is_not_of_the_table_is_refused(column, value):
    broken = PROFILE.copy()
    broken.loc[0, column] = value
    weeks, words = broken_weeks(DATA_PROFILE, broken)
    assert set(weeks) == {WEEKS[-1]} and column in words
    assert broken_weeks(DATA_PROFILE, PROFILE) == ({}, "")
