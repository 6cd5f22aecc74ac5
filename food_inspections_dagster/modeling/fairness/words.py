"""The audit in words: a sentence for each group, for an attribute and for the whole list."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from types import MappingProxyType

import numpy as np
import pandas as pd

from food_inspections_dagster import schemas
from food_inspections_dagster.modeling.fairness.judgements import Judged
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import (
    BIAS_VERDICTS,
    CELLS,
    OUTSIDE,
    REFERENCE,
    TOO_SMALL,
    UNCERTAIN,
    UNDEFINED,
    VERDICTS,
    WITHIN,
)

#: The attribute and the group under which ``with_overall`` puts the verdict on the whole list.
OVERALL = "overall"
EVERYBODY = "all"

_WORDS: Mapping[str, tuple[str, str, str]] = MappingProxyType(
    {
        "fpr": (
            "false positive rate",
            "its establishments that would pass are put on the list more often",
            "its establishments that would pass are put on the list less often",
        ),
        "fdr": (
            "false discovery rate",
            "more of its places on the list find nothing",
            "fewer of its places on the list find nothing",
        ),
    }
)


@dataclass(frozen=True)
class Overall:
    """The verdict on a week: ``verdict`` is the worst of its groups', or None where nothing was audited."""

    week: date
    model_group: str | None
    rows: int
    verdict: str | None
    sentence: str


def verdicts_of(judged: Judged, rule: AuditRule) -> pd.DataFrame:
    """Return ``BIAS_VERDICTS`` without the attribute ``OVERALL``."""
    of = judged.metrics
    columns = [place for place, metric in enumerate(CELLS) if metric in rule.judged_metrics]
    if not columns:
        return schemas.empty(BIAS_VERDICTS)
    worst = judged.verdict[:, columns].min(axis=1)
    names = list(CELLS)
    # As lists: reading single numbers of arrays takes ten times as long.
    numbers = [
        values[:, columns].tolist()
        for values in (
            judged.verdict,
            of.n,
            judged.n_ref,
            of.value,
            judged.low,
            judged.high,
            judged.disparity,
            judged.disparity_low,
            judged.disparity_high,
        )
    ]
    sentences = []
    for row, (group, size, reference) in enumerate(
        zip(of.group.tolist(), of.group_size.tolist(), of.reference.tolist(), strict=True)
    ):
        subject = f"{group} ({size:,} inspections)"
        if VERDICTS[worst[row]] == REFERENCE:
            sentences.append(f"{subject} is the reference group.")
        elif size < rule.min_group_size:
            sentences.append(f"{subject} is too small to judge: {rule.min_group_size} are needed.")
        else:
            parts = [
                _part(_Part(names[column], reference, *(values[row][at] for values in numbers)), rule)
                for at, column in enumerate(columns)
            ]
            sentences.append(f"{subject}: {'; '.join(parts)}.")
    return schemas.typed(
        {
            "week": of.week,
            "attribute": of.attribute,
            "group": of.group,
            "group_size": of.group_size,
            "verdict": np.array(VERDICTS, dtype=object)[worst],
            "sentence": sentences,
        },
        BIAS_VERDICTS,
    )


@dataclass(slots=True)
class _Part:
    """One metric of one group, to be put in words."""

    metric: str
    reference: str | None
    verdict: int
    n: float
    n_ref: float
    value: float
    low: float
    high: float
    disparity: float
    disparity_low: float
    disparity_high: float


def _part(part: _Part, rule: AuditRule) -> str:
    name, more, less = _WORDS.get(part.metric, (part.metric, "its value is higher", "its value is lower"))
    verdict = VERDICTS[part.verdict]
    if part.reference is None:
        return f"its {name} cannot be judged, for the reference group has no rows"
    if verdict == TOO_SMALL and not part.n >= rule.min_denominator:
        return f"its {name} rests on too few rows to judge ({_count(part.n)}; {rule.min_denominator} are needed)"
    if verdict == TOO_SMALL:
        return (
            f"its {name} cannot be judged, for that of {part.reference}, its reference, rests on too few rows "
            f"({_count(part.n_ref)}; {rule.min_denominator} are needed)"
        )
    amount = f"its {name} of {part.value:.0%} ({part.low:.0%} to {part.high:.0%})"
    if verdict == UNDEFINED:
        return f"{amount} cannot be compared, for that of {part.reference}, its reference, is 0"
    amount = f"{amount} is {part.disparity:.2f} times that of {part.reference}"
    if not math.isnan(part.disparity_low):
        amount += f" ({part.disparity_low:.2f} to {part.disparity_high:.2f})"
    if verdict == WITHIN:
        return f"{amount}, within {rule.tau_low:g} to {rule.tau_high:g}"
    doubt = " (but the interval reaches into these bounds)" if verdict == UNCERTAIN else ""
    return f"{amount}, outside {rule.tau_low:g} to {rule.tau_high:g}{doubt}: {more if part.disparity > 1 else less}"


