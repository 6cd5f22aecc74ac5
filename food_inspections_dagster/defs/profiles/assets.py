"""Clean tables, sources, feature_matrix -> data_profile in Postgres `monitoring`, and the same as an HTML report."""

from collections.abc import Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster.catalog import (
    CLEAN_SOURCES,
    DATA_PROFILE,
    DATA_PROFILE_REPORT,
    FEATURE_MATRIX,
    INSPECTIONS,
    REJECTED_INSPECTIONS,
    VIOLATIONS,
    Rows,
    Table,
    columns_of,
)
from food_inspections_dagster.defs.profiles.checks import rules
from food_inspections_dagster.inspections.features import FEATURES
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH, Calendar
from food_inspections_dagster.orchestration.stages import Input, Output, Stage, stage
from food_inspections_dagster.profiles.changes import Bounds, all_jumps
from food_inspections_dagster.profiles.profile import Detail, Profiled, data_profile
from food_inspections_dagster.profiles.report import render
from food_inspections_dagster.settings import Settings

#: The columns that only number a row: what differs in nothing else is one thing stored twice.
NUMBERS = {
    INSPECTIONS.asset: ("inspection_id", "row_id", "row_updated_at"),
    VIOLATIONS.asset: ("ordinal",),
    REJECTED_INSPECTIONS.asset: ("row_id", "row_updated_at"),
    FEATURE_MATRIX.asset: ("inspection_id",),
    "business_licenses": ("term_id",),
    "sanitation_complaints": ("row_id",),
}
TABLES = (
    Output(
        DATA_PROFILE,
        "What the stored tables look like as of the week's end: rows, missing and distinct values, quantiles, top "
        "values, histograms, violations by code and era, repetitions, each beside the range before. Grain: one row per "
        "table, range, column, measure and item. Source: the clean tables, the configured sources and feature_matrix "
        "of all weeks so far.",
    ),
    Output(
        DATA_PROFILE_REPORT,
        "The profile of the week as one HTML page that needs no network. Grain: one page. Source: the same.",
    ),
)


def stages(settings: Settings) -> list[Stage]:
    """Return the stage that profiles what is stored."""
    wanted, off = settings.profiles, settings.features.switched_off
    detail = Detail(wanted.weeks, wanted.top_values, wanted.bins)
    bounds = Bounds(wanted.missing_jump, wanted.jump_factor, wanted.max_repeated_share, wanted.min_rows)
    simulated = settings.portal.is_simulated
    # Families that are switched off are null columns: nothing to profile.
    null = {feature.name for feature in FEATURES if feature.family in off}
    entries: list[Table | Rows] = [INSPECTIONS, VIOLATIONS, REJECTED_INSPECTIONS, FEATURE_MATRIX]
    entries += [CLEAN_SOURCES[name] for name in CLEAN_SOURCES if settings.sources.get(name)]
    inputs = {
        entry.asset: Input(entry, HISTORY_THROUGH, tuple(name for name in columns_of(entry) if name not in null))
        for entry in entries
    }
    profiled = [_profiled(entry) for entry in entries]
    descriptions = {entry.asset: _descriptions(entry) for entry in entries}

    @stage(
        *TABLES,
        group="profiles",
        inputs=inputs,
        reads={"detail": detail, "bounds": bounds, "simulated": simulated},
        rules=rules([entry.asset for entry in entries], bounds),
        calendar=Calendar(newest=wanted.run_weeks),
    )
    def profile(weeks: Sequence[date], **tables: pd.DataFrame) -> tuple[pd.DataFrame, dict[date, str]]:
        rows = data_profile(weeks, tables, profiled, detail)
        jumps = all_jumps(rows, bounds)
        return rows, {week: render(week, rows, jumps, descriptions, simulated, detail.weeks) for week in weeks}

    return [profile]


def _profiled(entry: Table | Rows) -> Profiled:
    assert entry.schema is not None
    key = tuple(name for name in entry.schema.unique or () if name != "week")
    return Profiled(entry.asset, key, NUMBERS.get(entry.asset, ()))


def _descriptions(entry: Table | Rows) -> dict[str, str]:
    assert entry.schema is not None
    columns = {name: column.description or "" for name, column in entry.schema.columns.items()}
    return {"": entry.schema.description or "", **columns}
