from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.weeks import FIRST_WEEK, in_words, last_complete_week, monday, parse_week, week_range


@given(st.dates(min_value=date(2010, 1, 4), max_value=date(2060, 1, 1)))
def test_every_day_lies_in_the_week_of_its_monday(day):
    week = monday(day)
    assert week.weekday() == 0
    assert week <= day < week + timedelta(days=7)
    assert parse_week(week.isoformat()) == week


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("2024-13-01", "not a week"),
        ("yesterday", "not a week"),
        ("2024-01-03", "Wednesday.*use 2024-01-01"),
        ("2009-12-28", "before the first week"),
    ],
)
def test_malformed_weeks_are_refused_in_one_sentence(text, words):
    with pytest.raises(FoodInspectionsError, match=words):
        parse_week(text)


def test_a_week_is_complete_when_chicago_says_so():
    # Monday 03:00 UTC is still Sunday evening in Chicago.
    sunday_evening = datetime(2024, 1, 8, 3, tzinfo=UTC)
    assert last_complete_week(sunday_evening) == date(2023, 12, 25)
    assert last_complete_week(sunday_evening + timedelta(hours=4)) == date(2024, 1, 1)


def test_week_range_includes_both_ends():
    assert week_range(FIRST_WEEK, FIRST_WEEK) == [FIRST_WEEK]
    assert week_range(date(2024, 1, 1), date(2024, 1, 15)) == [
        date(2024, 1, 1),
        date(2024, 1, 8),
        date(2024, 1, 15),
    ]


def test_weeks_in_words_are_sorted_once_each_and_few():
    weeks = [FIRST_WEEK + timedelta(days=7 * i) for i in (3, 0, 3)]
    assert in_words(weeks[1:2]) == "the week of 2010-01-04"
    assert in_words(weeks) == "the weeks of 2010-01-04, 2010-01-25"
    assert in_words(week_range(FIRST_WEEK, FIRST_WEEK + timedelta(days=49)), most=2) == (
        "the weeks of 2010-01-04, 2010-01-11 and 6 more"
    )
