"""Means that fade, surprises and what rests on them, against a naive reading of their descriptions."""

import math
from datetime import date, timedelta
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster.inspections.features.families.name_words import words_of
from food_inspections_dagster_tests.inspections.features.histories import (
    EVERYONE,
    FAILED_CANVASS,
    HISTORY,
    MONDAYS,
    spine,
    tables,
)

NAMES = ("critical", "serious", "failed", "minor", "clean")


def routine(inspections: pd.DataFrame) -> pd.DataFrame:
    """Return the routine inspections in the order of day and id, with what they found."""
    decided = inspections["results"].isin(["Pass", "Fail", "Pass w/ Conditions"])
    kept = inspections[decided & ~inspections["is_reinspection"] & (inspections["inspection_type"] == "Canvass")]
    return kept.sort_values(["inspection_date", "inspection_id"]).assign(
        critical=lambda f: f["critical_count"] > 0,
        serious=lambda f: f["serious_count"] > 0,
        failed=lambda f: f["results"] == "Fail",
        minor=lambda f: f["minor_count"].clip(upper=12),
        clean=lambda f: f["minor_count"] == 0,
    )


def weights(visits: pd.DataFrame, day: date, tau: float) -> np.ndarray:
    return np.array([math.exp(-(day - at).days / tau) for at in visits["inspection_date"]])


def numbers(visits: pd.DataFrame, name: str) -> np.ndarray:
    return visits[name].to_numpy(dtype=float)


def drawn(visits: pd.DataFrame, own: Any, name: str, day: date, tau: float, prior: float) -> float:
    """Return the fading mean of some of the visits before a day, drawn towards that of all."""
    before = (visits["inspection_date"] < day).to_numpy()
    past, own = visits[before], np.asarray(own, dtype=float)[before]
    weight = weights(past, day, tau)
    if not len(past):
        return math.nan
    base = (weight * numbers(past, name)).sum() / weight.sum()
    return ((own * weight * numbers(past, name)).sum() + prior * base) / ((own * weight).sum() + prior)


def expected(visits: pd.DataFrame, visit: Any, name: str) -> float:
    monday = visit.inspection_date - timedelta(days=visit.inspection_date.weekday())
    same = (visits["zip"] == visit.zip).fillna(False)
    return drawn(visits, same, name, monday, 60, 3)


def known(records: pd.DataFrame, column: str) -> Any:
    values = records[column].dropna()
    return values.iloc[-1] if len(values) else None


def near(at: tuple[float, float], visits: pd.DataFrame, h: float) -> list[float]:
    """Return the weights of visits by distance, both ends in the middle of a cell's corner as cells are counted."""

    def cell(latitude: float, longitude: float) -> tuple[float, float]:
        return math.floor(latitude * 111.2 / (h / 3)), math.floor((longitude + 90) * 82.8 / (h / 3))

    here = cell(*at)
    far = [
        math.inf if pd.isna(a) or pd.isna(b) else math.dist(here, cell(a, b))
        for a, b in zip(visits["latitude"], visits["longitude"], strict=True)
    ]
    return [math.exp(-sides / 3) if sides <= 24 else 0.0 for sides in far]


@settings(max_examples=15, deadline=None)
@given(HISTORY)
def test_they_equal_a_naive_reading(records):
    given = tables(records)
    everything = given.inspections.sort_values(["inspection_date", "inspection_id"])
    visits = routine(given.inspections)
    surprises = visits.copy()
    for name in NAMES:
        due = np.array([expected(visits, visit, name) for visit in visits.itertuples()], dtype=float)
        surprises[f"beyond_{name}"] = numbers(visits, name) - due
    surprises["beyond_grave"] = (surprises["beyond_critical"] + surprises["beyond_serious"] / 3) * 0.75
    surprises = surprises[surprises["beyond_critical"].notna()]
    pairs = EVERYONE[::9]
    fast = compute_features(spine(pairs), given)
    for i, (entity, day) in enumerate(pairs):
        mine = everything[(everything["establishment_id"] == entity) & (everything["inspection_date"] < day)]
        past = surprises[surprises["inspection_date"] < day]
        own = past[past["establishment_id"] == entity]
        want: dict[str, float] = {}
        in_zip = (visits["zip"] == known(mine, "zip")).fillna(False) if known(mine, "zip") else [False] * len(visits)
        place = mine.dropna(subset=["latitude"])
        at = near((place["latitude"].iloc[-1], -87.65), visits, 0.9) if len(place) else [0.0] * len(visits)
        for name in ("critical", "serious", "failed"):
            want[f"zip_{name}_60d"] = drawn(visits, in_zip, name, day, 60, 3)
            want[f"near_{name}_900m_60d"] = drawn(visits, at, name, day, 60, 0.5)
        for name in ("grave", "critical", "failed", "minor", "clean"):
            weight = weights(own, day, 540)
            want[f"beyond_{name}"] = (weight * numbers(own, f"beyond_{name}")).sum() / (weight.sum() + 2)
        want["beyond_grave_ever"] = numbers(own, "beyond_grave").sum() / (len(own) + 3)
        want["beyond_failed_last"] = numbers(own, "beyond_failed")[-1] if len(own) else 0.0
        name_words = words_of(known(mine, "dba_name") or "")
        of_words = []
        for word in name_words:
            same = past[np.array([isinstance(n, str) and word in words_of(n) for n in past["dba_name"]], dtype=bool)]
            of_words.append(numbers(same, "beyond_critical").sum() / (len(same) + 20))
        want["name_beyond_critical_mean"] = np.mean(of_words) if of_words else math.nan
        want["name_beyond_critical_max"] = max(of_words, default=math.nan)
        for name, value in want.items():
            found = fast[name].iloc[i]
            if math.isnan(value):
                assert pd.isna(found), (name, entity, day)
            else:
                assert found == pytest.approx(value, abs=2e-5), (name, entity, day)


def test_a_place_that_fails_where_all_do_is_no_surprise_and_one_that_fails_alone_is():
    def visits(others: str) -> list[dict]:
        places = [f"L{i}" for i in range(2, 8)]
        return [
            FAILED_CANVASS | {"week": week, "establishment_id": place, "results": "Fail" if place == "L1" else others}
            for week in MONDAYS[:6]
            for place in ("L1", *places)
        ]

    asked = spine([("L1", MONDAYS[8])])
    among_failing, alone = (compute_features(asked, tables(visits(of)))["beyond_failed"][0] for of in ("Fail", "Pass"))
    assert abs(among_failing) < 0.05 < 0.3 < alone


def test_the_words_of_a_name_are_its_own_and_pairs_without_what_says_nothing():
    assert words_of("The Golden-Wok of Chicago, Inc. #2") == [
        "GOLDEN", "WOK", "CHICAGO", "GOLDEN WOK", "WOK CHICAGO",
    ]  # fmt: skip
    assert words_of("SUBWAY SUBWAY") == ["SUBWAY", "SUBWAY SUBWAY"]
    assert words_of("A & B, LLC") == []
