"""Inputs of the rows whose signal is known."""

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.rules import Features

FEATURES: Features = (
    ("rate", "numeric"),
    ("failures", "numeric"),
    ("sparse", "numeric"),
    ("noise", "numeric"),
    ("constant", "numeric"),
    ("unknown", "numeric"),
    ("kind", "categorical"),
)


@pytest.fixture(scope="session")
def features() -> Features:
    """Features of every kind, also one that is constant and one that is never known."""
    return FEATURES


@pytest.fixture(scope="session")
def inputs(rows: pd.DataFrame) -> Inputs:
    """The rows as arrays."""
    return Inputs.of(rows, FEATURES)


@pytest.fixture(scope="session")
def label(rows: pd.DataFrame) -> np.ndarray:
    """Whether each row failed."""
    return rows["failed"].to_numpy(dtype=bool)
