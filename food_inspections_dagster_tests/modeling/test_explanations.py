from collections.abc import Callable
from datetime import date

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.explanations import reasons
from food_inspections_dagster.modeling.persistence import FittedModel, load
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule
from food_inspections_dagster.modeling.training import train_and_backtest

FEATURES: Features = (
    ("rate", "numeric"),
    ("sparse", "numeric"),
    ("noise", "numeric"),
    ("kind", "categorical"),
)


def _phrase(name: str) -> Callable[[object], str]:
    return lambda value: f"{name} is unknown" if value is None else f"{name} is {value}"


PHRASES = {name: _phrase(name) for name, _ in FEATURES}


@pytest.fixture(scope="module")
def models(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> dict[str, FittedModel]:
    models = {}
    for name, spec in specs.items():
        trained = train_and_backtest(spec, schedule, "failed", FEATURES, rows, [date(2010, 10, 4)], "v1")
        models[name] = load(trained.models[trained.weeks[0].model_id or ""])
    return models


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_what_sets_a_row_apart_is_named_first(name: str, models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    some = rows.iloc[-40:].reset_index(drop=True)
    why = reasons(models[name], some, PHRASES, top=2)
    contributions = models[name].contributions(some)
    window = models[name].card["training_window"]
    raised = models[name].predict(some) >= window["positives"] / window["rows"]
    assert raised.any() and not raised.all() and why["row"].nunique() > 30
    for row in why["row"].unique():
        part = why.loc[why["row"] == row]
        terms = contributions[int(row)]
        sign = 1 if raised[int(row)] else -1
        strongest = [FEATURES[i][0] for i in np.argsort(-terms * sign, kind="stable")[:2] if terms[i] * sign > 0]
        assert part["feature"].tolist() == strongest
        assert part["place"].tolist() == list(range(1, len(strongest) + 1))
        assert set(part["direction"]) == {"raises" if sign > 0 else "lowers"}
        assert part["contribution"].tolist() == pytest.approx(
            [terms[[n for n, _ in FEATURES].index(f)] for f in strongest]
        )


def test_reasons_follow_the_signal(models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    some = rows.iloc[:2].copy()
    some["rate"] = pd.Series([0.95, 0.0]).astype(rows["rate"].dtype).array
    # Both typical in what is noise, or a close call of kNN could name it.
    some["sparse"] = some["noise"] = pd.Series([0.0, 0.0]).astype(rows["noise"].dtype).array
    some["kind"] = pd.Series(["Grocery Store", "Restaurant"]).astype(rows["kind"].dtype).array
    for name in ALGORITHMS:
        why = reasons(models[name], some, PHRASES, top=1)
        assert why["feature"].tolist() == ["rate", "rate"]
        assert why["direction"].tolist() == ["raises", "lowers"]
        assert why["phrase"][0].startswith("rate is 0.94") or why["phrase"][0].startswith("rate is 0.95")


def test_unknown_values_reach_the_phrase_as_none(models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    some = rows.iloc[:30].assign(
        rate=pd.Series([None] * 30).astype(rows["rate"].dtype).array,
        kind=pd.Series([None] * 30).astype(rows["kind"].dtype).array,
    )
    why = reasons(models["xgboost"], some, PHRASES, top=4)
    of_rate = why.loc[why["feature"] == "rate"]
    assert len(of_rate) and set(of_rate["phrase"]) == {"rate is unknown"} and of_rate["value"].isna().all()


def test_baseline_has_one_reason(models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    assert set(reasons(models["baseline"], rows.head(50), PHRASES, top=3)["feature"]) == {"rate"}


def test_no_rows_no_reasons(models: dict[str, FittedModel], rows: pd.DataFrame) -> None:
    nothing = reasons(models["knn"], rows.head(0), PHRASES)
    assert nothing.empty and nothing.dtypes.equals(reasons(models["knn"], rows.head(3), PHRASES).dtypes)
