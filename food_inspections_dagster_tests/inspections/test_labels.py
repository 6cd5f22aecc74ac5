import pyarrow as pa

from food_inspections_dagster.inspections.labels import LABELS, critical_violation, failed
from food_inspections_dagster.modeling import rules

RESULTS = pa.array(["Pass", "Fail", "Pass w/ Conditions", "No Entry", "Out of Business"])


def test_failed_is_null_without_a_decision():
    assert failed(RESULTS).to_pylist() == [False, True, False, None, None]


def test_critical_violation_is_null_without_a_decision():
    counts = pa.array([0, 0, 2, 1, 0], pa.int16())
    assert critical_violation(RESULTS, counts).to_pylist() == [False, False, True, None, None]


def test_the_method_knows_the_same_labels():
    """It imports nothing of the domain, so it names them; the settings take targets of the method's labels only."""
    assert rules.LABELS == LABELS
