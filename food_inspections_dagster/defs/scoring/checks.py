"""The list is whole: everybody who is in business, once, with a probability."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from food_inspections_dagster.catalog import SCORES
from food_inspections_dagster.inspections import cohorts
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.scoring import NO_REASON
from food_inspections_dagster.orchestration.rules import Rule, Verdict, rule
from food_inspections_dagster.weeks import WEEK

EXPLAINED_RANKS = 1_000
SILENT_SHARE = 0.05
RANKS = ("rank", "expected_find_rank", "own_risk_rank")


def rules(window_days: int, labels: Sequence[str]) -> tuple[Rule, ...]:
    """Return the rules of the lists over a cohort, one list for each label."""

    @rule(
        SCORES,
        guards_against="Two establishments of one rank, or a gap, would be planned twice or never.",
        expects="ranks run from 1 to the number of establishments",
        blocking=True,
    )
    def ranks(scores: pd.DataFrame) -> Mapping[date, object]:
        uneven: dict[date, object] = {}
        for name in RANKS:
            ranks = scores.groupby(["week", "label"])[name].agg(["size", "nunique", "min", "max"]).reset_index()
            wrong = ranks[(ranks["nunique"] != ranks["size"]) | (ranks["min"] != 1) | (ranks["max"] != ranks["size"])]
            pairs = zip(wrong["week"], wrong["label"], wrong["size"], strict=True)
            uneven |= {week: f"{name} of {label}: {size} places" for week, label, size in pairs}
        return uneven

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
        listed = {key: set(rows) for key, rows in scores.groupby(["week", "label"])["establishment_id"]}
        failing: dict[date, object] = {}
        newest: dict[str, Any] = {}
        for week in weeks:
            cohort = cohorts.active_establishments(inspections, week + WEEK, window_days, business_licenses)
            active = set(cohort["establishment_id"])
            for label in labels:
                selected = selected_model.documents[week]["labels"].get(label, {}).get("selected")
                wanted, on_it = active if selected else set(), listed.get((week, label), set())
                if wanted != on_it:
                    failing[week] = f"{label}: {len(wanted - on_it)} missing, {len(on_it - wanted)} too many"
                newest[label] = selected or "none"
        newest["establishments"] = max((len(listed.get((weeks[-1], label), ())) for label in labels), default=0)
        return Verdict(failing, metadata=newest)

    @rule(
        SCORES,
        guards_against="A place on the list that nobody can explain will not be trusted.",
        expects=f"the first places, {EXPLAINED_RANKS:,} at most, are explained, and in {1 - SILENT_SHARE:.0%} of them "
        "something stands out",
    )
    def reasons(scores: pd.DataFrame) -> Mapping[date, object]:
        asked = {group: _explained(str(group)) for group in scores["model_group"].unique()}
        first = scores[scores["rank"] <= scores["model_group"].map(asked)]
        failing: dict[Any, object] = {}
        for (week, label), places in first.groupby(["week", "label"]):
            missing, silent = int(places["reason_1"].isna().sum()), int((places["reason_1"] == NO_REASON).sum())
            if missing or silent > SILENT_SHARE * len(places):
                failing[week] = f"{label}: of {len(places)} places {missing} without words, {silent} with no reason"
        return failing

    return ranks, cohort_complete, reasons


def _explained(model_group: str) -> int:
    algorithm = ALGORITHMS.get(model_group.split("[")[0])
    return min(EXPLAINED_RANKS, (algorithm and algorithm.explained_ranks) or EXPLAINED_RANKS)
