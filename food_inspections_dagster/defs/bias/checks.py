"""The audit covers everybody, and its verdict is seen."""

from collections.abc import Iterator

import dagster as dg

from food_inspections_dagster.modeling.schemas import OUTSIDE
from food_inspections_dagster.orchestration.rules import by_week, verdict, weeks_checked
from food_inspections_dagster.resources.database import Database

_SIZES = """
    select week, attribute, sum(group_size) as rows from monitoring.bias_verdicts
    where week between %(first)s and %(last)s group by week, attribute
"""
_OUTSIDE = """
    select week, attribute, "group", sentence from monitoring.bias_verdicts
    where week = %(last)s and verdict = %(outside)s and attribute <> 'overall' order by attribute, "group"
"""
_UNSAID = """
    select week, count(*) as groups from monitoring.bias_verdicts
    where week between %(first)s and %(last)s and (sentence is null or sentence = '') group by week
"""


@dg.multi_asset_check(
    name="bias_checks",
    specs=[
        dg.AssetCheckSpec(
            "groups_add_up",
            asset="bias_report",
            blocking=True,
            description="An audit once named a group that matched no row: the groups of each attribute must add up to "
            "all audited rows.",
        ),
        dg.AssetCheckSpec(
            "disparity_within_bounds",
            asset="bias_report",
            description="Warns where a group's false positive or false discovery rate is surely outside the bounds "
            "that were fixed in advance (newest week).",
        ),
        dg.AssetCheckSpec(
            "every_group_has_a_verdict",
            asset="bias_verdicts",
            blocking=True,
            description="A number without a sentence is read as it pleases: every group gets its verdict in words.",
        ),
    ],
)
def bias_checks(context: dg.AssetCheckExecutionContext, database: Database) -> Iterator[dg.AssetCheckResult]:
    weeks = weeks_checked(context)
    bounds = {"first": weeks[0], "last": weeks[-1]}
    sizes = database.query(_SIZES, bounds).pivot(index="week", columns="attribute", values="rows")
    uneven = sizes[sizes.nunique(axis=1) > 1] if len(sizes) else sizes
    yield verdict(
        "bias_report",
        "groups_add_up",
        dict(zip(uneven.index, uneven.to_dict("records"), strict=True)),
        "the groups of each attribute add up to the audited rows",
        {"weeks_audited": len(sizes)},
    )
    outside = database.query(_OUTSIDE, {**bounds, "outside": OUTSIDE})
    yield dg.AssetCheckResult(
        asset_key="bias_report",
        check_name="disparity_within_bounds",
        passed=outside.empty,
        severity=dg.AssetCheckSeverity.WARN,
        description=" ".join(outside["sentence"].head(3)) or "No group is outside the bounds.",
        metadata={
            "groups_outside": len(outside),
            "groups": ", ".join(f"{a} {g}" for a, g in zip(outside["attribute"], outside["group"], strict=True)),
        },
    )
    unsaid = database.query(_UNSAID, bounds)
    yield verdict(
        "bias_verdicts",
        "every_group_has_a_verdict",
        by_week(unsaid, "groups"),
        "every group has its verdict in words",
    )
