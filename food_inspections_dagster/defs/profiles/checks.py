"""The profile adds up, and what is unlike the range before is seen."""

from collections.abc import Callable, Mapping, Sequence
from datetime import date
from typing import Any

import numpy as np
import pandas as pd

from food_inspections_dagster.catalog import DATA_PROFILE, DATA_PROFILE_REPORT
from food_inspections_dagster.frames import days
from food_inspections_dagster.orchestration.rules import Rule, Verdict, rule
from food_inspections_dagster.profiles.changes import (
    Bounds,
    Jump,
    distinct_jumps,
    faults,
    missing_jumps,
    repetitions,
    row_jumps,
)
from food_inspections_dagster.profiles.report import fault_of

_NAMED = 3  # in the sentence; all stand in the metadata and in the report
_LOOK = (
    "Look at data_profile_report: if the portal has changed the column, mend its cleaning; a real change needs nothing."
)


def rules(tables: Sequence[str], bounds: Bounds) -> tuple[Rule, ...]:
    """Return the rules of the profile of some tables."""

    @rule(
        DATA_PROFILE,
        guards_against="A profile of fewer rows than are stored, or of rows of later weeks, would describe other data.",
        expects="rows, bins and missing values add up to the rows that are stored",
        blocking=True,
    )
    def adds_up(weeks: Sequence[date], data_profile: pd.DataFrame, **inputs: Any) -> Mapping[date, object]:
        of_tables = {name: np.sort(days(inputs[name]["week"])) for name in tables}
        rows = {
            (week, name): int(np.searchsorted(of_table, np.datetime64(week), "right"))
            for week in weeks
            for name, of_table in of_tables.items()
        }
        return faults(data_profile, rows)

    @rule(
        DATA_PROFILE,
        guards_against="A column that the portal stops to fill, or to which a cleaning rule no longer applies.",
        expects=f"no column's share of missing values changed by more than {bounds.missing:.0%}",
    )
    def missing_as_before(data_profile: pd.DataFrame) -> Verdict:
        return _verdict(missing_jumps, data_profile, bounds)

    @rule(
        DATA_PROFILE,
        guards_against="A vocabulary that splits into new spellings, or a column that is stuck at few values.",
        expects=f"no column has {bounds.factor:g} times as many distinct values as before, or as few",
    )
    def distinct_as_before(data_profile: pd.DataFrame) -> Verdict:
        return _verdict(distinct_jumps, data_profile, bounds)

    @rule(
        DATA_PROFILE,
        guards_against="A source that dries up or is published twice.",
        expects=f"no table has {bounds.factor:g} times as many rows as before, or as few",
    )
    def rows_as_before(data_profile: pd.DataFrame) -> Verdict:
        return _verdict(row_jumps, data_profile, bounds)

    @rule(
        DATA_PROFILE,
        guards_against="One visit that is stored under two numbers counts twice in every rate.",
        expects=f"at most {bounds.repeated:.1%} of a table's newest rows are there twice",
    )
    def not_repeated(data_profile: pd.DataFrame) -> Verdict:
        return _verdict(repetitions, data_profile, bounds)

    @rule(
        DATA_PROFILE_REPORT,
        guards_against="A page that needs the network, or lacks a table, is no report where it is opened years later.",
        expects="each page is whole, has every table and needs no other file",
        blocking=True,
    )
    def stands_alone(data_profile_report: Mapping[date, str]) -> Mapping[date, object]:
        faults_of = {week: fault_of(page, tables) for week, page in data_profile_report.items()}
        return {week: fault for week, fault in faults_of.items() if fault}

    return adds_up, missing_as_before, distinct_as_before, rows_as_before, not_repeated, stands_alone


def _verdict(judge: Callable[[pd.DataFrame, Bounds], Sequence[Jump]], profile: pd.DataFrame, bounds: Bounds) -> Verdict:
    jumps = judge(profile, bounds)
    by_week: dict[date, list[str]] = {}
    for jump in jumps:
        by_week.setdefault(jump.week, []).append(str(jump))
    if not jumps:
        return Verdict(metadata={"jumps": 0})
    newest = by_week[max(by_week)]
    more = f"; and {len(newest) - _NAMED} more" if len(newest) > _NAMED else ""
    words = f"{max(by_week)}: {'; '.join(newest[:_NAMED])}{more}. {_LOOK}"
    return Verdict({week: "; ".join(of_week) for week, of_week in by_week.items()}, words, {"jumps": len(jumps)})
