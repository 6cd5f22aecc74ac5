from datetime import timedelta

import numpy as np
import pytest
from hypothesis import given, settings

from food_inspections_dagster.inspections.features import Past
from food_inspections_dagster.inspections.features.matrix import past_of
from food_inspections_dagster.inspections.features.surprises import MOST_MINOR, ONE, Surprises, outcomes
from food_inspections_dagster_tests.inspections.features import naive
from food_inspections_dagster_tests.inspections.features.histories import FAILED_CANVASS, MONDAYS, spine, tables

FIRST, SECOND = FAILED_CANVASS, FAILED_CANVASS | {"week": MONDAYS[1]}


def past(records: list[dict]) -> Past:
    return past_of(spine([("L1", MONDAYS[-1])]), tables(records))[0]


@settings(max_examples=25)
@given(naive.HISTORY)
def test_they_equal_a_naive_reading(records):
    surprises, wanted = Surprises.of(past(records)), naive.surprises(tables(records).inspections)
    assert np.flatnonzero(surprises.visits).tolist() == sorted(wanted.index)
    for name in (*naive.NAMES, "grave"):
        values = surprises.values[name]
        assert not values[~surprises.visits].any()
        assert values[wanted.index] / ONE == pytest.approx(naive.numbers(wanted, f"beyond_{name}"), abs=3e-6)


def test_what_a_visit_brought_to_light():
    codes = [3, 3, 21] + [33] * (MOST_MINOR + 3)
    outcome = outcomes(past([FIRST | {"codes": codes}, FIRST | {"results": "Pass", "codes": []}]).records)
    assert {name: values.tolist() for name, values in outcome.items()} == {
        "critical": [1, 0], "serious": [1, 0], "failed": [1, 0], "minor": [MOST_MINOR, 0], "clean": [0, 1],
    }  # fmt: skip


def test_of_the_first_week_nothing_is_expected_and_of_others_what_was_known_on_their_monday():
    in_first_week = FIRST | {"weekday": 4, "results": "Pass"}
    later = [SECOND | {"weekday": day, "results": result} for day, result in ((0, "Pass"), (3, "Fail"))]
    surprises = Surprises.of(past([FIRST, in_first_week, *later]))
    assert surprises.visits.tolist() == [False, False, True, True]
    # One of two failed, the second four days later; Monday's visit is not yet known for Thursday's.
    weight = np.exp(-(MONDAYS[1] - FIRST["week"]) / timedelta(days=60))
    other = np.exp(-(MONDAYS[1] - FIRST["week"] - timedelta(days=4)) / timedelta(days=60))
    expected = weight / (weight + other)
    assert surprises.values["failed"][2:] / ONE == pytest.approx([-expected, 1 - expected], abs=2e-6)


def test_they_are_made_once_for_all_families():
    of_one_family = past([FIRST, SECOND])
    assert Surprises.of(of_one_family) is Surprises.of(of_one_family.for_next_family())
