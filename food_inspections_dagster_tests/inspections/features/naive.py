"""What routine inspections find, what is expected of them and what is beyond it: a naive reading, record by record."""

import math
from collections.abc import Iterable, Mapping
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import strategies as st

from food_inspections_dagster.inspections.features.declarations import Family
from food_inspections_dagster.inspections.features.matrix import past_of
from food_inspections_dagster.inspections.features.tables import Tables
from food_inspections_dagster_tests.inspections.features.histories import EVERYONE, RECORD, spine

PAIRS = EVERYONE[::9]  # of place and day
_ROUTINE = {
    "inspection_type": st.sampled_from(["Canvass"] * 5 + ["Complaint"]),
    "is_reinspection": st.sampled_from([False] * 5 + [True]),
    "results": st.sampled_from(["Pass", "Fail", "Pass w/ Conditions", "Pass", "Fail", "No Entry"]),
}
# Most of the random records are no routine inspections: here most are, so that much is expected and exceeded.
HISTORY = st.lists(st.builds(lambda record, of: record | of, RECORD, st.fixed_dictionaries(_ROUTINE)), max_size=25)
NAMES = ("critical", "serious", "failed", "minor", "clean")


def in_order(inspections: pd.DataFrame) -> pd.DataFrame:
    return inspections.sort_values(["inspection_date", "inspection_id"])


def routine(inspections: pd.DataFrame) -> pd.DataFrame:
    """Return the routine inspections in the order of day and id, with what each brought to light."""
    decided = inspections["results"].isin(["Pass", "Fail", "Pass w/ Conditions"])
    kept = inspections[decided & ~inspections["is_reinspection"] & (inspections["inspection_type"] == "Canvass")]
    return in_order(kept).assign(
        critical=lambda f: f["critical_count"] > 0,
        serious=lambda f: f["serious_count"] > 0,
        failed=lambda f: f["results"] == "Fail",
        minor=lambda f: f["minor_count"].clip(upper=12),
        clean=lambda f: f["minor_count"] == 0,
    )


def surprises(inspections: pd.DataFrame) -> pd.DataFrame:
    """Return the routine inspections of which something was expected, with what was beyond it."""
    visits = routine(inspections)
    beyond = visits.copy()
    for name in NAMES:
        due = np.array([_expected(visits, visit, name) for visit in visits.itertuples()], dtype=float)
        beyond[f"beyond_{name}"] = numbers(visits, name) - due
    beyond["beyond_grave"] = (beyond["beyond_critical"] + beyond["beyond_serious"] / 3) * 0.75
    return beyond[beyond["beyond_critical"].notna()]


def _expected(visits: pd.DataFrame, visit: Any, name: str) -> float:
    monday = visit.inspection_date - timedelta(days=visit.inspection_date.weekday())
    return drawn(visits, equals(visits["zip"], visit.zip), name, monday, 60, 3)


def before(visits: pd.DataFrame, day: date) -> pd.DataFrame:
    return visits[visits["inspection_date"] < day]


def equals(column: pd.Series, value: Any) -> Any:
    """Return which rows have a value; none where it is unknown."""
    return [False] * len(column) if value is None or value is pd.NA else (column == value).fillna(False)


def weights(visits: pd.DataFrame, day: date, tau: float) -> np.ndarray:
    return np.array([math.exp(-(day - at).days / tau) for at in visits["inspection_date"]])


def numbers(visits: pd.DataFrame, name: str) -> np.ndarray:
    return visits[name].to_numpy(dtype=float)


def drawn(visits: pd.DataFrame, part: Any, name: str, day: date, tau: float, prior: float) -> float:
    """Return the fading mean of a part of the visits before a day (flags or weights), drawn towards that of all."""
    earlier = (visits["inspection_date"] < day).to_numpy()
    past, part = visits[earlier], np.asarray(part, dtype=float)[earlier]
    if not len(past):
        return math.nan
    weight = weights(past, day, tau)
    base = (weight * numbers(past, name)).sum() / weight.sum()
    return ((part * weight * numbers(past, name)).sum() + prior * base) / ((part * weight).sum() + prior)


def last_known(inspections: pd.DataFrame, place: str, day: date, column: str) -> Any:
    """Return the newest value that the records of a place before a day have; None for none."""
    records = before(in_order(inspections[inspections["establishment_id"] == place]), day)
    values = records[column].dropna()
    return values.iloc[-1] if len(values) else None


def assert_equal(family: Family, given: Tables, wanted: Iterable[Mapping[str, float]]) -> None:
    """Compare features of a family with what is wanted of each of ``PAIRS``; NaN is unknown."""
    past, back = past_of(spine(PAIRS), given)
    computed = {feature.name: np.asarray(feature.values(past))[back] for feature in family.features}
    for i, (pair, row) in enumerate(zip(PAIRS, wanted, strict=True)):
        assert row.keys() <= computed.keys()
        for name, value in row.items():
            assert computed[name][i] == pytest.approx(value, abs=2e-5, nan_ok=True), (name, *pair)
