"""No row is lost, none is doubled, and nothing is mapped in silence."""

from collections.abc import Iterator

import dagster as dg

from food_inspections_dagster.defs.ingestion.checks import raw_footers
from food_inspections_dagster.inspections import vocabulary
from food_inspections_dagster.orchestration.rules import by_week, verdict, weeks_checked
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.resources.object_store import ObjectStore

WARN = dg.AssetCheckSeverity.WARN
REJECTED_SHARE = 0.01  # the real portal rejects well below one row in a thousand
UNMATCHED_SHARE = 0.02

_ROWS = """
    select week, sum(clean) as clean, sum(rejected) as rejected from (
        select week, 1 as clean, 0 as rejected from clean.inspections
        union all select week, 0, 1 from clean.rejected_inspections
    ) as rows where week between %(first)s and %(last)s group by week
"""
_REPEATED = """
    select min(week) as week, inspection_id, count(*) as times from clean.inspections
    where inspection_id in (select inspection_id from clean.inspections where week between %(first)s and %(last)s)
    group by inspection_id having count(*) > 1
"""
_WRONG_WEEK = """
    select week, count(*) as rows from clean.inspections
    where week between %(first)s and %(last)s and (inspection_date < week or inspection_date >= week + 7)
    group by week
"""
_VIOLATIONS = """
    select coalesce(i.week, v.week) as week, count(*) as inspections
    from (select week, inspection_id, violation_count from clean.inspections
          where week between %(first)s and %(last)s) as i
    full join (select week, inspection_id, count(*) as parsed from clean.violations
          where week between %(first)s and %(last)s group by week, inspection_id) as v
    using (week, inspection_id)
    where coalesce(v.parsed, 0) is distinct from i.violation_count group by 1
"""
_SPELLINGS = """
    select facility_type_raw, inspection_type_raw, max(week) as week, count(*) as rows from clean.inspections
    where week between %(first)s and %(last)s group by facility_type_raw, inspection_type_raw
"""
_REASONS = """
    select reason, count(*) as rows from clean.rejected_inspections
    where week between %(first)s and %(last)s group by reason order by rows desc, reason
"""


@dg.multi_asset_check(
    name="inspections_checks",
    specs=[
        dg.AssetCheckSpec(
            "row_conservation",
            asset="inspections",
            blocking=True,
            description="A pipeline on these data lost 1.6 % of its rows on a null name: here every portal row "
            "is an inspection or a rejected row with its reason.",
        ),
        dg.AssetCheckSpec(
            "unique_ids",
            asset="inspections",
            blocking=True,
            description="An inspection whose date was corrected moves to another week and must leave its old one.",
        ),
        dg.AssetCheckSpec(
            "dates_within_week",
            asset="inspections",
            blocking=True,
            description="A row in the wrong week would be seen before it happened.",
        ),
        dg.AssetCheckSpec(
            "vocabulary",
            asset="inspections",
            description="An unmatched spelling becomes 'Other': a bias audit once named a group that matched no row.",
        ),
        dg.AssetCheckSpec(
            "counts_match",
            asset="violations",
            blocking=True,
            description="Every violation belongs to an inspection of its week, which counts as many.",
        ),
        dg.AssetCheckSpec(
            "rejected_share",
            asset="rejected_inspections",
            description="A new way of writing dates or violations on the portal shows as a wave of rejections.",
        ),
    ],
)
def inspections_checks(
    context: dg.AssetCheckExecutionContext, database: Database, objects: ObjectStore
) -> Iterator[dg.AssetCheckResult]:
    weeks = weeks_checked(context)
    bounds = {"first": weeks[0], "last": weeks[-1]}
    rows = database.query(_ROWS, bounds)
    clean, rejected = by_week(rows, "clean"), by_week(rows, "rejected")
    raw = {week: footer.metadata.num_rows for week, footer in raw_footers(objects, weeks).items()}
    lost = {
        week: f"{raw.get(week)} raw, {clean.get(week, 0)} clean, {rejected.get(week, 0)} rejected"
        for week in weeks
        if raw.get(week) != clean.get(week, 0) + rejected.get(week, 0)
    }
    yield verdict(
        "inspections",
        "row_conservation",
        lost,
        "raw rows = inspections + rejected rows (exact duplicates among them)",
        {
            "raw": sum(raw.values()),
            "clean": int(sum(clean.values())),
            "rejected": int(sum(rejected.values())),
        },
    )

    repeated = database.query(_REPEATED, bounds)
    yield verdict(
        "inspections",
        "unique_ids",
        by_week(repeated, "inspection_id"),
        "an inspection_id stands in one week only; load the named weeks again",
        {"repeated_ids": len(repeated)},
    )

    strangers = database.query(_WRONG_WEEK, bounds)
    yield verdict(
        "inspections",
        "dates_within_week",
        by_week(strangers, "rows"),
        "inspection_date lies in [week, week + 7 days)",
    )

    spellings = database.query(_SPELLINGS, bounds)
    unmatched = vocabulary.unmatched_values(spellings)
    unknown = spellings["facility_type_raw"].isin(unmatched["value"]) | spellings["inspection_type_raw"].isin(
        unmatched["value"]
    )
    share = float(spellings.loc[unknown, "rows"].sum()) / max(1.0, float(spellings["rows"].sum()))
    yield dg.AssetCheckResult(
        asset_key="inspections",
        check_name="vocabulary",
        passed=share <= UNMATCHED_SHARE,
        severity=WARN,
        description=f"{share:.2%} of the rows are of a type or visit that is not in the vocabulary.",
        metadata={
            "unmatched_share": share,
            "spellings": ", ".join(sorted(unmatched["value"])[:50]) or "none",
        },
    )

    yield verdict(
        "violations",
        "counts_match",
        by_week(database.query(_VIOLATIONS, bounds), "inspections"),
        "each inspection counts the violations that were parsed from it",
    )

    reasons = database.query(_REASONS, bounds)
    many = {
        week: f"{rejected[week]} of {raw.get(week)}"
        for week in weeks
        if rejected.get(week, 0) > max(2, REJECTED_SHARE * raw.get(week, 0))
    }
    yield verdict(
        "rejected_inspections",
        "rejected_share",
        many,
        f"at most {REJECTED_SHARE:.0%} of a week's rows are rejected",
        {"reasons": dg.MetadataValue.json(dict(zip(reasons["reason"], map(int, reasons["rows"]), strict=True)))},
        severity=WARN,
    )
