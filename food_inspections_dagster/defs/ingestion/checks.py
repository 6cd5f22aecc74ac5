"""What was stored is what the portal holds, whole and in the columns that cleaning needs."""

import io
from collections.abc import Iterator
from datetime import timedelta

import dagster as dg
import pyarrow.parquet as pq

from food_inspections_dagster.asset_checks import verdict, weeks_checked
from food_inspections_dagster.inspections.cleaning import NEEDED_COLUMNS
from food_inspections_dagster.resources.object_store import ObjectStore
from food_inspections_dagster.resources.portal import PortalClient, compare_schema
from food_inspections_dagster.weeks import WEEK

ASSET = "raw_inspections"
WARN = dg.AssetCheckSeverity.WARN
# Inspectors do not work from Christmas to New Year's Day; a longer silence is a portal that stands still.
FRESHNESS_DAYS = 12


def raw_key(week: object) -> str:
    """Return the key of a week's object."""
    return f"raw/inspections/week={week}/rows.parquet"


@dg.multi_asset_check(
    name="raw_inspections_checks",
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
) -> Iterator[dg.AssetCheckResult]:
    weeks = weeks_checked(context)
    stored = objects.get_many([raw_key(week) for week in weeks])
    files = {
        week: pq.ParquetFile(io.BytesIO(stored[raw_key(week)])) for week in weeks if raw_key(week) in stored
    }
    sizes = {week: len(stored.get(raw_key(week), b"")) for week in weeks}
    rows = {week: file.metadata.num_rows for week, file in files.items()}

    small = {week: f"{size} bytes" for week, size in sizes.items() if size < objects.min_object_bytes}
    yield verdict(
        ASSET,
        "object_size",
        small,
        f"every week's object is at least {objects.min_object_bytes} bytes",
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

    received = {week: set(file.schema_arrow.names) for week, file in files.items()}
    # A column that is empty in a whole week is missing from its rows: the portal sends no absent values.
    seen = set().union(*received.values())
    missing = sorted(NEEDED_COLUMNS - seen) if sum(rows.values()) else []
    yield verdict(
        ASSET,
        "needed_columns",
        dict.fromkeys(weeks[-1:], missing) if missing else [],
        f"the columns {', '.join(sorted(NEEDED_COLUMNS))} are there",
        {"missing": ", ".join(missing) or "none"},
    )

    drift = compare_schema(portal.schema())
    yield dg.AssetCheckResult(
        asset_key=ASSET,
        check_name="schema_drift",
        passed=not drift,
        severity=WARN,
        description=str(drift) if drift else "The portal's columns are the known ones.",
        metadata={"new": drift.new, "missing": drift.missing, "retyped": drift.retyped},
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
