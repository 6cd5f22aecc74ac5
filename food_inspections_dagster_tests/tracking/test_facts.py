from datetime import UTC, date, datetime

import orjson
import pandas as pd
import pytest

from food_inspections_dagster.modeling.persistence import dump
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Schedule
from food_inspections_dagster.modeling.schemas import EVALUATED
from food_inspections_dagster.tracking import facts
from food_inspections_dagster.tracking.facts import Key
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.modeling.cases import model_at
from food_inspections_dagster_tests.modeling.conftest import FIRST

WEEK_OF_FIT = date(2010, 10, 4)
SCHEDULE = Schedule(update_weeks=13, training_window_weeks=26, min_training_rows=300, calibration_weeks=26)


def key(kind: str, week: date = WEEK_OF_FIT, group: str = "ridge") -> Key:
    return Key(kind, "abc", week, group, "failed")


def test_a_step_is_a_week_and_its_moment_is_its_end():
    assert facts.step(FIRST) == 0 and facts.step(FIRST + 5 * WEEK) == 5
    assert datetime.fromtimestamp(facts.timestamp(FIRST) / 1000, UTC) == datetime(2010, 1, 11, tzinfo=UTC)


def test_a_fit_has_parameters_metrics_files_and_the_hash_of_its_data(rows):
    model = model_at(
        AlgorithmSpec("ridge", "ridge", {"alpha": 100.0}), (("rate", "numeric"),), SCHEDULE, rows, WEEK_OF_FIT
    )
    files = dump(model)
    fact = facts.fit(key(facts.FIT), model.card, lambda: files, {"dagster_run_id": "run"})
    assert fact.recipe["algorithm"] == "ridge" and fact.recipe["parameters.alpha"] == "100.0"
    assert fact.recipe["features"] == '["rate"]' and fact.recipe["features_count"] == "1"
    window = model.card["training_window"]
    assert fact.metrics["training/rows"] == window["rows"] > 0
    assert fact.metrics["in sample/roc_auc"] == model.card["training_metrics"]["roc_auc"]
    assert fact.files() == {f"fits/2010-10-04/{name}": content for name, content in files.items()}
    assert fact.dataset == ("feature_matrix", model.card["data_hash"])
    assert fact.source["dagster_run_id"] == "run" and fact.source["model_id"] == model.model_id
    # Nothing of one fit is a parameter: those of a run are the same for all of its fits.
    later = {**model.card, "model_id": "other", "data_hash": "other", "training_window": {**window, "rows": 1}}
    assert facts.fit(key(facts.FIT), later, dict, {}).run_key == fact.run_key
    other = {**model.card, "parameters": {**model.card["parameters"], "alpha": 1.0}}
    assert facts.fit(key(facts.FIT), other, dict, {}).run_key != fact.run_key


DECISION = {
    **{"week": "2010-10-04", "first_week": "2010-07-05", "last_week": "2010-10-04", "rows": 100, "positives": 20},
    **{"selected": "ridge", "selected_model_id": "abc", "reasons": ["It is best."], "rule": {"metric": "roc_auc"}},
    "baseline": {"difference": {"value": 0.1, "low": 0.05, "high": 0.15}, "other": "baseline"},
    "candidates": [
        {
            "group": group,
            "metrics": {"roc_auc": {"value": value, "low": 0.4, "high": None}, "brier": None},
            "calibration": [{"predicted": 0.2, "observed": 0.3, "observed_low": 0.1, "observed_high": 0.5}],
        }
        for group, value in (("ridge", 0.7), ("knn[n_neighbors=5]", 0.6))
    ],
}


def test_a_decision_has_its_candidates_and_the_one_in_use():
    fact = facts.decision(key(facts.DECISION, group=facts.DECISIONS), DECISION, {})
    assert fact.metrics["selected/roc_auc"] == fact.metrics["candidate ridge/roc_auc"] == 0.7
    assert fact.metrics["candidate knn_n_neighbors_5_/roc_auc"] == 0.6  # MLflow takes no brackets
    assert fact.metrics["selected/gain over baseline_low"] == 0.05
    assert not any(name.endswith(("brier", "roc_auc_high")) for name in fact.metrics), "what is unknown is no number"
    files = fact.files()
    assert orjson.loads(files["decisions/2010-10-04/document.json"]) == DECISION
    assert files["decisions/2010-10-04/calibration.png"].startswith(b"\x89PNG")
    assert fact.recipe == {"label": "failed", "rule.metric": "roc_auc"}


def test_a_decision_that_chose_nothing_has_no_curve():
    nothing = {**DECISION, "selected": None, "selected_model_id": None, "baseline": None}
    fact = facts.decision(key(facts.DECISION), nothing, {})
    assert list(fact.files()) == ["decisions/2010-10-04/document.json"]
    assert not any(name.startswith("selected") for name in fact.metrics)


def test_an_evaluation_has_all_inspections_as_metrics_and_everything_as_tables():
    numbers = {
        f"{name}{end}": 0.5
        for name, metric in EVALUATED.items()
        for end in ("", *(("_low", "_high") if metric.interval else ()))
    }
    shared = {"test_weeks": 13, "score": "own_risk", "rows": 9, "positives": 3, **numbers, "roc_auc": 0.75}
    wide = pd.DataFrame([{**shared, "subset_kind": kind, "log_loss": None} for kind in ("all", "side")])
    at_k = pd.DataFrame([{"top": 10, "precision": 0.5}])
    fact = facts.evaluation(key(facts.EVALUATION), {"label": "failed"}, wide, at_k, {})
    assert fact.metrics["13 weeks: own_risk/roc_auc"] == 0.75
    assert fact.metrics["13 weeks: own_risk/roc_auc_low"] == 0.5 and fact.metrics["13 weeks: own_risk/rows"] == 9
    assert "13 weeks: own_risk/log_loss" not in fact.metrics
    files = fact.files()
    assert files["evaluations/2010-10-04/evaluations.csv"].count(b"\n") == 3
    assert files["evaluations/2010-10-04/evaluations_at_k.csv"] == b"top,precision\n10,0.5\n"


def test_an_audition_has_the_regret_of_each_rule():
    rows = pd.DataFrame([{"test_weeks": 4, "score": "priority", "rule": "random", "regret": 0.01}])
    fact = facts.audition(key(facts.AUDITION), {}, rows, {})
    assert fact.metrics == {"regret 4 weeks: priority/random": 0.01}
    assert fact.files()["auditions/2010-10-04/auditions.csv"].startswith(b"test_weeks,")


def test_every_fact_says_where_it_was_stored():
    fact = facts.decision(key(facts.DECISION), DECISION, {"dagster_run_id": "run", "content_hash": "hash"})
    (content,) = facts.source_file(fact).values()
    assert orjson.loads(content) == {
        **{"kind": "decision", "content": "abc", "week": "2010-10-04", "model_group": "ridge", "label": "failed"},
        **{"dagster_run_id": "run", "content_hash": "hash", "selected": "ridge", "model_id": "abc"},
    }


@pytest.mark.parametrize(
    ("value", "text"), [("a", "a"), (1.5, "1.5"), (None, "null"), ({"b": 1, "a": 2}, '{"a":2,"b":1}')]
)
def test_parameters_are_texts(value, text):
    assert facts.texts({"name": value}) == {"name": text}
    assert len(facts.texts({"long": "x" * 10_000})["long"]) == facts.MOST_LETTERS


def test_numbers_are_finite():
    assert facts.numbers({"a": 1, "b": None, "c": float("nan"), "d": float("inf"), "e": pd.NA}) == {"a": 1.0}
