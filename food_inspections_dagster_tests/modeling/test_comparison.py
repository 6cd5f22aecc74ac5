import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.comparison import Inspections, _Reordering, paired, promote
from food_inspections_dagster.modeling.metrics import Estimate


def _rows(rng: np.random.Generator, n: int = 400) -> tuple[np.ndarray, Inspections]:
    risk = rng.normal(0, 1, n)
    rows = Inspections(
        rng.random(n) < 1 / (1 + np.exp(1 - risk)),
        rng.integers(16_000, 16_060, n),
        rng.integers(0, int(0.9 * n), n),
        rng.integers(-1, 12, n),
    )
    return risk, rows


@settings(max_examples=50)
@given(st.data())
def test_a_row_that_counts_twice_is_two_rows(data: st.DataObject) -> None:
    n = data.draw(st.integers(2, 12))

    def integers(most: int) -> np.ndarray:
        return np.array(data.draw(st.lists(st.integers(0, most), min_size=n, max_size=n)))

    score, days, label, weight = integers(3) / 3, integers(9), integers(1).astype(bool), integers(2)
    label[0], weight[0] = True, 1
    score_of, days_of, label_of = (np.repeat(values, weight) for values in (score, days, label))
    expected = metrics.reorder(score_of, days_of, np.zeros(len(days_of), dtype=int)).days_earlier[label_of].mean()
    assert _Reordering(score, label, days).mean_days_earlier(weight.astype(float)) == pytest.approx(expected)


def test_differences_are_those_of_the_metrics() -> None:
    rng = np.random.default_rng(0)
    one, rows = _rows(rng)
    other = np.round(one + rng.normal(0, 1, len(one)), 1)
    found = paired(one, other, rows, draws=50)
    auc = metrics.roc_auc(one, rows.label) - metrics.roc_auc(other, rows.label)
    error = metrics.clustered_auc_se(one, rows.label, rows.establishment, other)
    assert found.roc_auc == Estimate.of(auc, error, 0.95)
    period = np.zeros(len(one), dtype=int)
    days = [metrics.reorder(s, rows.days, period).days_earlier[rows.label].mean() for s in (one, other)]
    assert found.mean_days_earlier.value == pytest.approx(days[0] - days[1])
    within = [
        np.array(
            [
                [(s[i] > s[j]) + (s[i] == s[j]) / 2 for s in (one, other)]
                for i in np.flatnonzero(rows.label)
                for j in np.flatnonzero(~rows.label)
                if rows.zip[i] == rows.zip[j] >= 0
            ]
        ).mean(axis=0)
    ]
    assert found.roc_auc_within_zip.value == pytest.approx(within[0][0] - within[0][1])
    assert paired(one, other, rows, draws=50) == found
    assert paired(other, one, rows, draws=50).roc_auc.value == pytest.approx(-auc)
    assert paired(one, other, rows, draws=50, seed=1).mean_days_earlier != found.mean_days_earlier


def test_a_score_does_not_differ_from_itself() -> None:
    one, rows = _rows(np.random.default_rng(1))
    found = paired(one, one, rows, draws=20)
    assert (found.roc_auc.value, found.roc_auc.standard_error) == (0, 0)
    assert (found.mean_days_earlier.value, found.mean_days_earlier.standard_error) == (0, 0)
    assert found.roc_auc_within_zip == Estimate(0.0)


def test_what_is_undefined_has_no_value() -> None:
    one, rows = _rows(np.random.default_rng(1))
    none = Inspections(np.zeros(len(one), dtype=bool), rows.days, rows.establishment, rows.zip)
    found = paired(one, -one, none, draws=5)
    assert found.roc_auc == found.roc_auc_within_zip == found.mean_days_earlier == Estimate(None)


def test_errors_are_those_of_repeated_samples() -> None:
    rng = np.random.default_rng(5)
    values, errors = [], []
    for _ in range(120):
        one, rows = _rows(rng, 300)
        found = paired(one, one + rng.normal(0, 1, len(one)), rows, draws=60)
        estimates = (found.mean_days_earlier, found.roc_auc_within_zip, found.roc_auc)
        values.append([estimate.value for estimate in estimates])
        errors.append([estimate.standard_error for estimate in estimates])
    # 120 samples know a standard deviation to 7 %.
    assert np.mean(errors, axis=0) == pytest.approx(np.std(values, axis=0), rel=0.2)


CLEAR, NOISE = Estimate(0.02, 0.005, 0.01, 0.03), Estimate(0.02, 0.02, -0.02, 0.06)


@pytest.mark.parametrize(
    ("challenger", "incumbent", "metric", "gain", "outside", "promoted", "words"),
    [
        ("ridge", None, "roc_auc", Estimate(None), (3, 0), True, "no group was in force before"),
        ("ridge", "ridge", "roc_auc", Estimate(0.0), (0, 0), False, "it is what the rule chooses"),
        ("ridge", "xgboost", "roc_auc", CLEAR, (2, 2), True, "ridge replaces xgboost: its roc_auc differs by +0.0200"),
        (
            "ridge",
            "xgboost",
            "roc_auc",
            NOISE,
            (0, 2),
            False,
            "xgboost stays in force: ridge is not shown to be better",
        ),
        ("ridge", "xgboost", "roc_auc", CLEAR, (3, 2), False, "3 groups outside the bounds, not 2"),
        ("ridge", "xgboost", "roc_auc", Estimate(0.1), (0, 0), False, "no interval is known"),
        ("ridge", "xgboost", "roc_auc", Estimate(None), (0, 0), False, "undefined on their rows"),
        ("ridge", "xgboost", "brier", CLEAR, (0, 0), False, "not shown to be better"),
        ("ridge", "xgboost", "brier", Estimate(-0.02, 0.005, -0.03, -0.01), (0, 0), True, "ridge replaces xgboost"),
    ],
)
def test_a_challenger_needs_a_gain_outside_the_noise_and_no_worse_audit(
    challenger: str,
    incumbent: str | None,
    metric: str,
    gain: Estimate,
    outside: tuple[int, int],
    promoted: bool,
    words: str,
) -> None:
    found = promote(challenger, incumbent, metric, gain, outside)
    assert found.promoted == promoted
    assert words in found.sentence
    assert found.sentence.endswith(".")
