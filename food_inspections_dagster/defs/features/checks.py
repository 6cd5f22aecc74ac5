"""Features are complete, finite, and know nothing of what came after their Monday."""

from collections.abc import Iterator

import dagster as dg
import pandas as pd

from food_inspections_dagster.inspections import schemas
from food_inspections_dagster.inspections.features import (
    FEATURES,
    INSPECTION_COLUMNS,
    ROW_COLUMNS,
    VIOLATION_COLUMNS,
    changed_by_the_future,
    constant_features,
)
from food_inspections_dagster.orchestration.rules import by_week, verdict, weeks_checked
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.settings import Settings
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK

ASSET = "feature_matrix"
WARN = dg.AssetCheckSeverity.WARN
NUMERIC = [feature.name for feature in FEATURES if feature.kind == "numeric"]
CONSTANT_WEEKS = 104  # judged on the newest two years of a range
CONSTANT_AFTER_ROWS = 2_000  # a short week may well hold no school and no complaint

_ROWS = """
    select coalesce(i.week, f.week) as week, 
        format('%%s inspections, %%s rows of features', coalesce(i.rows, 0), coalesce(f.rows, 0)) as found
    from (select week, count(*) as rows from clean.inspections
          where week between %(first)s and %(last)s group by week) as i
    full join (select week, count(*) as rows from features.feature_matrix
          where week between %(first)s and %(last)s group by week) as f using (week)
    where i.rows is distinct from f.rows
"""


_COLUMNS = """
    select column_name::text as name from information_schema.columns
    where table_schema = 'features' and table_name = 'feature_matrix'
"""
_INFINITE = f"""
    select week, count(*) as rows from features.feature_matrix
    where week between %(first)s and %(last)s
    and ('Infinity'::real in ({", ".join(NUMERIC)}) or '-Infinity'::real in ({", ".join(NUMERIC)}))
    group by week
"""  # noqa: S608 - the names are those of the registry


@dg.multi_asset_check(
    name="feature_matrix_checks",
    specs=[
        dg.AssetCheckSpec(
            "row_for_row",
            asset=ASSET,
            blocking=True,
            description="A join that loses or doubles inspections biases the model without a word.",
        ),
        dg.AssetCheckSpec(
            "expected_columns",
            asset=ASSET,
            blocking=True,
            description="A model fitted on other columns than it is asked with answers nonsense.",
        ),
        dg.AssetCheckSpec(
            "finite",
            asset=ASSET,
            blocking=True,
            description="A rate over no inspections is null; a division by zero would be infinite.",
        ),
        dg.AssetCheckSpec(
            "not_constant",
            asset=ASSET,
            description="A feature that never varies is a mapping that no longer matches the portal's words.",
        ),
        dg.AssetCheckSpec(
            "point_in_time",
            asset=ASSET,
            blocking=True,
            description="The City's and the students' features leak the future: a sampled week is computed again "
            "from a past that ends before its Monday, and must be the same.",
        ),
    ],
)
def feature_matrix_checks(
    context: dg.AssetCheckExecutionContext, database: Database, settings: dg.ResourceParam[Settings]
) -> Iterator[dg.AssetCheckResult]:
    weeks = weeks_checked(context)
    bounds = {"first": weeks[0], "last": weeks[-1]}
    differing = database.query(_ROWS, bounds)
    yield verdict(
        ASSET,
        "row_for_row",
        by_week(differing, "found"),
        "there is one row of features per inspection",
    )

    stored = set(database.query(_COLUMNS)["name"])
    missing = [name for name in schemas.FEATURE_MATRIX.columns if name not in stored]
    yield verdict(
        ASSET,
        "expected_columns",
        weeks[-1:] if missing else [],
        "all columns of the schema are stored",
        {"columns": len(stored), "missing": ", ".join(missing) or "none"},
    )

    infinite = database.query(_INFINITE, bounds)
    yield verdict(
        ASSET,
        "finite",
        by_week(infinite, "rows"),
        "no feature is infinite",
        {"features": len(NUMERIC)},
    )

    first = max(weeks[0], weeks[-1] - CONSTANT_WEEKS * WEEK)
    recent = database.stored_range("features.feature_matrix", first, weeks[-1], columns=["week", *NUMERIC])
    constant = constant_features(recent, first, weeks[-1])
    enough = len(recent) >= CONSTANT_AFTER_ROWS
    yield verdict(
        ASSET,
        "not_constant",
        weeks[-1:] if constant and enough else [],
        f"no feature is constant over {CONSTANT_AFTER_ROWS} rows or more",
        {"rows": len(recent), "constant": ", ".join(constant) or "none", "judged": enough},
        severity=WARN,
    )

    # The last week has the longest past, the middle one the most future that could leak.
    sampled = sorted({weeks[len(weeks) // 2], weeks[-1]})
    columns = list(dict.fromkeys([*ROW_COLUMNS, *INSPECTION_COLUMNS]))
    inspections = database.stored_range("clean.inspections", FIRST_WEEK, sampled[-1], columns=columns)
    violations = database.stored_range(
        "clean.violations", FIRST_WEEK, sampled[-1] - WEEK, columns=list(VIOLATION_COLUMNS)
    )
    matrix = pd.concat([database.stored_range("features.feature_matrix", week, week) for week in sampled])
    changed = changed_by_the_future(sampled, inspections, violations, matrix, settings.cohort.window_days)
    yield verdict(
        ASSET,
        "point_in_time",
        changed,
        "features do not change when the future does",
        {"rows_compared": len(matrix)},
    )
