import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.modeling.persistence import FittedModel, load
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule
from food_inspections_dagster.modeling.scoring import SCORE_TYPES, rank
from food_inspections_dagster.modeling.training import train_and_backtest

FEATURES: Features = (("rate", "numeric"), ("noise", "numeric"), ("kind", "categorical"))
PHRASES = {"rate": lambda value: "rate", "noise": lambda value: "noise", "kind": lambda value: "kind"}


@pytest.fixture(scope="module")
def models(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> dict[str, FittedModel]:
    models = {}
    for name in ("xgboost", "knn"):
        trained = train_and_backtest(specs[name], schedule, "failed", FEATURES, rows, [date(2010, 10, 4)], "v1")
        models[name] = load(trained.models[trained.weeks[0].model_id or ""])
    return models


@pytest.fixture(scope="module")
def some(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.tail(200).drop_duplicates("establishment_id").reset_index(drop=True)


def test_the_list_is_in_order_of_probability_with_its_reasons(
    models: dict[str, FittedModel], some: pd.DataFrame
) -> None:
    model = models["xgboost"]
    ranked = rank(model, "group", some[["establishment_id"]], some, date(2010, 10, 11), PHRASES)
    assert ranked.columns.tolist() == ["establishment_id", *SCORE_TYPES]
    assert ranked["rank"].tolist() == list(range(1, len(some) + 1))
    assert ranked["score"].is_monotonic_decreasing
    score = dict(zip(some["establishment_id"], model.predict(some), strict=True))
    assert ranked["score"].tolist() == [score[i] for i in ranked["establishment_id"]]
    assert ranked["score"].duplicated().any()  # ties are in the order of establishment_id
    assert all(part["establishment_id"].is_monotonic_increasing for _, part in ranked.groupby("score"))
    top = json.loads(ranked["contributions"][0])
    assert next(iter(top)) == ranked["reason_1"][0] and all(value > 0 for value in top.values())
    assert (ranked["model_id"] == model.model_id).all() and (ranked["model_group"] == "group").all()


def test_only_the_places_that_the_algorithm_explains_get_reasons(
    models: dict[str, FittedModel], some: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(models["knn"].algorithm), "explained_ranks", 7)
    ranked = rank(models["knn"], "group", some[["establishment_id"]], some, date(2010, 10, 11), PHRASES)
    assert ranked["reason_1"].notna().sum() == 7 and ranked["reason_1"][:7].notna().all()
    assert (ranked["contributions"][7:] == "{}").all()


def test_a_score_that_rests_on_little_says_so_in_its_last_reason(
    models: dict[str, FittedModel], some: pd.DataFrame
) -> None:
    model, day = models["xgboost"], date(2010, 10, 11)
    visits = np.arange(len(some)) % 3
    plain = rank(model, "g", some[["establishment_id"]], some, day, PHRASES)
    ranked = rank(model, "g", some[["establishment_id"]], some, day, PHRASES, visits=visits)
    past = dict(zip(some["establishment_id"], visits.tolist(), strict=True))
    words = {0: "never inspected before", 1: "known from one visit only"}
    columns = ["reason_1", "reason_2", "reason_3"]
    lines = (table[columns].itertuples(index=False) for table in (plain, ranked))
    for before, after, place in zip(*lines, ranked["establishment_id"], strict=True):
        given = [phrase for phrase in before if not pd.isna(phrase)]
        expected = given if past[place] == 2 else [*given[:2], words[past[place]]]
        assert [phrase for phrase in after if not pd.isna(phrase)] == expected
    unknown = rank(model, "g", some[["establishment_id"]], some, day, PHRASES, visits=visits, located=visits < 2)
    assert (unknown[columns] == "its location is unknown").any(axis=1).sum() == (visits == 2).sum()


def test_no_cohort_gives_no_rows(models: dict[str, FittedModel], some: pd.DataFrame) -> None:
    nobody = some.head(0)
    assert rank(models["xgboost"], "g", nobody[["establishment_id"]], nobody, date(2010, 10, 11), PHRASES).empty
