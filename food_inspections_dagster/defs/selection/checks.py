"""The chosen model is worth its trouble: better than one feature."""

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
    decisions = {week: selected_model.documents[week]["labels"] for week in weeks}
    wrong = {
        week: ", ".join(f"{label}: {decision['selected']}" for label, decision in faulty.items())
        for week, of_week in decisions.items()
        if (faulty := {label: decision for label, decision in of_week.items() if not _is_complete(decision)})
    }
    without = sum(not any(decision["selected"] for decision in of_week.values()) for of_week in decisions.values())
    return Verdict(wrong, metadata={"weeks_without_choice": without})


@rule(
    SELECTED_MODEL,
    guards_against="A model that does not beat ranking by one feature is not worth its upkeep (newest week).",
    expects="the chosen models rank better than the baseline",
)
def better_than_baseline(weeks: Sequence[date], selected_model: WeeklyDocuments) -> Verdict:
    """Fail the newest week where a choice is not shown to be better than the baseline."""
    sentences: list[str] = []
    metadata: dict[str, float] = {}
    failing = False
    for label, decision in selected_model.documents[weeks[-1]]["labels"].items():
        comparison, selected = decision["baseline"], decision["selected"]
        if comparison is None:
            # Where nothing is selected the decision says why. The baseline is not better than itself.
            failing = failing or selected == decision["rule"]["baseline"]
            sentences.append(f"{label}: {selected or 'nothing'} is selected, and there is no other to compare it with.")
            continue
        failing = failing or comparison["verdict"] != "better"
        sentences.append(f"{label}: {comparison['sentence']}")
        known = {name: value for name, value in comparison["difference"].items() if value is not None}
        metadata |= {f"{label}_auc_gain_{name}": known[name] for name in ("value", "low", "high") if name in known}
    words = " ".join(sentences)
    return Verdict({weeks[-1]: words} if failing else {}, words, metadata)


def _is_complete(decision: Mapping[str, Any]) -> bool:
    if decision["selected"] is None:
        return bool(decision["reasons"])
    groups = {candidate["group"] for candidate in decision["candidates"] if not candidate["excluded"]}
    return decision["selected"] in groups and bool(decision["selected_model_id"]) and bool(decision["files"])


RULES = (decision_is_complete, better_than_baseline)
