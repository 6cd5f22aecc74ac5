import json
from datetime import date

import pandas as pd
import pytest

from food_inspections_dagster.modeling import published
from food_inspections_dagster.modeling.published import MODELS, PRIORITIES
from food_inspections_dagster.modeling.schemas import SCORES
from food_inspections_dagster.schemas import typed, validated

WEEK = date(2013, 2, 4)


def scores(*rows):
    """Lists: each row gives label, rank and expected_find."""
    plain = {
        **dict.fromkeys(("expected_find_low", "expected_find_high", "own_risk", "priority"), 0.5),
        **dict.fromkeys(("contributions", "dba_name", "facility_type", "model_group", "model_id"), "x"),
        "week": WEEK,
        "visits": 1,
        "as_of_date": WEEK,
    }
    known = [
        {
            **plain,
            "label": label,
            "establishment_id": f"L{rank}",
            "expected_find": find,
            **dict.fromkeys(("rank", "expected_find_rank", "own_risk_rank"), rank),
        }
        for label, rank, find in rows
    ]
    return typed({name: [row.get(name) for row in known] for name in SCORES.columns}, SCORES)


def register(*ids):
    return pd.DataFrame(
        {
            "week": WEEK,
            "establishment_id": list(ids),
            "community_area": "LOOP",
            "side": "Central",
            "chain_or_single": None,
        }
    )


def test_a_list_promises_the_finds_of_its_first_places_label_by_label():
    listed = scores(("failed", 2, 0.25), ("failed", 1, 0.5), ("critical_violation", 1, 0.1), ("failed", 3, 0.125))
    rows = published.priorities(listed, register("L1", "L2", "L3"))
    validated(PRIORITIES, rows)
    assert rows[["label", "rank", "expected_finds"]].to_numpy().tolist() == [
        ["critical_violation", 1, 0.1],
        ["failed", 1, 0.5],
        ["failed", 2, 0.75],
        ["failed", 3, 0.875],
    ]
    assert set(rows["side"]) == {"Central"} and rows["chain_or_single"].isna().all()


def decision(selected="knn"):
    metric = {"value": 0.7, "standard_error": 0.1, "low": 0.6, "high": 0.8}
    return {
        "selected": selected,
        "first_week": "2012-02-06",
        "last_week": "2013-02-04",
        "rows": 900,
        "reasons": ["knn is best."],
        "files": {},
        "candidates": [
            {"group": "ridge", "model_id": "r1", "excluded": [], "metrics": {"roc_auc": metric}, "calibration": []},
            {"group": "knn", "model_id": None, "excluded": ["too few"], "metrics": {}, "calibration": [{"a": 1}]},
        ],
    }


def test_every_candidate_stands_beside_the_one_in_use():
    rows = published.models(WEEK, {"failed": decision()}, lambda of: {"algorithm": of["selected"]})
    validated(MODELS, rows)
    knn, ridge = rows.to_dict("records")
    assert (knn["model_group"], knn["is_selected"], ridge["is_selected"]) == ("knn", True, False)
    assert json.loads(knn["card"]) == {"algorithm": "knn"} and pd.isna(ridge["card"])
    assert json.loads(knn["reasons"]) == ["knn is best."] and json.loads(ridge["reasons"]) == []
    assert (ridge["roc_auc"], ridge["roc_auc_low"], ridge["roc_auc_high"]) == (0.7, 0.6, 0.8)
    assert pd.isna(knn["roc_auc"]) and json.loads(knn["excluded"]) == ["too few"]
    assert ridge["evaluated_rows"] == 900


@pytest.mark.parametrize("decisions", [{}, {"failed": decision(selected=None)}], ids=["none", "nothing chosen"])
def test_where_nothing_is_in_use_no_card_is_asked_for(decisions):
    def card(of):
        raise AssertionError(of)

    rows = published.models(WEEK, decisions, card)
    validated(MODELS, rows)
    assert len(rows) == 2 * len(decisions) and not rows["is_selected"].any()
