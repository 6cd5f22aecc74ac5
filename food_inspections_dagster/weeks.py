"""The calendar of the project: a week is named by its Monday and stands for ``[Monday, Monday + 7 days)``.

Dates are calendar days in America/Chicago, which is how the portal writes ``inspection_date``.
"""

from collections.abc import Iterable
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from food_inspections_dagster.errors import FoodInspectionsError

CHICAGO = ZoneInfo("America/Chicago")
WEEK = timedelta(days=7)
FIRST_WEEK = date(2010, 1, 4)  # the portal's first full week


def monday(day: date) -> date:
    """Return the Monday of the week that holds ``day``."""
    return day - timedelta(days=day.weekday())


def parse_week(text: str) -> date:
    """Read a week's name, ``YYYY-MM-DD`` of a Monday from 2010-01-04 on.

    Raises:
        FoodInspectionsError: for anything else, naming the nearest week.
    """
    try:
        day = date.fromisoformat(text)
    except ValueError:
        raise FoodInspectionsError(
            f"'{text}' is not a week: name a week by the date of its Monday, such as {FIRST_WEEK}."
        ) from None
    if day != monday(day):
        raise FoodInspectionsError(f"{text} is a {day:%A}, and a week is named by its Monday: use {monday(day)}.")
    if day < FIRST_WEEK:
        raise FoodInspectionsError(f"{text} lies before the first week: use {FIRST_WEEK} or a later Monday.")
    return day


def week_range(first: date, last: date) -> list[date]:
    """Return the Mondays from ``first`` to ``last``, both included."""
    return [first + WEEK * i for i in range((last - first).days // 7 + 1)]


def last_complete_week(now: datetime) -> date:
    """Return the newest week that had ended at ``now`` (an aware moment), in Chicago's time."""
    return monday(now.astimezone(CHICAGO).date()) - WEEK


def in_words(weeks: Iterable[date], most: int = 5) -> str:
    """Return weeks as errors name them: ``the week of 2014-01-06``, ``the weeks of …, … and 3 more``."""
    named = [str(week) for week in sorted(set(weeks))]
    rest = f" and {len(named) - most} more" if len(named) > most else ""
    return f"the week{'s' * (len(named) > 1)} of {', '.join(named[:most])}{rest}"
