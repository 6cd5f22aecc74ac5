"""Does an audit add up: does it cover everybody, once, and agree with itself?"""

from collections.abc import Mapping, Sequence
from datetime import date

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.fairness.rows import UNKNOWN
from food_inspections_dagster.modeling.fairness.words import OVERALL
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import CELLS, VERDICTS
from food_inspections_dagster.modeling.splits import evaluation_window


def audited_rows(
    rows: Mapping[str, pd.DataFrame], selected: Mapping[date, str | None], evaluation_weeks: int
) -> dict[date, int]:
    """Return by week how many backtest rows of the selected group its evaluation window has, counted by themselves."""
    days = {group: np.sort(frames.days(rows[group]["week"])) for group in {g for g in selected.values() if g}}
    counts = {}
    for week, group in selected.items():
        span = frames.span(days[group], *evaluation_window(week, evaluation_weeks)) if group else slice(0, 0)
        counts[week] = span.stop - span.start
    return counts


def unsound_weeks(
    report: pd.DataFrame,
    verdicts: pd.DataFrame,
    selected: Mapping[date, str | None],
    attributes: Sequence[str],
    audited: Mapping[date, int],
) -> dict[date, str]:
    """Return the weeks whose audit does not cover everybody, or contradicts itself, and why.

    Args:
        report: ``BIAS_REPORT`` of the weeks.
        verdicts: ``BIAS_VERDICTS`` of the weeks, with the attribute ``OVERALL``.
        selected: the weeks that must be there, and the selected group of each.
        attributes: those of the rule.
        audited: rows in the evaluation window by week, ``audited_rows``; 0 or missing where there are none.
    """
    reported = _by_week(
        report, ["week", "attribute", "group", "group_size", "model_group", "metric", "verdict"], selected
    )
    worded = _by_week(verdicts, ["week", "attribute", "group", "group_size", "verdict"], selected)
    failing = dict.fromkeys((*reported, *worded), "the audit holds this week, which was not asked for")
    failing = {week: words for week, words in failing.items() if week not in selected}
    for week, group in selected.items():
        rows = audited.get(week, 0) if group else 0
        words = _unsound(reported.get(week, []), worded.get(week, []), group, attributes, rows)
        if words:
            failing[week] = words
    return failing


def unmapped_weeks(
    report: pd.DataFrame, rows: Mapping[str, pd.DataFrame], selected: Mapping[date, str | None], rule: AuditRule
) -> dict[date, str]:
    """Return the weeks in which groups of the rows are not in the report, or too many rows have no group, and why.

    The rows are counted by themselves: an audit once named a group that matched no row.

    Args:
        report: ``BIAS_REPORT`` of the weeks.
        rows: by model group its backtest rows, ``with_attributes``.
        selected: the selected group by week.
        rule: its attributes, its window, and how many rows may be ``UNKNOWN``.
    """
    reported: dict[date, dict[tuple[object, object], object]] = {}
    columns = ["week", "attribute", "group", "group_size"]
    for week, lines in _by_week(report[columns].drop_duplicates(), columns, selected).items():
        reported[week] = {(attribute, name): size for attribute, name, size in lines}
    ordered = {group: np.argsort(frames.days(rows[group]["week"]), kind="stable") for group in rows}
    days = {group: frames.days(rows[group]["week"])[order] for group, order in ordered.items()}
    codes = {
        (group, attribute): pa.array(rows[group][attribute]).dictionary_encode()
        for group in rows
        for attribute in rule.attributes
    }
    failing = {}
    for week, group in selected.items():
        if group is None:
            continue
        at = ordered[group][frames.span(days[group], *evaluation_window(week, rule.evaluation_weeks))]
        for attribute in rule.attributes:
            encoded = codes[group, attribute]
            counted = np.bincount(np.asarray(encoded.indices)[at], minlength=len(encoded.dictionary)).tolist()
            sizes = dict(zip(encoded.dictionary.to_pylist(), counted, strict=True))
            here = {name: size for (of, name), size in reported.get(week, {}).items() if of == attribute}
            words = _unmapped(attribute, {name: size for name, size in sizes.items() if size}, here, rule)
            if words:
                failing[week] = words
                break
    return failing


