"""The rule that rows keep the schema of their table: over all that is stored, and over a row that breaks it."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import Rows, Table
from food_inspections_dagster.orchestration.stages import keeps_schema
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.world import World

ENTRIES = [entry for entry in catalog.FIXED.values() if entry.schema is not None]


@dataclass(frozen=True)
class Breach:
    """A value that a row must not have."""

    entry: Rows | Table
    column: str
    value: Any

    def __str__(self) -> str:
        return f"{self.entry.asset}-{self.column}"


BREACHES = [
    *(Breach(entry, "week", lambda week: week + timedelta(days=1)) for entry in ENTRIES),
    Breach(catalog.INSPECTIONS, "results", "Eaten"),
    Breach(catalog.INSPECTIONS, "establishment_id", None),
    Breach(catalog.INSPECTIONS, "inspection_date", lambda day: day + timedelta(days=14)),
    Breach(catalog.INSPECTIONS, "violation_count", -1),
    Breach(catalog.VIOLATIONS, "ordinal", 0),
    Breach(catalog.VIOLATIONS, "severity", "awful"),
    Breach(catalog.FEATURE_MATRIX, "beyond_failed", float("inf")),
    Breach(catalog.FEATURE_MATRIX, "beyond_failed", 1.5),
    Breach(catalog.BACKTEST_SCORES, "label", "eaten"),
    Breach(catalog.BACKTEST_SCORES, "own_risk", 1.5),
    Breach(catalog.BACKTEST_SCORES, "in_cohort", None),
    Breach(catalog.BACKTEST_SCORES, "model_id", ""),
    Breach(catalog.EVALUATIONS, "score", "score"),
    Breach(catalog.EVALUATIONS, "roc_auc", -0.5),
    Breach(catalog.EVALUATIONS, "roc_auc_low", 1.5),
    Breach(catalog.EVALUATIONS_AT_K, "unit", "share"),
    Breach(catalog.EVALUATIONS_AT_K, "precision_best", 1.5),
    Breach(catalog.AUDITIONS, "regret", -0.1),
    Breach(catalog.AUDITIONS, "rule", ""),
    Breach(catalog.CROSS_VALIDATIONS, "fold", 0),
    Breach(catalog.CROSS_VALIDATIONS, "roc_auc", 1.5),
    Breach(catalog.LIST_EFFECTS, "rows", 0),
    Breach(catalog.LIST_EFFECTS, "low", 1e6),
    Breach(catalog.REMEDY_PRICES, "finds_with", -1),
    Breach(catalog.AREA_NOTES, "sentence", ""),
    Breach(catalog.BIAS_REPORT, "label", "eaten"),
    Breach(catalog.BIAS_REPORT, "value", 1.5),
    Breach(catalog.BIAS_REPORT, "verdict", "fine"),
    Breach(catalog.BIAS_VERDICTS, "sentence", ""),
    Breach(catalog.BIAS_VERDICTS, "group_size", -1),
    Breach(catalog.OUTCOMES, "found", -1),
    Breach(catalog.OUTCOMES, "label", "eaten"),
    Breach(catalog.OUTCOMES, "gap_high", -2.0),
    Breach(catalog.OUTCOMES, "verdict", "fine"),
    Breach(catalog.DRIFT, "kind", "label"),
    Breach(catalog.DRIFT, "psi", -0.1),
    Breach(catalog.DRIFT, "verdict", None),
    Breach(catalog.SCORES, "expected_find", 1.5),
    Breach(catalog.SCORES, "own_risk", -0.1),
    Breach(catalog.SCORES, "priority", None),
    Breach(catalog.SCORES, "own_risk_rank", 0),
    Breach(catalog.SCORES, "visits", -1),
    Breach(catalog.SCORES, "rank", 0),
    Breach(catalog.DATA_PROFILE, "span", "yesterday"),
    Breach(catalog.DATA_PROFILE, "measure", "beauty"),
    Breach(catalog.DATA_PROFILE, "value", None),
    Breach(catalog.REJECTED_INSPECTIONS, "reason", "no reason"),
]


# What the small city may have none of, and what a row of it holds.
MAY_BE_EMPTY = {
    catalog.REJECTED_INSPECTIONS.asset: {"reason": "unknown_result"},
    catalog.AREA_NOTES.asset: {"label": "failed", "places": 1},
}


def stored_rows(world: World, entry: Rows | Table) -> pd.DataFrame:
    rows = world.rows(entry) if isinstance(entry, Rows) else world.table(str(entry))
    if entry.asset in MAY_BE_EMPTY and rows.empty:
        row = dict.fromkeys(rows.columns, "x") | {"week": CITY[3], **MAY_BE_EMPTY[entry.asset]}
        rows = pd.DataFrame({name: pd.Series([value], dtype=rows.dtypes[name]) for name, value in row.items()})
    return rows[list(entry.schema.columns)]


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.asset)
def test_what_is_stored_keeps_its_schema(stored_city, entry):
    rows = stored_rows(stored_city, entry)
    assert len(rows)
    judged = keeps_schema(entry).apply(CITY, **{entry.asset: rows})
    assert judged.passed, judged.sentence
    assert judged.rule.blocking and not judged.rule.of_store, "what is bad is refused before it is stored"


@pytest.mark.parametrize("breach", BREACHES, ids=str)
def test_one_row_that_breaks_it_is_refused(stored_city, breach):
    rows = stored_rows(stored_city, breach.entry).reset_index(drop=True)
    column = rows[breach.column]
    at = int(column.notna().to_numpy().nonzero()[0][0])
    values = pa.array(column).to_pylist()
    values[at] = breach.value(values[at]) if callable(breach.value) else breach.value
    rows[breach.column] = pd.Series(pa.array(values, column.dtype.pyarrow_dtype)).astype(column.dtype)
    judged = keeps_schema(breach.entry).apply(CITY, **{breach.entry.asset: rows})
    # A week that is no Monday is none of the run's: there is no row to name, so all of them are at fault.
    assert {*judged.verdict.failing} >= ({*CITY} if breach.column == "week" else {rows["week"][at]})
    assert (
        breach.column in judged.description
        or "inspection_date" in judged.description
        or "in_week" in judged.description
    )


@pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.asset)
def test_a_column_that_is_missing_fails_every_week(stored_city, entry):
    rows = stored_rows(stored_city, entry)
    judged = keeps_schema(entry).apply(CITY, **{entry.asset: rows.drop(columns=rows.columns[-1])})
    assert not judged.passed
    assert set(judged.verdict.failing) >= set(rows["week"])
