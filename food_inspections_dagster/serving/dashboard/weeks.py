"""Which published week a page shows: the one that everybody is shown, or another that the address names."""

from collections.abc import Sequence
from datetime import date

from dash import dcc, html

from food_inspections_dagster.serving.dashboard.parts import choose, day
from food_inspections_dagster.serving.store import Publication, Row
from food_inspections_dagster.weeks import WEEK


def chooser(weeks: Sequence[Row], shown: date | None) -> html.Form | None:
    """Return the choice of a week; nothing where there is only one.

    Args:
        weeks: rows of the question for all published weeks, the newest first.
        shown: of the page; None where it has none.
    """
    if len(weeks) < 2:
        return None
    options = [
        {
            "label": f"{day(row['week'] + WEEK)}{', the present one' if row['is_shown'] else ''}",
            "value": str(row["week"]),
        }
        for row in weeks
    ]
    return html.Form(choose("Week of the list", "page-week", options, shown and str(shown)))


def banner(weeks: Sequence[Row], publication: Publication, path: str) -> html.Section | None:
    """Return what says loudly that a page is not of the present list; nothing where it is."""
    present = next((row["week"] for row in weeks if row["is_shown"]), publication.week)
    if present == publication.week:
        return None
    which = "AN EARLIER LIST. " if publication.week < present else "NOT THE PRESENT LIST. "
    return html.Section(
        [
            html.Strong(which),
            f"This page is of the list for the week of {day(publication.week + WEEK)}, with what was known then. "
            f"The present one is for the week of {day(present + WEEK)}: ",
            dcc.Link("show it", href=path),
            ".",
        ],
        className="shout",
        id="not-present",
        role="alert",
    )
