"""The chosen model is worth its trouble: better than one feature, and no worse than the choice before."""

from collections.abc import Iterator
from datetime import date
from typing import Any

import dagster as dg
import orjson

from food_inspections_dagster.orchestration.rules import verdict, weeks_checked
from food_inspections_dagster.resources.object_store import ObjectStore

ASSET = "selected_model"
WARN = dg.AssetCheckSeverity.WARN


@dg.multi_asset_check(
    name="selected_model_checks",
    specs=[
        dg.AssetCheckSpec(
            "decision_is_complete",
            asset=ASSET,
            blocking=True,
            description="A decision names a candidate with a model and files, or says why there is none: a list made "
            "by no known model could not be explained.",
        ),
        dg.AssetCheckSpec(
            "better_than_baseline",
            asset=ASSET,
            description="A model that does not beat ranking by one feature is not worth its upkeep (newest week).",
        ),
        dg.AssetCheckSpec(
            "not_worse_than_before",
            asset=ASSET,
            description="A new choice must not rank worse than the one it replaces, on the same rows (newest week).",
        ),
    ],
)
def selected_model_checks(
    context: dg.AssetCheckExecutionContext, objects: ObjectStore
) -> Iterator[dg.AssetCheckResult]:
    weeks = weeks_checked(context)
    texts = objects.get_many(f"models/{ASSET}/week={week}/decision.json" for week in weeks)
    decisions = dict(zip(weeks, map(orjson.loads, texts.values()), strict=True))
    yield verdict(
        ASSET,
        "decision_is_complete",
        {week: decision["selected"] for week, decision in decisions.items() if not _is_complete(decision)},
        "every decision names a model with its files, or a reason for none",
        {"weeks_without_choice": sum(not decision["selected"] for decision in decisions.values())},
    )
    newest = decisions[weeks[-1]]
    yield _compared("better_than_baseline", weeks[-1], newest, "baseline", {"better"})
    yield _compared("not_worse_than_before", weeks[-1], newest, "previous", {"better", "no difference shown"})


def _is_complete(decision: dict[str, Any]) -> bool:
    if decision["selected"] is None:
        return bool(decision["reasons"])
    groups = {candidate["group"] for candidate in decision["candidates"] if not candidate["excluded"]}
    return decision["selected"] in groups and bool(decision["selected_model_id"]) and bool(decision["files"])


def _compared(check: str, week: date, decision: dict[str, Any], other: str, wanted: set[str]) -> dg.AssetCheckResult:
    comparison = decision[other]
    selected = decision["selected"]
    if comparison is None:
        # The same group as before is no worse than itself; the baseline is not better than itself.
        passed = selected is not None and (other == "previous" or selected != decision["rule"]["baseline"])
        said = f"{selected or 'nothing'} is selected, and there is no other {other} to compare it with."
        return dg.AssetCheckResult(asset_key=ASSET, check_name=check, passed=passed, severity=WARN, description=said)
    difference = comparison["difference"]
    return dg.AssetCheckResult(
        asset_key=ASSET,
        check_name=check,
        passed=comparison["verdict"] in wanted,
        severity=WARN,
        description=comparison["sentence"],
        metadata={
            "week": str(week),
            "selected": selected,
            "other": comparison["other"],
            **{f"auc_difference_{name}": difference[name] for name in ("value", "low", "high")},
        },
    )
