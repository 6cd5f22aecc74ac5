"""Sums that fade, against a plain sum over all records."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.inspections.features.fading import faded, faded_by_group, means

TAUS = (14.0, 365.0)
RECORDS = st.lists(st.tuples(st.integers(-1, 2), st.integers(0, 900), st.integers(-5, 5)), max_size=20)
ASKED = st.lists(st.tuples(st.integers(-1, 3), st.integers(-5, 1_000)), min_size=1, max_size=10)


def columns(rows: list[tuple[int, ...]], width: int) -> list[np.ndarray]:
    return list(np.array(rows, dtype=np.int64).reshape(-1, width).T)


def by_group(records: list[tuple[int, int, int]], asked: list[tuple[int, int]]) -> np.ndarray:
    (groups, days, values), (at, when) = columns(records, 3), columns(asked, 2)
    return faded_by_group(groups, days, [np.ones_like(values), values], TAUS, when, at)


@given(RECORDS, ASKED)
def test_sums_of_groups_are_those_of_a_plain_reading(records, asked):
    sums = by_group(records, asked)
    assert sums.shape == (len(TAUS), 2, len(asked))
    for i, tau in enumerate(TAUS):
        for j, (group, day) in enumerate(asked):
            past = [(math.exp((at - day) / tau), v) for g, at, v in records if g == group >= 0 and at < day]
            want = [sum(weight for weight, _ in past), sum(weight * value for weight, value in past)]
            assert sums[i, :, j] == pytest.approx(want, abs=1e-9)


@given(RECORDS, ASKED, st.randoms())
def test_no_bit_depends_on_what_is_asked_beside_on_the_future_or_on_the_order(records, asked, random):
    together = by_group(records, asked)
    shuffled = random.sample(records, len(records))
    for j, (group, day) in enumerate(asked):
        past = [record for record in shuffled if record[1] < day]
        alone = by_group(past, [(group, day)])
        assert np.array_equal(together[:, :, j], alone[:, :, 0])


def test_what_a_day_brings_counts_from_the_day_after():
    days, brought = np.array([10, 20]), [np.array([[1.0, 0.0]]), np.array([[2.0, 4.0]])]
    asked, at = np.array([10, 11, 20, 30, 30]), np.array([0, 0, 0, 0, 1])
    sums = faded(days, brought, 1, [10.0], asked, at)[0, 0]
    e = math.exp(-1)
    assert sums == pytest.approx([0, math.exp(-0.1), e, e**2 + 2 * e, 4 * e])


def test_means_are_drawn_to_those_of_the_city():
    # One tau; the count and one value, of a place with two records, one without, and before the city's first.
    sums, city = np.array([[[2.0, 0, 0], [2, 0, 0]]]), np.array([[[8.0, 8, 0], [2, 2, 0]]])
    drawn = means(sums, city, prior=2.0)
    assert drawn.shape == (1, 1, 3)
    assert drawn[0, 0, :2].tolist() == [(2 + 2 * 0.25) / 4, 0.25] and np.isnan(drawn[0, 0, 2])
