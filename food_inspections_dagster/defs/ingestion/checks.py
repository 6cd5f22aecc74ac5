"""What was stored is what the portal holds, whole and in the columns that cleaning needs."""

import io
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from datetime import date, timedelta

import dagster as dg
import pyarrow as pa
import pyarrow.parquet as pq

from food_inspections_dagster.defs.ingestion.assets import NETWORK_RETRY
from food_inspections_dagster.inspections.cleaning import NEEDED_COLUMNS
from food_inspections_dagster.orchestration.rules import verdict, weeks_checked
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.portal import PortalClient, compare_schema
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import WEEK

ASSET = "raw_inspections"
WARN = dg.AssetCheckSeverity.WARN
# Inspectors do not work from Christmas to New Year's Day; a longer silence is a portal that stands still.
FRESHNESS_DAYS = 12
# A few rows may all lack an alias; so many that lack it mean that the portal lists the column and sends it no more.
ROWS_WITH_EVERY_COLUMN = 200


# What the portal publishes, by name and Socrata's type. Computed regions come and go and are not listed; zip has been
# a number and a text.
PORTAL_COLUMNS = {
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


def _key(week: date) -> str:
    return f"raw/inspections/week={week}/rows.parquet"


def raw_footers(objects: ObjectStore, weeks: Sequence[date]) -> dict[date, pq.ParquetFile]:
    """Return the stored object of each week that has a whole one, of which only the footer is read."""
    keys = {week: _key(week) for week in weeks}
    there = objects.list_objects("raw/inspections")
    stored = objects.get_many(key for key in keys.values() if key in there)
    footers = {}
    for week, key in keys.items():
        # An object that was cut off has no footer: the checks name its week, as they do where there is none.
        with suppress(KeyError, pa.ArrowInvalid):
            footers[week] = pq.ParquetFile(io.BytesIO(stored[key]))
    return footers


def columns_received(footers: Iterable[pq.ParquetFile], with_values: bool) -> set[str]:
    """Return the columns that are stored, or only those of them that hold at least one value."""
    if not with_values:
        return set().union(*(footer.schema_arrow.names for footer in footers))
    found = set()
    for metadata in (footer.metadata for footer in footers):
        for group in map(metadata.row_group, range(metadata.num_row_groups)):
            for column in map(group.column, range(group.num_columns)):
                if column.statistics is None or column.statistics.null_count < group.num_rows:
                    found.add(column.path_in_schema)
    return found


@dg.multi_asset_check(
    name="raw_inspections_checks",
    retry_policy=NETWORK_RETRY,
    specs=[
        dg.AssetCheckSpec(
            "object_size",
            asset=ASSET,
            blocking=True,
            description="An upload that was cut off must not be read as a week without inspections.",
        ),
        dg.AssetCheckSpec(
            "portal_count",
            asset=ASSET,
            blocking=True,
            description="Paging without a total order has lost and doubled rows: the portal's own count decides.",
        ),
        dg.AssetCheckSpec(
            "needed_columns",
            asset=ASSET,
            blocking=True,
            description="The portal renamed columns before (license_): without these cleaning cannot work.",
        ),
        dg.AssetCheckSpec(
            "schema_drift",
            asset=ASSET,
            description="New, missing or retyped columns are no fault, but somebody should look at them.",
        ),
        dg.AssetCheckSpec(
            "undated_rows",
            asset=ASSET,
            description="A row without inspection_date belongs to no week and is never loaded: somebody should know.",
        ),
        dg.AssetCheckSpec(
            "freshness",
            asset=ASSET,
            description="The portal once stood still for weeks: the newest week must hold recent inspections.",
        ),
    ],
)
def raw_inspections_checks(
    context: dg.AssetCheckExecutionContext,
    objects: ObjectStore,
    portal: PortalClient,
    settings: dg.ResourceParam[Settings],
) -> Iterator[dg.AssetCheckResult]:
    weeks = weeks_checked(context)
    minimum = settings.storage.min_object_bytes
    footers = raw_footers(objects, weeks)
    there = objects.list_objects("raw/inspections")
    sizes = {week: there.get(_key(week), 0) for week in weeks}
    rows = {week: footer.metadata.num_rows for week, footer in footers.items()}

    small = {week: f"{size} bytes" for week, size in sizes.items() if size < minimum}
    yield verdict(
        ASSET,
        "object_size",
        small,
        f"every week's object is at least {minimum} bytes",
        {"bytes": sum(sizes.values()), "smallest_bytes": min(sizes.values())},
    )

    counts = portal.week_counts(weeks[0], weeks[-1])
    differing = {
        week: f"stored {rows.get(week)}, portal {counts.get(week, 0)}"
        for week in weeks
        if rows.get(week) != counts.get(week, 0)
    }
    yield verdict(
        ASSET,
        "portal_count",
        differing,
        "stored rows equal the portal's count; load the weeks again where they do not",
        {"rows": sum(rows.values()), "portal_rows": sum(counts.get(week, 0) for week in weeks)},
    )

    received = columns_received(footers.values(), with_values=sum(rows.values()) >= ROWS_WITH_EVERY_COLUMN)
    missing = sorted(set(NEEDED_COLUMNS) - received) if any(rows.values()) else []
    yield verdict(
        ASSET,
        "needed_columns",
        dict.fromkeys(weeks[-1:], missing) if missing else [],
        f"the columns {', '.join(NEEDED_COLUMNS)} are there",
        {"missing": ", ".join(missing) or "none"},
    )

    columns = {name: kind for name, kind in portal.schema().items() if not name.startswith(":")}
    known = {**PORTAL_COLUMNS, **{name: columns.get(name, "any type") for name in UNTYPED_COLUMNS}}
    drift = compare_schema(known, columns)
    found = [
        *(f"new column {name}" for name in drift.new),
        *(f"no column {name}" for name in drift.missing),
        *(f"{name} is {now} and was {before}" for name, (before, now) in drift.retyped.items()),
    ]
    yield dg.AssetCheckResult(
        asset_key=ASSET,
        check_name="schema_drift",
        passed=not found,
        severity=WARN,
        description="; ".join(found) or "The portal's columns are the known ones.",
        metadata={"new": len(drift.new), "missing": len(drift.missing), "retyped": len(drift.retyped)},
    )

    undated = portal.undated_rows()
    yield dg.AssetCheckResult(
        asset_key=ASSET,
        check_name="undated_rows",
        passed=undated == 0,
        severity=WARN,
        description=f"{undated} rows of the portal have no inspection_date, so no week holds them.",
        metadata={"rows": undated},
    )

    newest = max((week for week in weeks if rows.get(week)), default=None)
    behind = weeks[-1] + WEEK - (newest or weeks[0])
    yield verdict(
        ASSET,
        "freshness",
        [] if newest and behind <= WEEK + timedelta(days=FRESHNESS_DAYS) else weeks[-1:],
        f"the newest inspections are at most {FRESHNESS_DAYS} days older than the newest week",
        {"newest_week_with_rows": str(newest)},
        severity=WARN,
    )