def _unmapped(
    attribute: str, sizes: Mapping[str, int], reported: Mapping[object, object], rule: AuditRule
) -> str | None:
    strange = sorted(str(name) for name in sizes.keys() ^ reported.keys())
    if strange:
        more = f" and {len(strange) - 3} more" if len(strange) > 3 else ""
        return f"{attribute}: {', '.join(strange[:3])}{more} in the rows or in the report only"
    differing = sorted(name for name, size in sizes.items() if reported[name] != size)
    if differing:
        name = differing[0]
        return f"{attribute} {name}: {sizes[name]:,} rows, and {reported[name]:,} in the report"
    rows, unknown = sum(sizes.values()), sizes.get(UNKNOWN, 0)
    if unknown > rule.max_unknown_share * rows:
        return (
            f"{attribute}: {unknown:,} of {rows:,} rows have no group, more than {rule.max_unknown_share:.0%}: "
            "look whether its source is complete, and whether its groups cover all values"
        )
    return None


_Row = tuple[object, ...]


def _by_week(frame: pd.DataFrame, names: list[str], selected: Mapping[date, str | None]) -> dict[date, list[_Row]]:
    rows: dict[date, list[_Row]] = {}
    for week, *values in zip(*(pa.array(frame[name]).to_pylist() for name in names), strict=True):
        rows.setdefault(week, []).append(tuple(values))
    return rows


def _unsound(
    reported: list[_Row], worded: list[_Row], group: str | None, attributes: Sequence[str], rows: int
) -> str | None:
    """Return what is wrong with one week, or None."""
    whole = [size for attribute, _, size, _ in worded if attribute == OVERALL]
    if whole != [rows]:
        return f"the verdict on the whole list counts {whole or 'nothing'}, and {rows:,} rows were to be audited"
    expected = set(attributes) if rows else set()
    sizes: dict[tuple[object, object], set[object]] = {}
    metrics_of: dict[tuple[object, object], set[object]] = {}
    worst: dict[tuple[object, object], int] = {}
    for attribute, name, size, model_group, metric, verdict in reported:
        if model_group != group:
            return f"the report is on {model_group}, and {group or 'nothing'} was selected"
        key = (attribute, name)
        sizes.setdefault(key, set()).add(size)
        metrics_of.setdefault(key, set()).add(metric)
        if verdict is not None:
            worst[key] = min(worst.get(key, len(VERDICTS)), VERDICTS.index(str(verdict)))
    worded_as = {
        (attribute, name): (size, verdict) for attribute, name, size, verdict in worded if attribute != OVERALL
    }
    for what, present in (("report", {a for a, _ in sizes}), ("verdicts", {a for a, _ in worded_as})):
        if present != expected:
            names = ", ".join(sorted(map(str, present ^ expected)))
            problem = "missing in" if expected - present else "not of the rule, or without rows, in"
            return f"{names}: {problem} the {what}"
    for key in sizes.keys() | worded_as.keys():
        if len(sizes.get(key, ())) != 1 or metrics_of[key] != set(CELLS):
            return f"the report on {key[0]} {key[1]} lacks metrics, or has several sizes"
        if worded_as.get(key) != (next(iter(sizes[key])), VERDICTS[worst[key]] if key in worst else None):
            return f"report and verdicts disagree on {key[0]} {key[1]}"
    for attribute in attributes if rows else ():
        total = sum(int(str(size)) for (a, _), of in sizes.items() if a == attribute for size in of)
        if total != rows:
            return f"the groups of {attribute} add up to {total:,} of {rows:,} audited rows"
    return None
