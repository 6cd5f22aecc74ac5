"""How a check over a range speaks: one result for all weeks, and the weeks that fail by name.

In a range one evaluation stands for the whole range and carries no partition (dagster 1.13), so a check that
did not name its weeks would leave a person with 880 of them to look through.
"""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import dagster as dg
import pandas as pd

from food_inspections_dagster.weeks import parse_week, week_range


def weeks_checked(context: dg.AssetCheckExecutionContext) -> list[date]:
    """Return the weeks of the run that a check belongs to, ascending."""
    keys = context.op_execution_context.partition_key_range
    return week_range(parse_week(keys.start), parse_week(keys.end))


def names(weeks: Sequence[date], at_most: int = 20) -> str:
    """Return weeks as text, the first ``at_most`` by name."""
    listed = [week.isoformat() for week in weeks[:at_most]]
    more = f" and {len(weeks) - at_most} more" if len(weeks) > at_most else ""
    return (", ".join(listed) + more) or "none"


def by_week(rows: pd.DataFrame, column: str) -> dict[date, Any]:
    """Return a column of query results by their week."""
    return dict(zip(rows["week"], rows[column], strict=True))


def verdict(
    asset: str,
    check: str,
    failing: Mapping[date, object] | Sequence[date],
    rule: str,
    metadata: Mapping[str, Any] | None = None,
    severity: dg.AssetCheckSeverity = dg.AssetCheckSeverity.ERROR,
) -> dg.AssetCheckResult:
    """Return a check's result.

    Args:
        failing: the weeks that break the rule, with what was found there where that is known.
        rule: what must be true, as a clause, such as "every week's object is at least 512 bytes".
    """
    weeks = sorted(failing)
    found = {w.isoformat(): failing[w] for w in weeks[:20]} if isinstance(failing, Mapping) else {}
    return dg.AssetCheckResult(
        asset_key=asset,
        check_name=check,
        passed=not weeks,
        severity=severity,
        description=rule if not weeks else f"Not so for {names(weeks, 5)}: {rule}.",
        metadata={
            "weeks_failing": len(weeks),
            "failing": dg.MetadataValue.text(names(weeks)),
            **({"found": dg.MetadataValue.json({k: str(v) for k, v in found.items()})} if found else {}),
            **(metadata or {}),
        },
    )
