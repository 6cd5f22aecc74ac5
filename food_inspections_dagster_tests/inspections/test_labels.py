import pyarrow as pa

from food_inspections_dagster.inspections.labels import critical_violation, failed

RESULTS = pa.array(["Pass", "Fail", "Pass w/ Conditions", "No Entry", "Out of Business"])


def test_failed_is_null_without_a_decision():
    assert failed(RESULTS).to_pylist() == [False, True, False, None, None]


def test_critical_violation_is_null_without_a_decision():
    counts = pa.array([0, 0, 2, 1, 0], pa.int16())
    assert critical_violation(RESULTS, counts).to_pylist() == [False, False, True, None, None]
