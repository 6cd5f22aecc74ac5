import numpy as np
import pytest

from food_inspections_portal.city import corrections
from food_inspections_portal.city.violations_text import CONDITIONS, DECIDED, FAIL, PASS


def test_oddities_and_corrections_come_at_tiny_rates():
    words = np.random.default_rng(0).integers(0, 2**62, 1_000_000)
    odd = corrections.oddities(words)
    assert 3e-5 < (odd >= 0).mean() < 1.5e-4
    assert set(np.unique(odd)) == {-1, 0, 1, 2, 3, 4}
    week = np.zeros(len(words), dtype=np.int64)
    text = np.ones(len(words), dtype=bool)
    done = corrections.corrections(words, week, 100, text)
    assert (done.field >= 0).mean() == pytest.approx(0.02, abs=0.002)
    assert (done.day[done.field >= 0] >= 7).all(), "a correction comes in a later week"
    assert (corrections.corrections(words, week, 1, text).field == -1).all()


def test_a_corrected_result_is_another_decision_and_no_decision_stays():
    result = np.array([PASS, FAIL, CONDITIONS, DECIDED, PASS])
    changed = np.array([True, True, True, True, False])
    after = corrections.corrected_results(result, changed)
    assert (after[:3] != result[:3]).all() and (after[:3] < DECIDED).all()
    assert after[3:].tolist() == [DECIDED, PASS]
