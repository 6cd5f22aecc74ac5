"""Which weeks of which assets a command wants."""

from datetime import date, datetime

import pytest

from food_inspections_dagster.command_line import run as commands
from food_inspections_dagster.command_line.run import targets, wanted_weeks
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import CHICAGO, FIRST_WEEK, week_range

WEEKS = week_range(FIRST_WEEK, date(2010, 3, 1))


class Portal:
    def __init__(self, first: date, last: date) -> None:
        self.range = first, last

    def date_range(self) -> tuple[date, date]:
        return self.range


@pytest.fixture(autouse=True)
def wednesday(monkeypatch):
    """It is Wednesday, 2010-03-10."""

    class Clock(datetime):
        @classmethod
        def now(cls, tz=None):
            return datetime(2010, 3, 10, 12, tzinfo=CHICAGO)

    monkeypatch.setattr(commands, "datetime", Clock)


@pytest.mark.parametrize(
    ("held", "bounds", "expected"),
    [
        ((date(2010, 1, 5), date(2010, 3, 9)), (None, None), (date(2010, 1, 4), date(2010, 3, 1))),
        ((date(2009, 12, 30), date(2010, 2, 3)), (None, None), (date(2010, 1, 4), date(2010, 2, 1))),
        (
            (date(2010, 1, 5), date(2010, 3, 9)),
            (date(2010, 2, 1), date(2010, 2, 8)),
            (date(2010, 2, 1), date(2010, 2, 8)),
        ),
        ((date(2010, 1, 5), date(2010, 3, 9)), (date(2010, 2, 22), None), (date(2010, 2, 22), date(2010, 3, 1))),
    ],
    ids=["to the newest complete week", "as far as the portal goes", "bounded", "from a week on"],
)
def test_weeks_are_those_that_the_portal_holds_within_the_bounds(held, bounds, expected):
    assert wanted_weeks(Portal(*held), *bounds) == week_range(*expected)


@pytest.mark.parametrize(
    ("bounds", "words"),
    [
        ((None, date(2010, 3, 8)), "TO=2010-03-08 lies after the portal's newest complete week: use 2010-03-01"),
        ((date(2010, 3, 8), None), "No week lies between 2010-03-08 and 2010-03-01"),
        ((date(2010, 2, 8), date(2010, 2, 1)), "No week lies between 2010-02-08 and 2010-02-01"),
    ],
)
def test_bounds_that_leave_nothing_are_refused(bounds, words):
    with pytest.raises(FoodInspectionsError, match=words):
        wanted_weeks(Portal(date(2010, 1, 5), date(2010, 3, 9)), *bounds)


def test_every_asset_wants_every_week_and_the_list_the_newest():
    wanted = targets(load_settings(), WEEKS)
    assert wanted["scores"] == WEEKS[-1:]
    assert {tuple(weeks) for name, weeks in wanted.items() if name != "scores"} == {tuple(WEEKS)}
    assert len(wanted) == len(commands.defs.resolve_asset_graph().get_all_asset_keys())


def test_the_number_of_lists_is_a_setting(monkeypatch):
    monkeypatch.setenv("FOOD_INSPECTIONS__SCORES__RUN_WEEKS", "3")
    assert targets(load_settings(), WEEKS)["scores"] == WEEKS[-3:]


def test_until_wants_a_stage_and_what_it_needs():
    wanted = targets(load_settings(), WEEKS, "feature_matrix")
    assert set(wanted) == {"raw_inspections", "inspections", "violations", "feature_matrix"}
    with pytest.raises(FoodInspectionsError, match=r"'feature_matrx' is no stage: use one of .*feature_matrix"):
        targets(load_settings(), WEEKS, "feature_matrx")
