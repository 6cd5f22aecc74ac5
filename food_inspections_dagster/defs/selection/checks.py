"""The chosen model is worth its trouble: better than one feature, and no worse than the choice before."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

from food_inspections_dagster.catalog import SELECTED_MODEL
from food_inspections_dagster.io_managers.documents import WeeklyDocuments
from food_inspections_dagster.orchestration.rules import Verdict, rule


@rule(
    SELECTED_MODEL,
    guards_against="A decision names a candidate with a model and files, or says why there is none: a list made "
    "by no known model could not be explained.",
    expects="every decision names a model with its files, or a reason for none",
    blocking=True,
)
def decision_is_complete(weeks: Sequence[date], selected_model: WeeklyDocuments) -> Verdict:
    """Fail weeks whose decision names no usable model and gives no reason."""
    decisions = selected_model.documents
    wrong = {week: decisions[week]["selected"] for week in weeks if not _is_complete(decisions[week])}
    without = sum(not decisions[week]["selected"] for week in weeks)
    return Verdict(wrong, metadata={"weeks_without_choice": without})


@rule(
    SELECTED_MODEL,
    guards_against="A model that does not beat ranking by one feature is not worth its upkeep (newest week).",
    expects="the chosen model ranks better than the baseline",
)
def better_than_baseline(weeks: Sequence[date], selected_model: WeeklyDocuments) -> Verdict:
    """Fail the newest week where the choice is not shown to be better than the baseline."""
    return _compared(weeks[-1], selected_model.documents[weeks[-1]], "baseline", {"better"})


@rule(
    SELECTED_MODEL,
    guards_against="A new choice must not rank worse than the one it replaces, on the same rows (newest week).",
    expects="the chosen model ranks no worse than the choice of the week before",
)
def not_worse_than_before(weeks: Sequence[date], selected_model: WeeklyDocuments) -> Verdict:
    """Fail the newest week where the choice is shown to be worse than the one before."""
    return _compared(weeks[-1], selected_model.documents[weeks[-1]], "previous", {"better", "no difference shown"})


def _is_complete(decision: Mapping[str, Any]) -> bool:
    if decision["selected"] is None:
        return bool(decision["reasons"])
    groups = {candidate["group"] for candidate in decision["candidates"] if not candidate["excluded"]}
    return decision["selected"] in groups and bool(decision["selected_model_id"]) and bool(decision["files"])


def _compared(week: date, decision: Mapping[str, Any], other: str, wanted: set[str]) -> Verdict:
    comparison, selected = decision[other], decision["selected"]
    if comparison is None:
        # Where nothing is selected the decision says why. The same group as before is no worse than itself; the
        # baseline is not better than itself.
        passed = selected is None or other == "previous" or selected != decision["rule"]["baseline"]
        words = f"{selected or 'nothing'} is selected, and there is no other {other} to compare it with."
        return Verdict({} if passed else {week: words}, words)
    known = {name: value for name, value in comparison["difference"].items() if value is not None}
    metadata = {
        "week": str(week),
        "selected": selected,
        "other": comparison["other"],
        **{f"auc_difference_{name}": known[name] for name in ("value", "low", "high") if name in known},
    }
    passed = comparison["verdict"] in wanted
    return Verdict({} if passed else {week: comparison["verdict"]}, comparison["sentence"], metadata)


RULES = (decision_is_complete, better_than_baseline, not_worse_than_before)
