from datetime import date, timedelta

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.rules import Schedule, ValidationRule
from food_inspections_dagster.modeling.splits import (
    Period,
    anchor_of,
    anchors_before,
    assert_no_overlap,
    audited_anchors,
    backtest_anchor_of,
    calibration_window,
    chain_start,
    evaluation_window,
    needed_anchors,
    periods_ending,
    temporal_config,
    training_window,
    weeks_back,
    weeks_needed,
)
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK, week_range

WEEKS = st.integers(0, 900).map(lambda n: FIRST_WEEK + WEEK * n)
SCHEDULES = st.builds(
    Schedule,
    update_weeks=st.integers(1, 30),
    training_window_weeks=st.integers(1, 210),
    calibration_weeks=st.integers(1, 60),
)
CHAINED = st.integers(1, 6)


@pytest.mark.parametrize(
    ("week", "anchor"),
    [
        (date(2010, 1, 4), date(2010, 1, 4)),
        (date(2010, 3, 29), date(2010, 1, 4)),
        (date(2010, 4, 5), date(2010, 4, 5)),
        (date(2010, 6, 28), date(2010, 4, 5)),
        (date(2009, 12, 28), None),
    ],
)
def test_anchors_of_the_worked_example(week: date, anchor: date | None) -> None:
    assert anchor_of(week, Schedule(update_weeks=13)) == anchor


def test_a_week_is_scored_by_the_model_of_the_week_before() -> None:
    schedule = Schedule(update_weeks=13)
    assert backtest_anchor_of(date(2010, 4, 5), schedule) == date(2010, 1, 4)
    assert backtest_anchor_of(date(2010, 4, 12), schedule) == date(2010, 4, 5)
    assert backtest_anchor_of(FIRST_WEEK, schedule) is None


@given(WEEKS, SCHEDULES)
def test_no_model_learns_from_the_week_that_it_scores_or_a_later_one(week: date, schedule: Schedule) -> None:
    anchor = backtest_anchor_of(week, schedule)
    if anchor is None:
        return
    first, last = training_window(anchor, schedule)
    assert first <= last <= week - WEEK
    assert len(week_range(first, last)) <= schedule.training_window_weeks
    current = anchor_of(week, schedule)
    assert current is not None and training_window(current, schedule)[1] <= week


@given(st.lists(WEEKS, min_size=1, max_size=5), SCHEDULES, CHAINED)
def test_weeks_needed_cover_every_training_window(weeks: list[date], schedule: Schedule, chained: int) -> None:
    first, last = weeks_needed(weeks, schedule, chained)
    assert last == max(weeks)
    for anchor in needed_anchors(weeks, schedule):
        window = training_window(anchor, schedule)
        assert first <= window[0] and window[1] <= last
        for fitted in (anchor, *anchors_before(anchor, schedule)):
            assert first <= training_window(chain_start(fitted, schedule, chained), schedule)[0]


@given(WEEKS, SCHEDULES, CHAINED)
def test_a_chain_has_its_place_in_the_calendar(week: date, schedule: Schedule, chained: int) -> None:
    anchor = anchor_of(week, schedule)
    assert anchor is not None
    start, update = chain_start(anchor, schedule, chained), WEEK * schedule.update_weeks
    assert (anchor - start) % update == timedelta() and timedelta() <= anchor - start < chained * update
    assert (start - schedule.first_week) % (chained * update) == timedelta()
    assert {chain_start(start + n * update, schedule, chained) for n in range(chained)} == {start}


@given(WEEKS, SCHEDULES)
def test_a_fit_is_calibrated_by_the_fits_that_made_the_lists_of_its_window(week: date, schedule: Schedule) -> None:
    anchor = anchor_of(week, schedule)
    assert anchor is not None
    first, last = calibration_window(anchor, schedule)
    assert last == anchor and len(week_range(first, last)) == schedule.calibration_weeks
    made = {backtest_anchor_of(w, schedule) for w in week_range(first, last)} - {None}
    before = anchors_before(anchor, schedule)
    assert set(before) == made and before == sorted(before)
    # None of them had seen a week that it scores, so none is as new as the fit itself.
    assert all(a < anchor and anchor_of(a, schedule) == a for a in before)


@given(WEEKS, SCHEDULES, CHAINED)
def test_no_week_needs_more_weeks_than_weeks_back(week: date, schedule: Schedule, chained: int) -> None:
    first, last = weeks_needed([week], schedule, chained)
    assert len(week_range(first, last)) <= weeks_back(schedule, chained)


