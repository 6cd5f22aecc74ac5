"""An audit of one week, with counts that are known."""

import pytest

from food_inspections_dagster.modeling.fairness.audits import BiasReport, audit
from food_inspections_dagster_tests.modeling.fairness.cases import COUNTS, RULE, WEEK_0, rows_of


@pytest.fixture(scope="module")
def report() -> BiasReport:
    return audit(rows_of(COUNTS), RULE, WEEK_0)
