from datetime import date

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.schemas import BIAS_REPORT, BIAS_VERDICTS, SCORES, VERDICTS
from food_inspections_dagster.modeling.scoring import SCORE_TYPES
from food_inspections_dagster.schemas import arrow_types, typed, validated

WEEK = date(2014, 1, 6)


def _scores(**change: object) -> pd.DataFrame:
    row: dict[str, object] = {
        "week": WEEK,
        "establishment_id": "L1",
        "label": "failed",
        "rank": 1,
        "expected_find_rank": 2,
        "own_risk_rank": 3,
        "expected_find": 0.5,
        "own_risk": 0.4,
        "priority": 0.45,
        "visits": 0,
        "contributions": "{}",
        "facility_type": "Restaurant",
        "last_inspection_date": WEEK,
        "last_result": "Pass",
        "model_group": "knn",
        "model_id": "0" * 32,
        "as_of_date": date(2014, 1, 13),
        **change,
    }
    return typed({name: [row.get(name)] for name in SCORES.columns}, SCORES)


def test_scores_hold_what_a_ranking_adds() -> None:
    types = arrow_types(SCORES)
    assert {name: types[name] for name in SCORE_TYPES} == dict(SCORE_TYPES)
    assert "run_id" not in types and len(validated(SCORES, _scores())) == 1


@pytest.mark.parametrize(
    "change",
    [
        {"expected_find": 1.01},
        {"own_risk": -0.01},
        {"priority": np.nan},
        {"expected_find_low": 1.5},
        {"rank": 0},
        {"own_risk_rank": 0},
        {"label": "passed"},
        {"week": date(2014, 1, 7)},
        {"model_id": None},
        {"visits": -1},
    ],
)
def test_what_is_no_list_is_refused(change: dict[str, object]) -> None:
    with pytest.raises(FoodInspectionsError, match="The table scores breaks its schema"):
        validated(SCORES, _scores(**change))


def test_a_place_stands_once_on_the_list_of_each_label() -> None:
    both = pd.concat([_scores(), _scores(label="critical_violation")], ignore_index=True)
    assert len(validated(SCORES, both)) == 2
    twice = pd.concat([_scores(), _scores(rank=2)], ignore_index=True)
    with pytest.raises(FoodInspectionsError, match="scores"):
        validated(SCORES, twice)


@pytest.mark.parametrize("change", [{"sentence": ""}, {"sentence": None}, {"verdict": "fair"}, {"group_size": -1}])
def test_a_verdict_is_one_of_the_known_and_has_words(change: dict[str, object]) -> None:
    row = {"week": WEEK, "attribute": "risk", "group": "High", "group_size": 9, "verdict": VERDICTS[0], "sentence": "x"}
    assert len(validated(BIAS_VERDICTS, typed({k: [v] for k, v in row.items()}, BIAS_VERDICTS))) == 1
    with pytest.raises(FoodInspectionsError, match="bias_verdicts"):
        validated(BIAS_VERDICTS, typed({k: [v] for k, v in {**row, **change}.items()}, BIAS_VERDICTS))


@pytest.mark.parametrize(
    "change", [{"n": -1}, {"metric": "f1"}, {"value_low": 0.4}, {"value_high": None}, {"value": 2}]
)
def test_an_interval_holds_its_value(change: dict[str, object]) -> None:
    row = {
        "week": WEEK, "model_group": "knn", "attribute": "risk", "group": "High", "reference": "High", "group_size": 9,
        "metric": "fpr", "n": 9, "value": 0.3, "value_low": 0.2, "value_high": 0.5, "disparity": 1.0,
        "disparity_low": None, "disparity_high": None, "majority_reference": "High", "majority_disparity": 1.0,
        "minimum_reference": None, "minimum_disparity": None, "verdict": None,
    }  # fmt: skip
    assert len(validated(BIAS_REPORT, typed({k: [v] for k, v in row.items()}, BIAS_REPORT))) == 1
    with pytest.raises(FoodInspectionsError, match="bias_report"):
        validated(BIAS_REPORT, typed({k: [v] for k, v in {**row, **change}.items()}, BIAS_REPORT))
