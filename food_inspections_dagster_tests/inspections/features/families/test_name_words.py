"""Surprises at places with a word of its name."""

import math
from typing import Any

import numpy as np
import pandas as pd
from hypothesis import given, settings

from food_inspections_dagster.inspections.features import compute_features
from food_inspections_dagster.inspections.features.families.name_words import FAMILY, VALUES, words_of
from food_inspections_dagster_tests.inspections.features import naive
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, MONDAYS, spine, tables


def has_word(names: pd.Series, word: str) -> Any:
    return np.array([isinstance(name, str) and word in words_of(name) for name in names], dtype=bool)


@settings(max_examples=15)
@given(naive.HISTORY)
def test_they_equal_a_naive_reading(records):
    clean = tables(records)
    beyond = naive.surprises(clean.inspections)
    wanted = []
    for place, day in naive.PAIRS:
        past, row = naive.before(beyond, day), {}
        words = words_of(naive.last_known(clean.inspections, place, day, "dba_name") or "")
        for name in VALUES:
            of_words = []
            for word in words:
                same = past[has_word(past["dba_name"], word)]
                of_words.append(naive.numbers(same, f"beyond_{name}").sum() / (len(same) + 20))
            row[f"name_beyond_{name}_mean"] = np.mean(of_words) if of_words else math.nan
            row[f"name_beyond_{name}_max"] = max(of_words, default=math.nan)
        wanted.append(row)
    naive.assert_equal(FAMILY, clean, wanted)


def test_words_are_those_of_the_name_and_pairs_of_them_without_what_says_nothing():
    assert words_of("The Golden-Wok of Chicago, Inc. #2") == [
        "GOLDEN", "WOK", "CHICAGO", "GOLDEN WOK", "WOK CHICAGO",
    ]  # fmt: skip
    assert words_of("SUBWAY SUBWAY") == ["SUBWAY", "SUBWAY SUBWAY"]
    assert words_of("A & B, LLC") == []


def test_a_new_place_is_judged_by_the_word_that_it_shares():
    def visit(place: str, name: str, week, result: str) -> dict:
        return FAILED_CANVASS | {"establishment_id": place, "dba_name": name, "week": week, "results": result}

    records = [visit("L1", "GOLDEN WOK", week, "Fail") for week in MONDAYS[:5]]
    records += [visit("L2", "BAKERY", week, "Pass") for week in MONDAYS[:5]]
    records += [visit("L3", "WOK EXPRESS", MONDAYS[5], "No Entry"), visit("L4", "A & B", MONDAYS[5], "No Entry")]
    rows = compute_features(spine([(place, MONDAYS[6]) for place in ("L3", "L2", "L4")]), tables(records))
    highest, mean = rows["name_beyond_failed_max"], rows["name_beyond_failed_mean"]
    assert highest[0] > 0.05 and abs(mean[0] - highest[0] / 3) < 1e-6  # of WOK, EXPRESS and the pair
    assert highest[1] < 0 and rows.loc[2, [feature.name for feature in FAMILY.features]].isna().all()
