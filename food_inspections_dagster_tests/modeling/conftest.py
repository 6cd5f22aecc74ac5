"""Feature rows with a signal that is known, small enough to fit models in a blink."""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Schedule

FIRST = date(2010, 1, 4)
NUMERIC = ("rate", "failures", "sparse", "noise", "constant", "unknown")
TYPES: Mapping[str, pa.DataType] = {
    "week": pa.date32(),
    "inspection_id": pa.int64(),
    "establishment_id": pa.string(),
    "inspection_date": pa.date32(),
    "inspection_type": pa.string(),
    "is_reinspection": pa.bool_(),
    "in_cohort": pa.bool_(),
    "facility_type": pa.string(),
    "zip": pa.string(),
    "risk": pa.int16(),
    "failed": pa.bool_(),
    "critical_violation": pa.bool_(),
    "serious_count": pa.int16(),
    **{name: pa.float32() for name in NUMERIC},
    "kind": pa.string(),
}


def make_rows(weeks: int = 60, per_week: int = 60, seed: int = 1) -> pd.DataFrame:
    """Return feature rows; ``rate``, ``failures`` and ``kind`` carry signal."""
    rng = np.random.default_rng(seed)
    n = weeks * per_week
    week = np.repeat(np.arange(weeks), per_week)
    establishment = rng.integers(0, n // 3, n)
    bad = rng.normal(0, 1, n // 3)[establishment]
    kind = rng.choice(["Restaurant", "Grocery Store", "School", "Rare"], n, p=[0.7, 0.2, 0.095, 0.005])
    rate = np.clip(0.3 + 0.15 * bad + rng.normal(0, 0.1, n), 0, 1)
    failures = rng.poisson(np.exp(0.5 * bad))
    log_odds = -1.6 + 1.1 * bad + 0.6 * (kind == "Grocery Store")
    sparse = rng.normal(0, 1, n)
    sparse[rng.random(n) < 0.4] = np.nan
    values: dict[str, Any] = {
        "week": [FIRST + timedelta(days=7 * int(w)) for w in week],
        "inspection_id": rng.permutation(n) + 1_000,
        "establishment_id": [f"L{e}" for e in establishment],
        "inspection_date": [
            FIRST + timedelta(days=int(7 * w + d)) for w, d in zip(week, rng.integers(0, 5, n), strict=True)
        ],
        "inspection_type": ["Canvass"] * n,
        "is_reinspection": [False] * n,
        "in_cohort": [True] * n,
        "facility_type": kind,
        "zip": rng.choice(["60614", "60601", "60619", "99999"], n),
        "risk": rng.choice([1, 2, 3], n),
        "failed": rng.random(n) < 1 / (1 + np.exp(-log_odds)),
        "critical_violation": rng.random(n) < 1 / (1 + np.exp(2.0 - 0.6 * bad)),
        "rate": rate,
        "failures": failures,
        "sparse": sparse,
        "noise": rng.normal(0, 1, n),
        "constant": np.full(n, 3.0),
        "unknown": np.full(n, np.nan),
        "kind": kind,
        "serious_count": rng.poisson(np.exp(0.6 * bad - 0.7)),
    }
    return frames.table(values, TYPES)


@pytest.fixture(scope="session")
def rows() -> pd.DataFrame:
    """Feature rows of 60 weeks; do not change them."""
    return make_rows()


@pytest.fixture(scope="session")
def schedule() -> Schedule:
    """A calendar small enough for the rows."""
    return Schedule(update_weeks=13, training_window_weeks=26, min_training_rows=300, calibration_weeks=26)


@pytest.fixture(scope="session")
def specs() -> dict[str, AlgorithmSpec]:
    """One recipe per algorithm, small."""
    return {
        "xgboost": AlgorithmSpec("xgboost", "xgboost", {"n_estimators": 30, "min_child_weight": 5.0}),
        "logistic_regression": AlgorithmSpec("logistic_regression", "logistic_regression", {"C": 0.1}),
        "knn": AlgorithmSpec("knn", "knn", {"n_neighbors": 60, "selected_columns": 5, "components": 3}),
        "baseline": AlgorithmSpec("baseline", "baseline", {"feature": "rate"}),
        "ridge": AlgorithmSpec("ridge", "ridge", {"alpha": 100.0}),
        "rank_mean": AlgorithmSpec(
            "rank_mean",
            "rank_mean",
            {"members": {"ridge": {}, "xgboost": {"n_estimators": 30, "min_child_weight": 5.0}}},
        ),
        "estimator": AlgorithmSpec(
            "estimator", "estimator", {"estimator_parameters": {"n_estimators": 20, "min_samples_leaf": 20}}
        ),
    }
