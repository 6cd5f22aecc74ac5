"""What `food-inspections publish` does: shows readers another published week."""

from datetime import date
from getpass import getuser

from rich.console import Console
from rich.markup import escape

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.publications import Publications
from food_inspections_dagster.weeks import WEEK


def publish(console: Console, database: Database, week: date | None, rollback: bool, why: str, who: str = "") -> None:
    """Move the pointer to a week, or back to the one before, and say what readers see; say so only where neither.

    Raises:
        FoodInspectionsError: for a week that was not published, no week to go back to, or both asked for.
    """
    publications = Publications(database)
    if week is not None and rollback:
        raise FoodInspectionsError("--week and --rollback name two weeks: use one of them.")
    who = who or getuser()
    if rollback:
        publications.rollback(who, why)
    elif week is not None:
        publications.select(week, who, why)
    seen = publications.published()
    if seen is None:
        console.print("Nothing is published yet: make run makes and publishes the newest list.")
        return
    others = [str(one) for one in publications.weeks() if one != seen.week]
    console.print(f"Readers see the list for the week of {seen.week + WEEK} (week {seen.week} has ended).")
    if others:
        console.print(escape(f"Published too: {', '.join(others[-10:])}."), soft_wrap=True)
