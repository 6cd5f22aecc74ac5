"""What was stored is what the portal holds, whole and in the columns that cleaning needs."""

from collections.abc import Sequence
from datetime import date, timedelta

import numpy as np
import pandas as pd

from food_inspections_dagster.catalog import RAW_INSPECTIONS
from food_inspections_dagster.frames import days
from food_inspections_dagster.inspections.received import NEEDED_COLUMNS
from food_inspections_dagster.orchestration.rules import Rule, Verdict, rule
from food_inspections_dagster.resources.portal import PortalClient, compare_schema
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.weeks import WEEK

# Inspectors do not work from Christmas to New Year's Day; a longer silence is a portal that stands still.
FRESHNESS_DAYS = 12
# A few rows may all lack an alias; so many that lack it mean that the portal lists the column and sends it no more.
# A common week of the City has 300 rows, the quietest ones a few dozen.
ROWS_WITH_EVERY_COLUMN = 100
# What no row can do without: a single one that lacks it is rejected, a week of them is a fault of the source.
IN_EVERY_ROW = frozenset({"inspection_id", "inspection_date", "results", ":id", ":updated_at"})
# What the portal publishes, by name and Socrata's type. Computed regions come and go and are not listed; zip has been
# a number and a text.
PUBLISHED_TYPES = {
    **dict.fromkeys(("inspection_id", "license_", "latitude", "longitude"), "number"),
    **dict.fromkeys(
        (
            *("dba_name", "aka_name", "facility_type", "risk", "address", "city", "state"),
            *("inspection_type", "results", "violations"),
        ),
        "text",
    ),
    "inspection_date": "calendar_date",
}
UNTYPED_COLUMNS = {"zip", "location"}


@rule(
    RAW_INSPECTIONS,
    guards_against="The portal renamed columns before (license_): without these cleaning cannot work.",
    expects=f"the columns {', '.join(NEEDED_COLUMNS)} are there",
    blocking=True,
)
def needed_columns(weeks: Sequence[date], raw_inspections: pd.DataFrame) -> Verdict:
    """Fail each week that has rows and not one value of a column: of one that every row has, or in many rows.

    The client keeps every column that the portal publishes, so a column that it sends no more is there and empty.
    """
    if raw_inspections.empty:
        return Verdict()
    absent = set(NEEDED_COLUMNS) - set(raw_inspections.columns)
    mondays, number = np.unique(days(raw_inspections["week"]), return_inverse=True)
    rows = np.bincount(number)
    lacking: dict[date, set[str]] = {monday: set(absent) for monday in mondays.tolist()}
    for name in sorted(set(NEEDED_COLUMNS) - absent - {"week"}):
        values = np.bincount(number[raw_inspections[name].notna().to_numpy()], minlength=len(mondays))
        many = ROWS_WITH_EVERY_COLUMN if name not in IN_EVERY_ROW else 1
        never = not values.any() and rows.sum() >= many
        for monday in mondays[(values == 0) & (never | (rows >= many))].tolist():
            lacking[monday].add(name)
    failing = {week: ", ".join(sorted(names)) for week, names in lacking.items() if names}
    return Verdict(failing, metadata={"missing": ", ".join(sorted(set().union(*lacking.values()))) or "none"})


@rule(
    RAW_INSPECTIONS,
    guards_against="The portal once stood still for weeks: the newest week must hold recent inspections.",
    expects=f"the newest inspections are at most {FRESHNESS_DAYS} days older than the newest week",
)
def freshness(weeks: Sequence[date], raw_inspections: pd.DataFrame) -> Verdict:
    """Fail the newest week where the rows end long before it."""
    newest = raw_inspections["week"].max() if len(raw_inspections) else None
    behind = weeks[-1] + WEEK - (newest or weeks[0])
    fresh = newest is not None and behind <= WEEK + timedelta(days=FRESHNESS_DAYS)
    return Verdict({} if fresh else {weeks[-1]: str(newest)}, metadata={"newest_week_with_rows": str(newest)})


@rule(
    RAW_INSPECTIONS,
    guards_against="Paging without a total order has lost and doubled rows: the portal's own count decides.",
    expects="stored rows equal the portal's count; load the weeks again where they do not",
    blocking=True,
    of_store=True,
)
def portal_count(weeks: Sequence[date], stored: Stored, portal: PortalClient) -> Verdict:
    """Fail weeks of which another number of rows is stored than the portal counts."""
    rows = {week: footer.metadata.num_rows for week, footer in stored.footers(RAW_INSPECTIONS, weeks).items()}
    counts = portal.week_counts(weeks[0], weeks[-1])
    differing = {
        week: f"stored {rows.get(week)}, portal {counts.get(week, 0)}"
        for week in weeks
        if rows.get(week) != counts.get(week, 0)
    }
    return Verdict(differing, metadata={"rows": sum(rows.values()), "portal_rows": sum(counts.values())})


@rule(
    RAW_INSPECTIONS,
    guards_against="New, missing or retyped columns are no fault, but somebody should look at them.",
    expects="The portal's columns are the known ones.",
    of_store=True,
)
def schema_drift(weeks: Sequence[date], portal: PortalClient) -> Verdict:
    """Fail the newest week where the portal's columns differ from the known ones."""
    columns = {name: kind for name, kind in portal.schema().items() if not name.startswith(":")}
    known = {**PUBLISHED_TYPES, **{name: columns.get(name, "any type") for name in UNTYPED_COLUMNS}}
    drift = compare_schema(known, columns)
    changes = [
        *(f"new column {name}" for name in drift.new),
        *(f"no column {name}" for name in drift.missing),
        *(f"{name} is {now} and was {before}" for name, (before, now) in drift.retyped.items()),
    ]
    counts = {"new": len(drift.new), "missing": len(drift.missing), "retyped": len(drift.retyped)}
    return Verdict({weeks[-1]: "; ".join(changes)} if changes else {}, "; ".join(changes), counts)


@rule(
    RAW_INSPECTIONS,
    guards_against="A row without inspection_date belongs to no week and is never loaded: somebody should know.",
    expects="Every row of the portal has an inspection_date.",
    of_store=True,
)
def undated_rows(weeks: Sequence[date], portal: PortalClient) -> Verdict:
    """Fail the newest week where the portal holds rows without a date."""
    undated = portal.undated_rows()
    words = f"{undated} rows of the portal have no inspection_date, so no week holds them."
    return Verdict({weeks[-1]: undated} if undated else {}, words, {"rows": undated})


def object_size(minimum: int) -> Rule:
    """Return the rule that a week's object is at least so many bytes."""

    @rule(
        RAW_INSPECTIONS,
        guards_against="An upload that was cut off must not be read as a week without inspections.",
        expects=f"every week's object is at least {minimum} bytes",
        blocking=True,
        of_store=True,
    )
    def object_size(weeks: Sequence[date], stored: Stored) -> Verdict:
        sizes = stored.sizes(RAW_INSPECTIONS, weeks)
        small = {week: f"{size} bytes" for week, size in sizes.items() if size < minimum}
        return Verdict(small, metadata={"bytes": sum(sizes.values()), "smallest_bytes": min(sizes.values())})

    return object_size


RULES = (needed_columns, freshness, portal_count, schema_drift, undated_rows)
