import io
from datetime import date

import numpy as np
import pandas as pd
import pytest
from matplotlib import image, rcParams

from food_inspections_dagster import schemas
from food_inspections_dagster.modeling import metrics, plots
from food_inspections_dagster.modeling.rules import AuditRule
from food_inspections_dagster.modeling.schemas import BIAS_REPORT, OUTSIDE, REFERENCE, TOO_SMALL, WITHIN


def _table() -> pd.DataFrame:
    groups = ["Restaurant", "School", "Bakery", "Liquor"]
    values = {
        "week": [date(2014, 1, 6)] * 4,
        "model_group": ["xgboost"] * 4,
        "attribute": ["facility_type"] * 4,
        "group": groups,
        "reference": ["Restaurant"] * 4,
        "group_size": [900, 200, 90, 10],
        "metric": ["fpr"] * 4,
        "n": [700, 150, 70, 8],
        "value": [0.2, 0.3, 0.21, 0.9],
        "value_low": [0.18, 0.2, 0.1, 0.5],
        "value_high": [0.22, 0.4, 0.3, 1.0],
        "disparity": [1.0, 1.5, 1.05, 4.5],
        "disparity_low": [None, 1.3, 0.7, None],
        "disparity_high": [None, 1.8, 1.4, None],
        "majority_reference": ["Restaurant"] * 4,
        "majority_disparity": [1.0, 1.5, 1.05, 4.5],
        "minimum_reference": ["Restaurant"] * 4,
        "minimum_disparity": [1.0, 1.5, 1.05, None],
        "verdict": [REFERENCE, OUTSIDE, WITHIN, TOO_SMALL],
    }
    return schemas.typed(values, BIAS_REPORT)


def _figures() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    score = rng.beta(2, 6, 500)
    deciles = metrics.calibration(score, rng.random(500) < score)
    return {
        "scores": plots.score_histogram(score, "Scores", capacity=50),
        "calibration": plots.calibration_curve(deciles, "Calibration"),
        "disparity": plots.disparity_chart(_table(), "facility_type", "fpr", AuditRule(), "FPR"),
    }


@pytest.fixture(scope="module")
def figures() -> dict[str, bytes]:
    return _figures()


def test_figures_are_drawn_pngs(figures: dict[str, bytes]) -> None:
    for data in figures.values():
        pixels = image.imread(io.BytesIO(data))
        assert min(pixels.shape[:2]) >= 250
        assert len(np.unique(pixels.reshape(-1, pixels.shape[2]), axis=0)) > 20


def test_the_same_numbers_give_the_same_bytes_whatever_the_global_style(
    figures: dict[str, bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(rcParams, "axes.facecolor", "yellow")
    monkeypatch.setitem(rcParams, "font.size", 20)
    assert _figures() == figures
    assert rcParams["axes.facecolor"] == "yellow"


def test_different_numbers_give_another_picture(figures: dict[str, bytes]) -> None:
    table = _table()
    other = table.assign(disparity=table["disparity"] * 1.1)
    assert plots.disparity_chart(other, "facility_type", "fpr", AuditRule(), "FPR") != figures["disparity"]


def test_nothing_to_draw_is_said_in_the_picture() -> None:
    empty = metrics.calibration(np.empty(0), np.empty(0, dtype=bool))
    for data in (
        plots.score_histogram(np.empty(0), "Scores", capacity=5),
        plots.calibration_curve(empty, "Calibration"),
        plots.disparity_chart(_table().head(0), "facility_type", "fpr", AuditRule(), "FPR"),
    ):
        assert data.startswith(b"\x89PNG")
