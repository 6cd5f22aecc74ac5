import io
from datetime import date

import numpy as np
import pandas as pd
import pytest
from matplotlib import image, rcParams

from food_inspections_dagster import schemas
from food_inspections_dagster.modeling import metrics, plots
from food_inspections_dagster.modeling.rules import AuditRule, Schedule, ValidationRule
from food_inspections_dagster.modeling.schemas import BIAS_REPORT, OUTSIDE, REFERENCE, TOO_SMALL, WITHIN
from food_inspections_dagster.weeks import WEEK

METRICS = {"roc_auc": "AUC"}


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


def _evaluations() -> pd.DataFrame:
    week = [date(2013, 4, 1), date(2013, 7, 1), date(2013, 9, 30)]
    values = {
        "week": week * 2,
        "label": ["failed"] * 6,
        "model_group": ["xgboost"] * 3 + ["baseline"] * 3,
        "roc_auc": [0.66, 0.64, 0.68, 0.52, 0.55, None],
        "roc_auc_low": [0.62, 0.6, 0.64, 0.48, 0.5, None],
        "roc_auc_high": [0.7, 0.68, 0.72, 0.56, 0.6, None],
    }
    return pd.DataFrame(values).sample(frac=1, random_state=0)


def _auditions() -> pd.DataFrame:
    week = [date(2013, 7, 1), date(2013, 9, 30)]
    rules = ["random"] * 2 + ["best_current_value"] * 2
    return pd.DataFrame({"week": week * 2, "label": "failed", "rule": rules, "regret": [0.1, 0.12, 0, 0.02]})


def _figures() -> dict[str, bytes]:
    rng = np.random.default_rng(0)
    score = rng.beta(2, 6, 500)
    deciles = metrics.calibration(score, rng.random(500) < score)
    return {
        "scores": plots.score_histogram(score, "Scores", capacity=50),
        "calibration": plots.calibration_curve(deciles, "Calibration"),
        "disparity": plots.disparity_chart(_table(), "facility_type", "fpr", AuditRule(), "FPR"),
        "splits": plots.temporal_splits(date(2014, 9, 1), Schedule(), ValidationRule(test_durations=(13, 26))),
        "over time": plots.metrics_over_time(_evaluations(), METRICS, "AUC"),
        "reliability": plots.reliability_curves(
            {"failed": {"xgboost": deciles, "ridge": deciles.head(6)}}, "Reliability"
        ),
        "regret": plots.regret_by_rule(_auditions(), "Regret"),
    }


@pytest.fixture(scope="module")
def figures() -> dict[str, bytes]:
    return _figures()


def test_figures_are_drawn_pngs(figures: dict[str, bytes]) -> None:
    for data in figures.values():
        pixels = image.imread(io.BytesIO(data))
        assert min(pixels.shape[:2]) >= 250
        colours = (pixels * 255).astype(np.int64) @ (1 << 8 * np.arange(pixels.shape[2]))
        assert len(np.unique(colours)) > 20


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
    longer = plots.temporal_splits(date(2014, 9, 1), Schedule(), ValidationRule(test_durations=(13, 27)))
    assert longer != figures["splits"]
    values = _evaluations()
    assert (
        plots.metrics_over_time(values.assign(roc_auc=values["roc_auc"] + 0.01), METRICS, "AUC") != figures["over time"]
    )
    other = _auditions()
    assert plots.regret_by_rule(other.assign(regret=other["regret"] * 2), "Regret") != figures["regret"]


def test_the_order_of_rows_changes_no_picture(figures: dict[str, bytes]) -> None:
    assert plots.metrics_over_time(_evaluations().sort_values("roc_auc"), METRICS, "AUC") == figures["over time"]
    assert plots.regret_by_rule(_auditions()[::-1], "Regret") == figures["regret"]


def test_of_many_periods_the_newest_are_drawn() -> None:
    weeks = [date(2010, 1, 4) + 13 * WEEK * at for at in range(plots.PERIODS + 5)]
    values = _evaluations().dropna().iloc[:1].drop(columns="week").merge(pd.DataFrame({"week": weeks}), how="cross")
    shown = values[values["week"] > weeks[4]]
    pictures = [plots.metrics_over_time(of, METRICS, "AUC") for of in (values, shown, shown.iloc[1:])]
    assert pictures[0] == pictures[1] != pictures[2]


def test_each_label_has_a_panel_and_no_line_of_another() -> None:
    one = _auditions()
    two = pd.concat([one, one.assign(label="critical_violation")])
    widths = [image.imread(io.BytesIO(plots.regret_by_rule(of, "Regret"))).shape[1] for of in (one, two)]
    assert widths[0] < widths[1]


def test_nothing_to_draw_is_said_in_the_picture() -> None:
    empty = metrics.calibration(np.empty(0), np.empty(0, dtype=bool))
    for data in (
        plots.score_histogram(np.empty(0), "Scores", capacity=5),
        plots.calibration_curve(empty, "Calibration"),
        plots.disparity_chart(_table().head(0), "facility_type", "fpr", AuditRule(), "FPR"),
        plots.temporal_splits(date(2009, 1, 5), Schedule(), ValidationRule()),
        plots.metrics_over_time(_evaluations().head(0), METRICS, "AUC"),
        plots.reliability_curves({"failed": {"xgboost": empty}}, "Reliability"),
        plots.regret_by_rule(_auditions().head(0), "Regret"),
    ):
        assert data.startswith(b"\x89PNG")
