from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import training
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, Schedule
from food_inspections_dagster.modeling.splits import weeks_needed
from food_inspections_dagster.modeling.training import TrainedWeeks, train_and_backtest, usable_rows
from food_inspections_dagster.weeks import week_range

FEATURES: Features = (
    ("rate", "numeric"),
    ("failures", "numeric"),
    ("sparse", "numeric"),
    ("kind", "categorical"),
)
WEEKS = week_range(date(2010, 1, 4), date(2011, 2, 21))


def _train(
    spec: AlgorithmSpec, schedule: Schedule, rows: pd.DataFrame, weeks: list[date] = WEEKS, **more: object
) -> TrainedWeeks:
    return train_and_backtest(spec, schedule, "failed", FEATURES, rows, weeks, "v1", **more)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def trained(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> dict[str, TrainedWeeks]:
    return {name: _train(spec, schedule, rows) for name, spec in specs.items()}


def test_calendar_of_models(trained: dict[str, TrainedWeeks]) -> None:
    weeks = {entry.week: entry for entry in trained["xgboost"].weeks}
    first, last_without = weeks[date(2010, 1, 4)], weeks[date(2010, 3, 29)]
    assert (
        first.model_id is None and first.reason == "60 training rows from 2010-01-04 to 2010-01-04, and 300 are needed"
    )
    assert first.backtest_reason == "the calendar begins with 2010-01-04"
    assert last_without.model_id is None
    at_anchor = weeks[date(2010, 4, 5)]
    assert at_anchor.anchor == date(2010, 4, 5) and at_anchor.model_id and at_anchor.backtest_model_id is None
    assert weeks[date(2010, 4, 12)].backtest_model_id == at_anchor.model_id
    assert weeks[date(2010, 7, 5)].backtest_model_id == at_anchor.model_id != weeks[date(2010, 7, 5)].model_id
    assert len(trained["xgboost"].models) == 4 == len(trained["xgboost"].fitted)


def test_backtest_has_each_labelled_row_of_scored_weeks_once(
    trained: dict[str, TrainedWeeks], rows: pd.DataFrame
) -> None:
    for outcome in trained.values():
        backtest = outcome.backtest
        expected = rows.loc[(rows["week"] >= date(2010, 4, 12)) & (rows["week"] <= date(2011, 2, 21))]
        assert sorted(backtest["inspection_id"]) == sorted(expected["inspection_id"])
        assert backtest["week"].is_monotonic_increasing and backtest["score"].between(0, 1).all()
        model_of = {entry.week: entry.backtest_model_id for entry in outcome.weeks}
        assert (backtest["model_id"] == backtest["week"].map(model_of)).all()


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_a_week_rebuilt_alone_is_the_same_bytes(
    name: str,
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
) -> None:
    week = date(2010, 11, 8)
    first, last = weeks_needed([week], schedule)
    needed = rows.loc[(rows["week"] >= first) & (rows["week"] <= last)].sample(frac=1, random_state=1)
    alone = _train(specs[name], schedule, needed, [week])
    whole = trained[name]
    assert alone.weeks[0] == next(entry for entry in whole.weeks if entry.week == week)
    pd.testing.assert_frame_equal(
        alone.backtest,
        whole.backtest.loc[whole.backtest["week"] == week].reset_index(drop=True),
        check_exact=True,
    )
    assert all(whole.models[model_id] == files for model_id, files in alone.models.items())


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_nothing_in_a_week_knows_what_came_after(
    name: str,
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
) -> None:
    week = date(2010, 11, 8)
    later = rows["week"] > week
    dtype = rows["rate"].dtype
    changed = rows.assign(
        failed=rows["failed"].where(~later, ~rows["failed"]),
        rate=rows["rate"].where(~later, pd.Series([0.0] * len(rows), dtype=dtype)),
    )
    known = trained[name].backtest
    again = _train(specs[name], schedule, changed).backtest
    pd.testing.assert_frame_equal(known.loc[known["week"] <= week], again.loc[again["week"] <= week], check_exact=True)


def test_known_models_are_reused_only_where_nothing_changed(
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    whole = trained["logistic_regression"]
    store: dict[date, Mapping[str, bytes]] = {
        entry.anchor: whole.models[entry.model_id] for entry in whole.weeks if entry.model_id and entry.anchor
    }
    fits = []
    original = training.algorithms.fit

    def counted(*arguments: Any) -> Any:
        fits.append(1)
        return original(*arguments)

    monkeypatch.setattr(training.algorithms, "fit", counted)
    spec = specs["logistic_regression"]

    again = _train(spec, schedule, rows, known=store.get)
    assert not fits and not again.fitted and again.models == whole.models
    pd.testing.assert_frame_equal(again.backtest, whole.backtest, check_exact=True)

    # A correction of one early label reaches the anchors whose window holds it, and no other one.
    at = int(np.flatnonzero(rows["week"] == date(2010, 2, 1))[0])
    failed = rows["failed"].copy()
    failed.iloc[at] = not failed.iloc[at]
    corrected = _train(spec, schedule, rows.assign(failed=failed), known=store.get)
    assert len(corrected.fitted) == 2 == len(fits)
    other = _train(replace(spec, parameters={"C": 0.2}), schedule, rows, known=store.get)
    assert len(other.fitted) == 4 and not set(other.models) & set(whole.models)


@pytest.mark.parametrize(
    "damage",
    [{"model.skops": b"PK"}, {"model.skops": b""}, {"model.json": b"{"}, {"model.json": b""}],
    ids=["cut", "empty", "card cut", "card empty"],
)
def test_a_damaged_known_model_is_fitted_again(
    damage: dict[str, bytes],
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
) -> None:
    entry = trained["knn"].weeks[-1]
    assert entry.model_id and entry.backtest_model_id
    files = {**trained["knn"].models[entry.backtest_model_id], **damage}
    again = _train(specs["knn"], schedule, rows, [entry.week], known=lambda anchor: files)
    assert set(again.fitted) == {entry.model_id, entry.backtest_model_id}
    assert all(trained["knn"].models[model_id] == files for model_id, files in again.models.items())


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_fits_side_by_side_give_the_bytes_of_one_after_the_other(
    name: str,
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
) -> None:
    for workers in (1, 4):
        again = _train(specs[name], schedule, rows, workers=workers)
        assert again.models == trained[name].models and again.weeks == trained[name].weeks
        assert again.fitted == trained[name].fitted
        pd.testing.assert_frame_equal(again.backtest, trained[name].backtest, check_exact=True)


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_at_one_anchor_is_raised(
    workers: int, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    def known(anchor: date) -> None:
        if anchor == date(2010, 10, 4):
            raise FoodInspectionsError("The store is gone: start it.")

    with pytest.raises(FoodInspectionsError, match="The store is gone"):
        _train(specs["baseline"], schedule, rows, known=known, workers=workers)


@pytest.mark.parametrize("value", [True, False])
def test_one_class_gives_no_model_but_a_reason(
    value: bool, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    same = rows.assign(failed=pd.Series([value] * len(rows)).astype(rows["failed"].dtype).array)
    outcome = _train(specs["xgboost"], schedule, same)
    assert not outcome.models and outcome.backtest.empty
    assert outcome.weeks[-1].reason == f"all 1560 training rows from 2010-07-12 to 2011-01-03 have failed = {value}"
    assert outcome.backtest.dtypes.equals(_train(specs["xgboost"], schedule, rows.head(0)).backtest.dtypes)


def test_no_weeks_and_no_rows() -> None:
    assert (
        train_and_backtest(
            AlgorithmSpec("x", "xgboost"), Schedule(), "failed", FEATURES, pd.DataFrame(), [], "v1"
        ).weeks
        == ()
    )


def test_only_first_visits_of_scheduled_types_with_a_decision_count(rows: pd.DataFrame) -> None:
    some = rows.head(8).reset_index(drop=True)
    bits = some["failed"].dtype
    some["inspection_type"] = pd.Series(["Canvass", "Complaint", *["Canvass"] * 6]).astype(some["zip"].dtype).array
    some["is_reinspection"] = pd.Series([False, False, True, *[False] * 5]).astype(bits).array
    some["in_cohort"] = pd.Series([True, True, True, False, *[True] * 4]).astype(bits).array
    some["failed"] = pd.Series([True, True, True, True, None, False, True, False]).astype(bits).array
    positions = usable_rows(some, "failed", Schedule())
    assert sorted(positions) == [0, 5, 6, 7] and some["inspection_id"].iloc[positions].is_monotonic_increasing
    with pytest.raises(FoodInspectionsError, match="label 'passed' is unknown"):
        usable_rows(some, "passed", Schedule())


def test_training_metrics_are_in_sample(trained: dict[str, TrainedWeeks]) -> None:
    for outcome in trained.values():
        for files in outcome.models.values():
            card = load(files).card
            assert card["training_metrics"]["rows"] <= training.IN_SAMPLE_ROWS
            assert card["training_metrics"]["roc_auc"] > 0.6
