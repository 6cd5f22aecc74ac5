"""What has moved, what was promised and did not come, and weeks of which nothing came: each warns, none blocks."""

from collections.abc import Mapping, Sequence
from datetime import date
from typing import Any

import pandas as pd

from food_inspections_dagster.catalog import DRIFT, EVALUATIONS, OUTCOMES
from food_inspections_dagster.modeling.rules import MonitoringRule
from food_inspections_dagster.modeling.schemas import BELOW_PROMISE, DRIFTED
from food_inspections_dagster.orchestration.rules import Rule, Verdict, rule

_NAMED = 3  # the others stand in the table


def rules(monitoring_rule: MonitoringRule) -> tuple[Rule, ...]:
    """Return the rules of the newest week of a run: an older one was looked at when it was the newest."""

    @rule(
        DRIFT,
        guards_against="Warns where scores or inputs are no longer distributed as those that the models were made on: "
        "what they foresee rests on a city that has changed, or on a source that has (newest week).",
        expects=f"no population stability index is above {monitoring_rule.drift_psi:g}, chance, and all that was usual",
    )
    def no_drift(weeks: Sequence[date], drift: pd.DataFrame) -> Verdict:
        moved = drift[(drift["week"] == weeks[-1]) & (drift["verdict"] == DRIFTED)]
        moved = moved.sort_values(["psi", "name"], ascending=[False, True])
        named = [_moved(one) for one in moved.to_dict("records")]
        words = ""
        if named:
            others = f" (and {len(named) - _NAMED} more)" if len(named) > _NAMED else ""
            words = (
                f"{'; '.join(named[:_NAMED])}{others}. Above {monitoring_rule.drift_psi:g} a distribution has moved: "
                "see whether its source still sends what it sent, and if the city has changed, have models fitted "
                "sooner (models.schedule.update_weeks) or on fewer weeks (training_window_weeks)."
            )
        earlier = drift[(drift["week"] < weeks[-1]) & (drift["verdict"] == DRIFTED)]
        metadata = {"moved": len(named), "names": "; ".join(named) or "none", "earlier_rows": len(earlier)}
        return Verdict({weeks[-1]: words} if named else {}, words, metadata)

    @rule(
        OUTCOMES,
        guards_against="Warns where the models in use rank, or their lists hit, surely less well than the validation "
        "that chose them had promised (newest week).",
        expects="AUC and precision at capacity are not surely below what was promised",
    )
    def no_decay(weeks: Sequence[date], outcomes: pd.DataFrame) -> Verdict:
        city = outcomes[(outcomes["subset_kind"] == "all") & (outcomes["verdict"] == BELOW_PROMISE).fillna(False)]
        words = " ".join(_below(one) for one in city[city["week"] == weeks[-1]].to_dict("records"))
        if words:
            words += (
                f" See in {DRIFT} which inputs have moved and in {EVALUATIONS} whether another group does better; "
                "models.schedule.update_weeks has models fitted sooner."
            )
        metadata = {"earlier_weeks": int(city.loc[city["week"] < weeks[-1], "week"].nunique())}
        return Verdict({weeks[-1]: words} if words else {}, words, metadata)

    @rule(
        OUTCOMES,
        guards_against="Warns of a week with a list and without a scheduled inspection: nothing can be learnt from it, "
        "and what looks like calm may be rows that the portal has not published (newest week).",
        expects="scheduled inspections followed the list",
    )
    def no_silence(weeks: Sequence[date], outcomes: pd.DataFrame) -> Verdict:
        city = outcomes[outcomes["subset_kind"] == "all"]
        silent = sorted(city.loc[city["inspections"] == 0, "week"].unique())
        words = ""
        if weeks[-1] in silent:
            row = city[city["week"] == weeks[-1]].iloc[0]
            words = (
                f"No scheduled inspection followed the list for {weeks[-1]}; in the weeks since {row['window_first']} "
                f"there were {row['window_inspections']:,}. If inspectors were out, the portal is late or names their "
                "visits otherwise: look at the week's inspection types there and in models.schedule.inspection_types."
            )
        return Verdict({weeks[-1]: words} if words else {}, words, {"silent_weeks": len(silent)})

    return no_drift, no_decay, no_silence


def _moved(row: Mapping[Any, Any]) -> str:
    what = f"Scores of {row['name']}" if row["kind"] == "score" else row["name"]
    mean = "" if pd.isna(row["mean"]) else f", mean {row['mean']:.3g} instead of {row['reference_mean']:.3g}"
    unknown = row["unknown_share"] - row["reference_unknown_share"]
    missing = (
        f", unknown {row['unknown_share']:.0%} instead of {row['reference_unknown_share']:.0%}"
        if unknown > 0.01
        else ""
    )
    before = "" if pd.isna(row["psi_before"]) else f"before up to {row['psi_before']:.2f}, "
    return (
        f"{what} {'have' if row['kind'] == 'score' else 'has'} moved: index {row['psi']:.2f} ({before}by chance "
        f"{row['psi_by_chance']:.2f}) in {row['rows']:,} inspections since {row['window_first']} against "
        f"{row['reference_rows']:,} from {row['reference_first']} to {row['reference_last']}{mean}{missing}"
    )


def _below(row: Mapping[Any, Any]) -> str:
    def of(name: str) -> str:
        if pd.isna(row[name]):
            return "nothing"
        ends = [row[f"{name}_{end}"] for end in ("low", "high")]
        return f"{row[name]:.3f}" + ("" if pd.isna(ends[0]) else f" ({ends[0]:.3f} to {ends[1]:.3f})")

    return (
        f"{row['label']}: since {row['window_first']} {row['model_group']} has reached an AUC of {of('roc_auc')} and a "
        f"precision at capacity of {of('precision_at_k')} in {row['window_inspections']:,} inspections, where the "
        f"decision of {row['decided']} promised {of('promised_roc_auc')} and {of('promised_precision_at_k')}."
    )
