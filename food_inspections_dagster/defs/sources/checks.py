"""A source that is absent, late or half broken is told, and stops nothing: none of these rules blocks."""

from collections.abc import Mapping, Sequence
from datetime import date, timedelta

import pandas as pd

from food_inspections_dagster.catalog import Rows, Table
from food_inspections_dagster.inspections.source import Source
from food_inspections_dagster.orchestration.rules import Rule, Verdict, rule
from food_inspections_dagster.weeks import WEEK

DROPPED_SHARE = 0.01


def raw_rules(source: Source, entry: Rows) -> tuple[Rule, ...]:
    """Return the rules of a source's raw rows."""
    within = timedelta(days=source.fresh_days or 0)

    @rule(
        entry,
        guards_against="A source that is unreachable, gone or half broken must not stop the list, nor be silently old.",
        expects=f"every data set of {source.name} can be read",
    )
    def source_answers(weeks: Sequence[date], unread: Mapping[str, str]) -> Verdict:
        why = " ".join(f"{dataset} cannot be read: {words}" for dataset, words in unread.items())
        consequence = "Rows that are stored stay, weeks without rows have none, and features of it may be missing."
        return Verdict({weeks[-1]: why} if unread else {}, f"{why} {consequence}" if unread else "")

    @rule(
        entry,
        guards_against="A source that stands still looks like a city where nothing happens.",
        expects=f"the newest rows are at most {within.days} days older than the newest week",
    )
    def source_is_fresh(weeks: Sequence[date], unread: Mapping[str, str], **values: pd.DataFrame) -> Verdict:
        rows = values[entry.asset]
        newest = rows["week"].max() if len(rows) else weeks[0] - WEEK
        fresh = bool(unread) or weeks[-1] - newest <= within
        return Verdict({} if fresh else {weeks[-1]: str(newest)}, metadata={"newest_week_with_rows": str(newest)})

    return (source_answers, source_is_fresh) if source.fresh_days else (source_answers,)


def clean_rules(entry: Table) -> tuple[Rule, ...]:
    """Return the rules of a source's clean table."""

    @rule(
        entry,
        guards_against="Rows that cannot be read are left out: many of them mean that the source has changed.",
        expects=f"at most {DROPPED_SHARE:.0%} of the raw rows are left out",
    )
    def dropped_share(weeks: Sequence[date], raw: pd.DataFrame, dropped: Mapping[str, int]) -> Verdict:
        total = sum(dropped.values())
        share = total / max(1, len(raw))
        reasons = ", ".join(f"{count} with {reason}" for reason, count in dropped.items())
        words = f"{total} of {len(raw)} rows are left out ({share:.2%}): {reasons}." if dropped else ""
        return Verdict(
            {weeks[-1]: words} if share > DROPPED_SHARE else {}, words, {"dropped": total, "dropped_share": share}
        )

    return (dropped_share,)
