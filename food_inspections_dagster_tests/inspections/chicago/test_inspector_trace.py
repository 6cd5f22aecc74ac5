from datetime import date, timedelta

import numpy as np

from food_inspections_dagster.inspections.chicago.inspector_trace import VISITS_A_DAY, inspector_trace

DAY = date(2013, 5, 6)


def test_a_thousand_numbers_are_one_device() -> None:
    ids = [205, 206, 1205, 1206, 2205, 2206]
    days = [DAY + timedelta(days=i) for i in range(6)]
    assert inspector_trace(ids, days).to_pylist() == ["block -1", "block 0", "block 0", "block 1", "block 1", "block 2"]


def test_a_block_with_more_visits_a_day_than_one_makes_is_shared() -> None:
    one = [206 + i for i in range(2 * VISITS_A_DAY)]
    shared = [10_206 + i for i in range(2 * VISITS_A_DAY + 1)]
    days = [DAY + timedelta(days=i % 2) for i in range(len(one))]
    many = [DAY + timedelta(days=i % 2) for i in range(len(shared))]
    trace = inspector_trace(one + shared, days + many).to_pylist()
    # Five a day on average are one inspector's work, one visit more is not.
    assert trace == ["block 0"] * len(one) + [None] * len(shared)
    spread = [DAY + timedelta(days=i % 3) for i in range(len(shared))]
    assert inspector_trace(shared, spread).to_pylist() == ["block 10"] * len(shared)


def test_the_order_of_the_rows_does_not_matter() -> None:
    rng = np.random.default_rng(0)
    ids = rng.choice(np.arange(206, 9_206), 400, replace=False)
    days = np.array([DAY + timedelta(days=int(d)) for d in rng.integers(0, 9, 400)])
    trace = np.array(inspector_trace(ids, days).to_pylist(), dtype=object)
    order = rng.permutation(400)
    assert inspector_trace(ids[order], days[order]).to_pylist() == trace[order].tolist()
    assert None in set(trace) and len(set(trace)) > 3


def test_no_rows() -> None:
    trace = inspector_trace(np.empty(0, dtype=np.int64), np.empty(0, dtype="datetime64[D]"))
    assert trace.to_pylist() == [] and str(trace.type) == "string"