def _count(n: float) -> str:
    return "0" if math.isnan(n) else f"{n:,.0f}"


def overall_of(
    verdicts: pd.DataFrame, rule: AuditRule, selected: Mapping[date, str | None], sizes: Mapping[date, int]
) -> list[Overall]:
    """Return the verdict on the whole list of each week.

    Args:
        verdicts: ``BIAS_VERDICTS``.
        selected: the selected group by week.
        sizes: rows of each week\'s window.
    """
    by_week: dict[date, dict[str, list[str]]] = {}
    columns = (verdicts[name].tolist() for name in ("week", "attribute", "group", "verdict"))
    for week, attribute, group, verdict in zip(*columns, strict=True):
        by_week.setdefault(week, {}).setdefault(verdict, []).append(f"{attribute} {group}")
    measures = " and ".join(_WORDS.get(m, (m,))[0] for m in rule.judged_metrics)
    out = []
    for week, group in selected.items():
        if group is None or not sizes[week]:
            why = "no model was selected" if group is None else f"{group} scored no rows in the window"
            out.append(Overall(week, group, 0, None, f"Nothing was audited for the week of {week}: {why}."))
            continue
        named = by_week.get(week, {})
        judged = sum(len(named.get(verdict, [])) for verdict in (WITHIN, OUTSIDE, UNCERTAIN))
        worst = next((v for v in VERDICTS if v in named and v != REFERENCE), TOO_SMALL)
        sentence = (
            f"On {sizes[week]:,} inspections that no model had learnt from, {len(named.get(WITHIN, []))} of the "
            f"{judged} groups that can be judged are within {rule.tau_low:g} to {rule.tau_high:g} times "
            f"their reference on {measures}"
        )
        for verdict, words in (
            (OUTSIDE, "outside"),
            (UNCERTAIN, "outside, but with an interval that reaches into these bounds"),
            (UNDEFINED, "undefined, for their reference is 0"),
        ):
            if verdict in named:
                sentence += f"; {words}: {', '.join(named[verdict])}"
        if TOO_SMALL in named:
            sentence += f"; {len(named[TOO_SMALL])} groups are too small to judge"
        out.append(Overall(week, group, sizes[week], worst, sentence + "."))
    return out


def summary(verdicts: pd.DataFrame, week: date, most: int = 4) -> dict[str, str]:
    """Return one sentence per attribute for a week, from ``BIAS_VERDICTS``; empty where nothing was audited.

    Args:
        most: so many groups are named per verdict; the others are counted.
    """
    of_week = verdicts.loc[(verdicts["week"] == week) & (verdicts["attribute"] != OVERALL)]
    named: dict[str, dict[str, list[str]]] = {}
    for attribute, group, verdict in zip(
        *(of_week[name].tolist() for name in ("attribute", "group", "verdict")), strict=True
    ):
        named.setdefault(attribute, {}).setdefault(verdict, []).append(group)
    return {attribute: f"{attribute}: {_summed_up(groups, most)}." for attribute, groups in named.items()}


def _groups(count: int) -> str:
    return "group" if count == 1 else "groups"


def _summed_up(groups: Mapping[str, Sequence[str]], most: int) -> str:
    within, outside, uncertain, undefined, small = (
        groups.get(verdict, []) for verdict in (WITHIN, OUTSIDE, UNCERTAIN, UNDEFINED, TOO_SMALL)
    )
    judged = len(within) + len(outside) + len(uncertain)
    reference = f" of {groups[REFERENCE][0]}" if groups.get(REFERENCE) else ""
    if judged:
        parts = [f"{len(within)} of {judged} {_groups(judged)} within the bounds{reference}"]
    else:
        parts = ["no group can be judged"]
    for words, names in (
        ("outside", outside),
        ("undefined, for the reference is 0", undefined),
    ):
        if names:
            more = f" and {len(names) - most} more" if len(names) > most else ""
            parts.append(f"{words}: {', '.join(names[:most])}{more}")
    if uncertain:
        parts.append(f"{len(uncertain)} outside, but not surely")
    if small:
        parts.append(f"{len(small)} too small to judge")
    return "; ".join(parts)
