"""The list is whole: everybody who is in business, once, with a probability."""

from collections.abc import Mapping, Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster.catalog import SCORES
from food_inspections_dagster.frames import rows_per_week
from food_inspections_dagster.inspections import cohorts
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.orchestration.rules import Rule, Verdict, rule
from food_inspections_dagster.weeks import WEEK

EXPLAINED_RANKS = 1_000


def rules(window_days: int) -> tuple[Rule, ...]:
    """Return the rules of a list over a cohort."""

    @rule(
        SCORES,
        guards_against="Two establishments of one rank, or a gap, would be planned twice or never.",
        expects="ranks run from 1 to the number of establishments",
        blocking=True,
    )
    def ranks(scores: pd.DataFrame) -> Mapping[date, object]:
        ranks = scores.groupby("week")["rank"].agg(["size", "nunique", "min", "max"])
        uneven = ranks[(ranks["nunique"] != ranks["size"]) | (ranks["min"] != 1) | (ranks["max"] != ranks["size"])]
        return dict(zip(uneven.index, uneven["size"], strict=True))

    @rule(
        SCORES,
        guards_against="An active establishment that is missing from the list would never be inspected because of it.",
        expects="every active establishment is on the list, and nobody else",
        blocking=True,
    )
    def cohort_complete(
        weeks: Sequence[date],
        inspections: pd.DataFrame,
        selected_model: WeeklyDocuments,
        scores: pd.DataFrame,
        business_licenses: pd.DataFrame | None = None,
    ) -> Verdict:
        listed = {week: set(rows) for week, rows in scores.groupby("week")["establishment_id"]}
        failing: dict[date, object] = {}
        for week in weeks:
            cohort = cohorts.active_establishments(inspections, week + WEEK, window_days, business_licenses)
            active = cohort["establishment_id"]
            wanted = set(active) if selected_model.documents[week]["selected"] else set()
            on_it = listed.get(week, set())
            if wanted != on_it:
                failing[week] = f"{len(wanted - on_it)} missing, {len(on_it - wanted)} too many"
        newest = weeks[-1]
        metadata = {
            "establishments": len(listed.get(newest, ())),
            "model": selected_model.documents[newest]["selected"] or "none",
        }
        return Verdict(failing, metadata=metadata)

    @rule(
        SCORES,
        guards_against="A place on the list that nobody can explain will not be trusted.",
        expects=f"each of the first {EXPLAINED_RANKS:,} places has a reason",
    )
    def reasons(scores: pd.DataFrame) -> Mapping[date, object]:
        unexplained = scores[scores["reason_1"].isna() & (scores["rank"] <= EXPLAINED_RANKS)]
        weeks = sorted(unexplained["week"].unique())
        return {week: f"{rows} places" for week, rows in rows_per_week(unexplained, weeks).items()}

    return ranks, cohort_complete, reasons
