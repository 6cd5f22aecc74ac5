"""Rows to audit: of counts that are known, and of chance."""

from datetime import date, timedelta

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.fairness.audits import BiasReport
from food_inspections_dagster.modeling.fairness.rows import with_attributes
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.modeling.cases import BACKTEST_TYPES

WEEK_0 = date(2014, 1, 6)
RULE = AuditRule(attributes=("facility_type",), capacity_share=0.5, min_group_size=20, min_denominator=5)


def rows_of(cells: dict[tuple[str, bool, bool], int], repeat: int = 1) -> pd.DataFrame:
    """Return rows of one week from counts by (facility type, on the list, failed); as many on the list as off it."""
    groups, listed, label = (np.repeat([c[i] for c in cells], list(cells.values())) for i in range(3))
    n = len(groups)
    assert listed.sum() * 2 == n
    frame = frames.table(
        {
            "week": [WEEK_0] * n,
            "inspection_id": range(n),
            "establishment_id": [f"L{i // repeat}" for i in range(n)],
            "inspection_date": [WEEK_0] * n,
            "model_id": ["m"] * n,
            "score": np.where(listed, 0.9, 0.1),
            "label": label,
        },
        BACKTEST_TYPES,
    )
    return frame.assign(facility_type=pd.Series(groups.astype(str)).astype(pd.ArrowDtype(pa.string())).array)


# tp, fp, fn, tn: Restaurant 40, 60, 20, 180; Grocery Store 30, 70, 10, 40; School 30, 90, 10, 60.
COUNTS = {
    ("Restaurant", True, True): 40,
    ("Restaurant", True, False): 60,
    ("Restaurant", False, True): 20,
    ("Restaurant", False, False): 180,
    ("Grocery Store", True, True): 30,
    ("Grocery Store", True, False): 70,
    ("Grocery Store", False, True): 10,
    ("Grocery Store", False, False): 40,
    ("School", True, True): 30,
    ("School", True, False): 90,
    ("School", False, True): 10,
    ("School", False, False): 60,
}


def never_listed() -> dict[tuple[str, bool, bool], int]:
    """The fault's numbers: 463 rows that would pass and none listed, against 48 % of the reference."""
    return {
        ("Restaurant", True, True): 120,
        ("Restaurant", True, False): 1_200,
        ("Restaurant", False, True): 80,
        ("Restaurant", False, False): 740,
        ("School", False, True): 17,
        ("School", False, False): 463,
        ("Bakery", True, False): 20,
        ("Bakery", False, False): 40,
    }


def many_rows(weeks: int = 20, seed: int = 0) -> dict[str, pd.DataFrame]:
    """Return 60 rows a week by model group; the scores of b are those of a turned round."""
    rng = np.random.default_rng(seed)
    n = weeks * 60
    frame = frames.table(
        {
            "week": [WEEK_0 + WEEK * (i // 60) for i in range(n)],
            "inspection_id": rng.permutation(n),
            "establishment_id": [f"L{e}" for e in rng.integers(0, n // 3, n)],
            "inspection_date": [WEEK_0 + WEEK * (i // 60) + timedelta(days=i % 5) for i in range(n)],
            "model_id": ["m"] * n,
            "score": rng.random(n),
            "label": rng.random(n) < 0.3,
        },
        BACKTEST_TYPES,
    )
    attributes = frames.table(
        {
            "inspection_id": frame["inspection_id"],
            "facility_type": rng.choice(["Restaurant", "School"], n),
            "side": rng.choice(["Central", "North", "South"], n),
            "risk": rng.choice(["High", "Low"], n),
        },
        {"inspection_id": pa.int64(), "facility_type": pa.string(), "side": pa.string(), "risk": pa.string()},
    )
    return {
        "a": with_attributes(frame, attributes),
        "b": with_attributes(frame.assign(score=1 - frame["score"]), attributes),
    }


def cell_of(report: BiasReport, group: str, metric: str) -> pd.Series:
    """Return the line of a group and metric in the report."""
    table = report.table
    return table.loc[(table["group"] == group) & (table["metric"] == metric)].iloc[0]
