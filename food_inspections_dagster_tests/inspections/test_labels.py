from typing import get_args

import pyarrow as pa

from food_inspections_dagster.inspections.labels import LABELS, critical_violation, failed
from food_inspections_dagster.modeling import rules
from food_inspections_dagster.settings.sections import Models

RESULTS = pa.array(["Pass", "Fail", "Pass w/ Conditions", "No Entry", "Out of Business"])


def test_failed_is_null_without_a_decision():
    assert failed(RESULTS).to_pylist() == [False, True, False, None, None]


def test_critical_violation_is_null_without_a_decision():
    counts = pa.array([0, 0, 2, 1, 0], pa.int16())
    assert critical_violation(RESULTS, counts).to_pylist() == [False, False, True, None, None]


def test_the_method_and_the_settings_know_the_same_labels():
    """They import nothing of the domain, so each names them."""
    assert rules.LABELS == LABELS == get_args(Models.model_fields["label"].annotation)
