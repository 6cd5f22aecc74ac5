"""Features are complete, and know nothing of what came after their Monday."""

from collections.abc import Collection, Mapping, Sequence
from datetime import date

import pandas as pd

from food_inspections_dagster.catalog import CLEAN_SOURCES, FEATURE_MATRIX, INSPECTIONS, VIOLATIONS
from food_inspections_dagster.inspections.features import (
    INSPECTION_COLUMNS,
    ROW_COLUMNS,
    SOURCE_COLUMNS,
    VIOLATION_COLUMNS,
    Tables,
    changed_by_the_future,
    constant_features,
    differing_rows,
)
from food_inspections_dagster.orchestration.partitions import HISTORY_THROUGH
from food_inspections_dagster.orchestration.rules import Rule, Verdict, rule
from food_inspections_dagster.resources.stored import Stored
from food_inspections_dagster.weeks import WEEK

CONSTANT_WEEKS = 104  # judged on the newest two years of a range
CONSTANT_AFTER_ROWS = 2_000  # a short week may well hold no school and no complaint


@rule(
    FEATURE_MATRIX,
    guards_against="A join that loses or doubles inspections biases the model without a word.",
    expects="every inspection of the week has one row of features",
    blocking=True,
)
def row_for_row(
    weeks: Sequence[date], inspections: pd.DataFrame, feature_matrix: pd.DataFrame
) -> Mapping[date, object]:
    """Fail weeks whose rows of features are not those of their inspections."""
    return differing_rows(inspections[inspections["week"].isin(weeks)], feature_matrix)


def not_constant(off: Collection[str]) -> Rule:
    """Return the rule that features of the families that are not ``off`` vary."""

    @rule(
        FEATURE_MATRIX,
        guards_against="A feature that never varies is a mapping that no longer matches the portal's words.",
        expects=f"no feature is constant over {CONSTANT_AFTER_ROWS} rows or more",
    )
    def not_constant(weeks: Sequence[date], feature_matrix: pd.DataFrame) -> Verdict:
        """Fail the newest week where a feature has one value in all rows of two years."""
        first = max(weeks[0], weeks[-1] - CONSTANT_WEEKS * WEEK)
        recent = feature_matrix[feature_matrix["week"] >= first]
        enough = len(recent) >= CONSTANT_AFTER_ROWS
        constant = ", ".join(constant_features(recent, first, weeks[-1], off)) if enough else ""
        metadata = {"rows": len(recent), "constant": constant or "none", "judged": enough}
        words = f"Over {len(recent):,} rows these features have one value only: {constant}." if constant else ""
        return Verdict({weeks[-1]: constant} if constant else {}, words, metadata)

    return not_constant


def point_in_time(window_days: int, off: Collection[str], sources: Sequence[str]) -> Rule:
    """Return the rule that stored features know nothing of the future.

    Args:
        sources: those that features are computed from.
    """

    @rule(
        FEATURE_MATRIX,
        guards_against="The City's and the students' features leak the future: a sampled week is computed again "
        "from a past that ends before its Monday, its own rows altered, and must be the same.",
        expects="features do not change when the future does",
        blocking=True,
        of_store=True,
    )
    def point_in_time(weeks: Sequence[date], stored: Stored) -> Verdict:
        # The last week has the longest past, the middle one the most future that could leak.
        sampled = sorted({weeks[len(weeks) // 2], weeks[-1]})
        matrix = stored.rows(FEATURE_MATRIX, sampled)
        through = HISTORY_THROUGH.weeks(sampled[-1])
        wanted = {"inspections": (INSPECTIONS, HISTORY), "violations": (VIOLATIONS, VIOLATION_COLUMNS)}
        wanted |= {name: (CLEAN_SOURCES[name], SOURCE_COLUMNS[name]) for name in sources}
        tables = {
            name: stored.rows(entry, stored.weeks(entry, through), columns) for name, (entry, columns) in wanted.items()
        }
        changed = changed_by_the_future(sampled, Tables(**tables), matrix, window_days, off)
        return Verdict(changed, metadata={"rows_compared": len(matrix)})

    return point_in_time


HISTORY = tuple(dict.fromkeys([*ROW_COLUMNS, *INSPECTION_COLUMNS]))
