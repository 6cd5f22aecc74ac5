from datetime import date

import plotly.graph_objects as go

from food_inspections_dagster.serving import queries as shared
from food_inspections_dagster.serving.dashboard import monitoring, queries
from food_inspections_dagster.serving.dashboard.filters import Filters
from food_inspections_dagster_tests.serving.dashboard.pages import Answers, with_id, words

LABELS = (shared.LABELS, [{"label": "failed"}])
WEEKS = [date(2012, 1, 2), date(2012, 1, 9)]


def outcome(week, kind, subset, **values):
    names = (
        *("model_group", "window_found", "found_share_low", "found_share_high", "training_predicted_share"),
        *("list_precision_at_k", "list_mean_days_earlier", "calibration_error", "roc_auc", "promised_roc_auc"),
        *("promised_precision_at_k", "precision_at_k", "verdict", "training_inspections"),
    )
    usual = {"predicted_share": 0.25, "found_share": 0.2, "training_found_share": 0.22, "window_inspections": 90}
    row = {"week": week, "subset_kind": kind, "subset": subset, "window_first": WEEKS[0]}
    return {**dict.fromkeys(names), **usual, **row, **values}


def moved(name, verdict, kind="feature"):
    numbers = dict.fromkeys(("psi_by_chance", "js_distance", "reference_mean", "mean"), 0.1)
    row = {"week": WEEKS[1], "window_first": WEEKS[0], "psi": 0.51}
    return {**row, **numbers, "kind": kind, "name": name, "verdict": verdict}


def test_predicted_and_trained_shares_stand_by_facility_type(publication):
    rows = [
        outcome(week, kind, subset)
        for week in WEEKS
        for kind, subset in (("all", "all"), ("facility_type", "Restaurant"), ("facility_type", "School"))
    ]
    rows[-3] = outcome(WEEKS[1], "all", "all", verdict="below the promise", roc_auc=0.512, promised_roc_auc=0.634)
    rows[-1] = outcome(WEEKS[1], "facility_type", "School", predicted_share=0.333, training_found_share=0.444)
    drift = [moved("failed", "drift", "score"), moved("age_days", "drift"), moved("risk", "stable")]
    over_time = [{**one, "week": week} for week in WEEKS for one in drift[:1]]
    answers = Answers(
        LABELS,
        (queries.OUTCOMES_OVER_TIME, rows),
        (queries.NEWEST_DRIFT, drift),
        (queries.SCORE_DRIFT_OVER_TIME, over_time),
    )
    made = monitoring.layout(answers, publication, Filters(), is_simulated=True, dagster_url="")
    text = words(made)
    assert "Below the promise." in text and "0.512, promised 0.634" in text
    assert "Predicted share" in text and "Trained share" in text and "33.3%" in text and "44.4%" in text
    assert "2 of 3 inputs and chances have moved" in text
    by_kind = go.Figure(with_id(made, "outcomes-facility-type").figure)
    assert {line.name for line in by_kind.data} == {"Restaurant", "School"}
    assert go.Figure(with_id(made, "outcomes-over-time").figure).data[2].name == "trained share"


def test_what_is_not_made_yet_is_said(reads, publication):
    nowhere = {"is_simulated": True, "dagster_url": ""}
    absent = words(monitoring.layout(Answers(LABELS, tables=False), publication, Filters(), **nowhere))
    assert "The table outcomes is not made yet" in absent and "The table drift is not made yet" in absent
    none = words(monitoring.layout(Answers(LABELS), publication, Filters(), **nowhere))
    assert "No list has come true yet" in none and "Nothing to compare yet" in none
