"""Features are complete, finite, and know nothing of what came after their Monday."""

from collections.abc import Iterator
from datetime import date

import dagster as dg
import numpy as np
import pandas as pd

from food_inspections_dagster.asset_checks import verdict, weeks_checked
from food_inspections_dagster.inspections import schemas
from food_inspections_dagster.inspections.codebooks import SWITCH_DATE
from food_inspections_dagster.inspections.features import (
    FEATURES,
    INSPECTION_COLUMNS,
    VIOLATION_COLUMNS,
    feature_matrix,
)
from food_inspections_dagster.inspections.labels import LABELS
from food_inspections_dagster.resources.database import Database
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK

ASSET = "feature_matrix"
WARN = dg.AssetCheckSeverity.WARN
# Codes of the 2010 codebook leave the features three years after the switch, those of 2018 enter with it.
IN_USE = {
    "2010": lambda first, last: first < SWITCH_DATE,
    "2018": lambda first, last: last > SWITCH_DATE + 13 * WEEK,
}
CODEBOOKS_OF = {feature.name: IN_USE.get(feature.codebook or "") for feature in FEATURES}
NUMERIC = [feature.name for feature in FEATURES if feature.kind == "numeric"]
CONSTANT_AFTER_ROWS = 2_000  # a short week may well hold no school and no complaint

_ROWS = """
    select coalesce(i.week, f.week) as week, coalesce(i.rows, 0) as inspections, coalesce(f.rows, 0) as features
    from (select week, count(*) as rows from clean.inspections
          where week between %(first)s and %(last)s group by week) as i
    full join (select week, count(*) as rows from features.feature_matrix
          where week between %(first)s and %(last)s group by week) as f using (week)
    where i.rows is distinct from f.rows
"""


def rebuilt_without_future(database: Database, week: date) -> pd.DataFrame:
    """Compute a week's features again from a past that ends before its Monday.

    The week's own inspections are there only to name the establishments: what was found in them is reversed.
    """
    history = database.read_range(
        "clean.inspections", FIRST_WEEK, week, columns=[*INSPECTION_COLUMNS, *LABELS]
    )
    own = history["week"] == week
    history.loc[own, ["critical_count", "serious_count", "minor_count", "violation_count"]] = 99
    history.loc[own, "results"] = history.loc[own, "results"].map(
        lambda result: {"Fail": "Pass"}.get(result, "Fail")
    )
    violations = database.read_range(
        "clean.violations", FIRST_WEEK, week - WEEK, columns=list(VIOLATION_COLUMNS)
    )
    return feature_matrix([week], history, violations)


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
    context: dg.AssetCheckExecutionContext, database: Database
) -> Iterator[dg.AssetCheckResult]:
    weeks = weeks_checked(context)
    bounds = {"first": weeks[0], "last": weeks[-1]}
    differing = database.query(_ROWS, bounds)
    yield verdict(
        ASSET,
        "row_for_row",
        {
            row.week: f"{row.inspections} inspections, {row.features} rows of features"
            for row in differing.itertuples()
        },
        "there is one row of features per inspection",
    )

    matrix = database.read_range("features.feature_matrix", weeks[0], weeks[-1])
    missing = [name for name in schemas.FEATURE_MATRIX.columns if name not in matrix.columns]
    yield verdict(
        ASSET,
        "expected_columns",
        weeks[-1:] if missing else [],
        "all columns of the schema are stored",
        {"columns": len(matrix.columns), "missing": ", ".join(missing) or "none"},
    )

    infinite: dict[date, str] = {}
    constant: list[str] = []
    for name in NUMERIC:
        values = matrix[name].to_numpy(dtype="float32", na_value=np.nan)
        wild = np.isinf(values)
        if wild.any():
            infinite.update(dict.fromkeys(matrix.loc[wild, "week"].unique(), name))
        known = values[~np.isnan(values)]
        if CODEBOOKS_OF[name] and not CODEBOOKS_OF[name](weeks[0], weeks[-1]):
            continue  # the codes of the other codebook were not in use
        if known.size == 0 or (known == known[0]).all():
            constant.append(name)
    yield verdict(ASSET, "finite", infinite, "no feature is infinite", {"features": len(NUMERIC)})
    enough = len(matrix) >= CONSTANT_AFTER_ROWS
    yield verdict(
        ASSET,
        "not_constant",
        weeks[-1:] if constant and enough else [],
        f"no feature is constant over {CONSTANT_AFTER_ROWS} rows or more",
        {"rows": len(matrix), "constant": ", ".join(constant) or "none", "judged": enough},
        severity=WARN,
    )

    # The last week has the longest past, the middle one the most future that could leak.
    sample = sorted({weeks[len(weeks) // 2], weeks[-1]})
    changed: dict[date, str] = {}
    compared = 0
    for week in sample:
        stored = matrix[matrix["week"] == week].sort_values("inspection_id").reset_index(drop=True)
        rebuilt = rebuilt_without_future(database, week).sort_values("inspection_id").reset_index(drop=True)
        columns = [feature.name for feature in FEATURES]
        unequal = [name for name in columns if not stored[name].equals(rebuilt[name])]
        compared += len(stored)
        if unequal:
            changed[week] = ", ".join(unequal[:5])
    yield verdict(
        ASSET,
        "point_in_time",
        changed,
        "features do not change when the future does",
        {"weeks_sampled": ", ".join(map(str, sample)), "rows_compared": compared},
    )
