from datetime import date

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster import schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.resampling import cross_validate, folds_of
from food_inspections_dagster.modeling.schemas import CROSS_VALIDATIONS

N = 600
RNG = np.random.default_rng(0)
RISK = RNG.beta(2, 8, N)
LABEL = RNG.random(N) < RISK
ESTABLISHMENT = RNG.integers(0, 350, N)


def test_folds_hold_every_row_once_keep_establishments_together_and_the_share_of_the_label() -> None:
    folds = folds_of(LABEL, ESTABLISHMENT, 5, seed=1)
    assert np.array_equal(np.sort(np.concatenate([judged for _, judged in folds])), np.arange(N))
    for fit_on, judged in folds:
        assert not set(ESTABLISHMENT[fit_on]) & set(ESTABLISHMENT[judged])
        assert len(fit_on) + len(judged) == N
        assert LABEL[judged].mean() == pytest.approx(LABEL.mean(), abs=0.02)
    again = folds_of(LABEL, ESTABLISHMENT, 5, seed=1)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(folds, again, strict=True))


def test_each_fold_is_judged_on_what_it_did_not_learn_from() -> None:
    seen = []

    def fit_predict(fit_on: np.ndarray, judged: np.ndarray) -> np.ndarray:
        seen.append((fit_on, judged))
        return RISK[judged] if len(seen) > 1 else np.full(len(judged), LABEL[fit_on].mean())

    found = cross_validate(fit_predict, LABEL, ESTABLISHMENT, date(2014, 6, 30), "failed", "ridge", folds=4)
    schemas.validated(CROSS_VALIDATIONS, found)
    assert found["fold"].tolist() == [1, 2, 3, 4] and len(seen) == 4
    assert found["roc_auc"][0] == 0.5 and found["calibration_error"][0] < 0.02
    for at, (fit_on, judged) in list(enumerate(seen))[1:]:
        row = found.iloc[at]
        score, label = RISK[judged], LABEL[judged]
        assert (row["rows"], row["training_rows"], row["positives"]) == (len(judged), len(fit_on), label.sum())
        assert row["establishments"] == len(np.unique(ESTABLISHMENT[judged]))
        for name, value in metrics.threshold_free(score, label).items():
            assert row[name] == pytest.approx(value)
        assert row["roc_auc_low"] < row["roc_auc"] < row["roc_auc_high"]
        bins = metrics.calibration(score, label)
        expected = (bins["rows"] * (bins["predicted"] - bins["observed"]).abs()).sum() / len(judged)
        assert row["calibration_error"] == pytest.approx(expected)
    assert (found["week"] == date(2014, 6, 30)).all() and not pd.isna(found).any(axis=None)


def test_too_few_establishments_are_refused() -> None:
    rare = np.zeros(N, dtype=bool)
    rare[ESTABLISHMENT[0] == ESTABLISHMENT] = True
    with pytest.raises(FoodInspectionsError, match=r"5 folds need as many establishments with a positive row.*1"):
        folds_of(rare, ESTABLISHMENT, 5, seed=0)
    with pytest.raises(FoodInspectionsError, match="with a negative row"):
        folds_of(~rare, ESTABLISHMENT, 5, seed=0)