def test_weeks_back_of_the_worked_example() -> None:
    """The last week of a model, whose window of calibration begins with the last week of an older one."""
    schedule = Schedule(update_weeks=13, training_window_weeks=156, calibration_weeks=52)
    assert weeks_back(schedule) == 12 + 12 + 52 + 156
    assert weeks_back(schedule, 4) == weeks_back(schedule) + 3 * 13
    late = [FIRST_WEEK + WEEK * (400 + n) for n in range(13)]
    assert max(len(week_range(*weeks_needed([week], schedule))) for week in late) <= weeks_back(schedule)
    anchor = date(2014, 9, 29)
    assert anchors_before(anchor, schedule) == [anchor - WEEK * 13 * n for n in (4, 3, 2, 1)]
    assert anchors_before(FIRST_WEEK, schedule) == []
    assert anchors_before(date(2010, 4, 5), schedule) == [FIRST_WEEK]


def test_models_are_audited_when_they_are_fitted() -> None:
    schedule = Schedule(update_weeks=13)
    assert audited_anchors(week_range(date(2010, 3, 1), date(2010, 7, 26)), schedule) == [
        date(2010, 4, 5), date(2010, 7, 5),
    ]  # fmt: skip
    assert audited_anchors([date(2010, 7, 5), date(2010, 4, 5), date(2010, 7, 5)], schedule) == [
        date(2010, 4, 5), date(2010, 7, 5),
    ]  # fmt: skip
    assert audited_anchors([date(2010, 4, 12), date(2009, 12, 28)], schedule) == []


def test_evaluation_window_ends_with_the_week() -> None:
    assert evaluation_window(date(2014, 8, 25), 52) == (date(2013, 9, 2), date(2014, 8, 25))


def _rows(*pairs: tuple[int, date]) -> pd.DataFrame:
    return pd.DataFrame({"inspection_id": [i for i, _ in pairs], "inspection_date": [d for _, d in pairs]})


def test_overlap_is_found_in_the_rows_themselves() -> None:
    train = _rows((1, date(2012, 4, 2)), (2, date(2012, 4, 6)))
    assert_no_overlap(train, _rows((3, date(2012, 4, 9))))
    assert_no_overlap(train, _rows())
    with pytest.raises(FoodInspectionsError, match=r"2012-04-06.*temporal split is broken"):
        assert_no_overlap(train, _rows((3, date(2012, 4, 6))))
    with pytest.raises(FoodInspectionsError, match=r"Inspection 2 .*both a training row and a scored row"):
        assert_no_overlap(train, _rows((2, date(2012, 4, 9) + timedelta(days=1))))


@given(SCHEDULES)
def test_with_periods_as_long_as_the_time_between_fits_every_week_is_in_one(schedule: Schedule) -> None:
    weeks = week_range(schedule.first_week, schedule.first_week + WEEK * (4 * schedule.update_weeks))
    rule = ValidationRule(test_durations=(schedule.update_weeks,))
    periods = periods_ending(weeks, schedule, rule)
    covered = [week for period in periods for week in week_range(period.first, period.last)]
    assert covered == weeks[1:]
    for period in periods:
        assert period.weeks == schedule.update_weeks
        # One fit made all its lists, and learnt from nothing of it.
        for week in week_range(period.first, period.last):
            assert backtest_anchor_of(week, schedule) == period.anchor
        assert training_window(period.anchor, schedule)[1] < period.first


def test_a_period_belongs_to_its_last_week_whatever_other_weeks_are_asked_for() -> None:
    schedule, rule = Schedule(update_weeks=13), ValidationRule(test_durations=(26, 13))
    week = date(2010, 7, 5)
    assert periods_ending([week], schedule, rule) == [
        Period(date(2010, 4, 5), date(2010, 4, 12), week),
        Period(date(2010, 1, 4), date(2010, 1, 11), week),
    ]
    assert [period.weeks for period in periods_ending([week], schedule, rule)] == [13, 26]
    assert periods_ending([week - WEEK, week + WEEK], schedule, rule) == []
    assert periods_ending([FIRST_WEEK], schedule, rule) == []


def test_the_calendar_in_the_words_of_triage() -> None:
    found = temporal_config(Schedule(update_weeks=13, training_window_weeks=156), ValidationRule())
    assert found["model_update_frequency"] == "13week" and found["test_durations"] == ["13week"]
    assert found["max_training_histories"] == ["156week"] and found["test_label_timespans"] == ["1week"]
    assert found["label_start_time"] == "2010-01-04"
