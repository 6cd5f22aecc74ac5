from collections.abc import Mapping
from dataclasses import replace
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import training
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Inputs
from food_inspections_dagster.modeling.calibration import Calibration
from food_inspections_dagster.modeling.persistence import FittedModel, load
from food_inspections_dagster.modeling.rules import LABELS, AlgorithmSpec, Features, Schedule, Target
from food_inspections_dagster.modeling.splits import weeks_needed
from food_inspections_dagster.modeling.training import KnownFiles, TrainedWeeks, train, usable_rows
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.cases import CRITICAL, FAILED, recipe, trained_on, training_rows
from food_inspections_dagster_tests.modeling.conftest import TYPES

FEATURES: Features = (
    ("rate", "numeric"),
    ("failures", "numeric"),
    ("sparse", "numeric"),
    ("kind", "categorical"),
)
WEEKS = week_range(date(2010, 1, 4), date(2011, 2, 21))
#: Fits of the calendar; there is too little before the first of them.
ANCHORS = [date(2010, 4, 5), date(2010, 7, 5), date(2010, 10, 4), date(2011, 1, 3)]


def _train(
    spec: AlgorithmSpec,
    schedule: Schedule,
    rows: pd.DataFrame,
    weeks: list[date] = WEEKS,
    known: KnownFiles | None = None,
    workers: int | None = None,
    targets: tuple[Target, ...] = (FAILED, CRITICAL),
) -> TrainedWeeks:
    return trained_on(recipe(spec, FEATURES, *targets), schedule, rows, weeks, known, workers)


@pytest.fixture(scope="module")
def trained(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> dict[str, TrainedWeeks]:
    return {name: _train(spec, schedule, rows) for name, spec in specs.items()}


def _ids(of: TrainedWeeks, label: str = "failed") -> dict[date, str]:
    """Return the models of a label by anchor."""
    return {e.anchor: e.model_id for e in of.weeks if e.label == label and e.anchor and e.model_id}


def _model(of: TrainedWeeks, anchor: date, label: str = "failed") -> FittedModel:
    return load(of.models[_ids(of, label)[anchor]])


def _stored(of: TrainedWeeks, change: Mapping[str, Mapping[str, bytes]] | None = None) -> KnownFiles:
    """Return what gives the files of trained models, those of some labels changed."""

    def known(anchor: date) -> dict[str, dict[str, bytes]]:
        ids = {label: _ids(of, label).get(anchor) for label in LABELS}
        return {label: {**of.models[i], **(change or {}).get(label, {})} for label, i in ids.items() if i}

    return known


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Get the number of targets of each call that fits."""
    calls: list[int] = []
    original = training.algorithms.fit_many

    def counted(spec: AlgorithmSpec, inputs: Inputs, targets: np.ndarray, *more: Any) -> Any:
        calls.append(len(targets))
        return original(spec, inputs, targets, *more)

    monkeypatch.setattr(training.algorithms, "fit_many", counted)
    return calls


def test_calendar_of_models(trained: dict[str, TrainedWeeks]) -> None:
    outcome = trained["xgboost"]
    assert [(e.week, e.label) for e in outcome.weeks] == [(week, label) for week in WEEKS for label in LABELS]
    weeks = {(e.week, e.label): e for e in outcome.weeks}
    first = weeks[date(2010, 1, 4), "failed"]
    assert first.model_id is None
    assert first.reason == "60 training rows from 2010-01-04 to 2010-01-04, and 300 are needed"
    assert weeks[date(2010, 3, 29), "failed"].model_id is None
    for label in LABELS:
        assert list(_ids(outcome, label)) == ANCHORS and len({*_ids(outcome, label).values()}) == 4
        for week in WEEKS[13:]:
            entry = weeks[week, label]
            assert entry.anchor == max(anchor for anchor in ANCHORS if anchor <= week) and entry.reason is None
            assert entry.model_id == _ids(outcome, label)[entry.anchor] and entry.model_group == "xgboost"
    assert len(outcome.models) == 8 and sorted(outcome.models) == sorted(outcome.fitted)
    before = _train(AlgorithmSpec("b", "baseline"), Schedule(), frames.empty(TYPES), [date(2009, 12, 28)])
    assert before.weeks[0].anchor is None and before.weeks[0].reason == "the calendar begins with 2010-01-04"


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
    assert alone.weeks == tuple(entry for entry in whole.weeks if entry.week == week)
    assert len(alone.models) == 2
    assert all(whole.models[model_id] == files for model_id, files in alone.models.items())


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_nothing_in_a_week_knows_what_came_after(
    name: str,
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
) -> None:
    week = date(2010, 10, 4)
    later = rows["week"] > week
    changed = rows.assign(
        **{label: rows[label].where(~later, ~rows[label]) for label in LABELS},
        serious_count=rows["serious_count"].where(~later, rows["serious_count"] + 1),
        rate=rows["rate"].where(~later, pd.Series([0.0] * len(rows), dtype=rows["rate"].dtype)),
    )
    again = _train(specs[name], schedule, changed)
    for label in LABELS:
        known, now = _ids(trained[name], label), _ids(again, label)
        assert [known[a] == now[a] for a in ANCHORS] == [True, True, True, False]
        for anchor in ANCHORS[:3]:
            assert again.models[now[anchor]] == trained[name].models[known[anchor]]


def test_known_models_are_reused_only_where_nothing_changed(
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
    fits: list[int],
) -> None:
    whole, spec = trained["logistic_regression"], specs["logistic_regression"]
    known = _stored(whole)
    again = _train(spec, schedule, rows, known=known)
    assert not fits and not again.fitted and again.models == whole.models and again.weeks == whole.weeks

    def corrected(week: date) -> TrainedWeeks:
        failed = rows["failed"].copy()
        at = int(np.flatnonzero(rows["week"] == week)[0])
        failed.iloc[at] = not failed.iloc[at]
        fits.clear()
        changed = rows.assign(failed=failed)
        once = _train(spec, schedule, changed, known=known)
        assert once.models == _train(spec, schedule, changed).models, "what is reused is what would be fitted"
        return once

    # A late correction reaches the anchor whose windows hold it, and no other one.
    late = corrected(date(2010, 11, 15))
    assert fits[0] == 2 and len(fits) == 1 + 4
    assert set(late.fitted) == {_ids(late, label)[ANCHORS[3]] for label in LABELS}
    assert all(_ids(late)[a] == _ids(whole)[a] for a in ANCHORS[:3])
    # An early one reaches two fits; those that they calibrate are other models, but no other fits.
    early = corrected(date(2010, 2, 1))
    assert len(fits) == 2 + 4 and len(early.fitted) == 8 and not set(early.models) & set(whole.models)
    assert [_model(early, a).card["fit_id"] == _model(whole, a).card["fit_id"] for a in ANCHORS] == [
        False, False, True, True,
    ]  # fmt: skip
    assert early.models[_ids(early)[ANCHORS[3]]]["model.skops"] == whole.models[_ids(whole)[ANCHORS[3]]]["model.skops"]

    fits.clear()
    other = _train(replace(spec, parameters={"C": 0.2}), schedule, rows, known=known)
    assert len(other.fitted) == 8 and len(fits) == 4 and not set(other.models) & set(whole.models)


def test_of_a_changed_target_only_that_label_is_fitted_again(
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
    fits: list[int],
) -> None:
    hard = Target("critical_violation", {"critical_violation": 1})
    for name in ("xgboost", "knn"):
        fits.clear()
        again = _train(specs[name], schedule, rows, known=_stored(trained[name]), targets=(FAILED, hard))
        # Nearest neighbours learn all labels together.
        joint = ALGORITHMS[name].joint
        assert fits == [1 + joint] * 4 and len(again.fitted) == 4 * (1 + joint)
        assert (_ids(again) == _ids(trained[name])) is not joint
        assert not set(_ids(again, "critical_violation").values()) & set(trained[name].models)


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_a_label_alone_is_the_same_model_unless_all_are_learnt_together(
    name: str,
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
) -> None:
    alone = _train(specs[name], schedule, rows, [ANCHORS[1]], targets=(FAILED,))
    card = _model(alone, ANCHORS[1]).card
    together = _model(trained[name], ANCHORS[1]).card
    if ALGORITHMS[name].joint:
        assert card["learnt_with"] == [{"failed": 1}]
        assert together["learnt_with"] == [{"failed": 1}, {"critical_violation": 3, "serious_violation": 1}]
        assert not set(alone.models) & set(trained[name].models)
    else:
        assert card["learnt_with"] == [] == together["learnt_with"]
        assert alone.models == {i: trained[name].models[i] for i in alone.models} and len(alone.models) == 1


@pytest.mark.parametrize(
    "damage",
    [{"model.skops": b"PK"}, {"model.skops": b""}, {"model.json": b"{"}, {"model.json": b""}],
    ids=["cut", "empty", "card cut", "card empty"],
)
@pytest.mark.parametrize("name", ["knn", "logistic_regression"])
def test_a_damaged_known_model_is_fitted_again(
    name: str,
    damage: dict[str, bytes],
    trained: dict[str, TrainedWeeks],
    specs: dict[str, AlgorithmSpec],
    schedule: Schedule,
    rows: pd.DataFrame,
    fits: list[int],
) -> None:
    week, whole = WEEKS[-1], trained[name]
    of_week = {entry.label: entry.model_id for entry in whole.weeks if entry.week == week}
    every = _train(specs[name], schedule, rows, [week], known=_stored(whole, dict.fromkeys(LABELS, damage)))
    assert set(every.fitted) == set(of_week.values())
    assert every.models == {str(i): whole.models[str(i)] for i in of_week.values()}
    assert fits == [2] * 3  # and the two before, which calibrate it
    fits.clear()
    one = _train(specs[name], schedule, rows, [week], known=_stored(whole, {"failed": damage}))
    assert one.fitted == (of_week["failed"],) and one.models == every.models
    assert fits == [1 + ALGORITHMS[name].joint] * 3


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


@pytest.fixture(scope="module")
def chained_spec(specs: dict[str, AlgorithmSpec]) -> AlgorithmSpec:
    spec = specs["xgboost"]
    return replace(spec, parameters={**spec.parameters, "chained_fits": 3, "continued_rounds": 8})


@pytest.fixture(scope="module")
def chained(chained_spec: AlgorithmSpec, schedule: Schedule, rows: pd.DataFrame) -> TrainedWeeks:
    """Chains of three fits: the first fit of the calendar has too few rows, so that ANCHORS[0] begins the first chain,
    ANCHORS[1] goes on from it, and ANCHORS[2] begins the second."""
    return _train(chained_spec, schedule, rows)


def test_a_fit_goes_on_from_the_fit_before_in_chains_of_the_calendar(chained: TrainedWeeks) -> None:
    for label in LABELS:
        models = [_model(chained, anchor, label) for anchor in ANCHORS]
        fits = [model.card["fit_id"] for model in models]
        assert [model.card["continues"] for model in models] == [None, fits[0], None, fits[2]]
        assert [model.fitted.num_boosted_rounds() for model in models] == [30, 38, 30, 38]
        for before, after in (models[:2], models[2:]):
            assert after.design == before.design
            # Its first trees are those of the fit before.
            older, newer = (model.fitted.get_dump() for model in (before, after))
            assert newer[:30] == older


def test_a_chain_rebuilt_for_one_week_or_by_any_number_of_workers_is_the_same_bytes(
    chained_spec: AlgorithmSpec, chained: TrainedWeeks, schedule: Schedule, rows: pd.DataFrame
) -> None:
    for week in (date(2010, 8, 2), date(2010, 11, 8), WEEKS[-1]):
        first, last = weeks_needed([week], schedule, 3)
        needed = rows.loc[(rows["week"] >= first) & (rows["week"] <= last)].sample(frac=1, random_state=1)
        alone = _train(chained_spec, schedule, needed, [week])
        assert alone.weeks == tuple(entry for entry in chained.weeks if entry.week == week)
        assert len(alone.models) == 2 and all(chained.models[i] == files for i, files in alone.models.items())
    for workers in (1, 4):
        again = _train(chained_spec, schedule, rows, workers=workers)
        assert again.models == chained.models and again.weeks == chained.weeks


def test_a_changed_row_changes_every_later_fit_of_its_chain_and_no_other(
    chained_spec: AlgorithmSpec, chained: TrainedWeeks, schedule: Schedule, rows: pd.DataFrame, fits: list[int]
) -> None:
    # A window of 13 weeks, so that the row is in that of the first fit alone.
    narrow = replace(schedule, training_window_weeks=13)
    whole = _train(chained_spec, narrow, rows)
    rate = rows["rate"].copy()
    rate.iloc[int(np.flatnonzero(rows["week"] == date(2010, 2, 1))[0])] += 1
    changed = rows.assign(rate=rate)
    fits.clear()
    again = _train(chained_spec, narrow, changed, known=_stored(whole))
    # The changed fit and the one that goes on from it; those of the other chain are read as they are stored.
    assert fits == [1] * 4
    for label in LABELS:
        old, new = ([_model(of, a, label).card for a in ANCHORS] for of in (whole, again))
        assert [a["data_hash"] == b["data_hash"] for a, b in zip(old, new, strict=True)] == [False, True, True, True]
        assert [a["fit_id"] == b["fit_id"] for a, b in zip(old, new, strict=True)] == [False, False, True, True]
    assert again.models == _train(chained_spec, narrow, changed).models, "what is reused is what would be fitted"
    plain = _train(replace(chained_spec, parameters={**chained_spec.parameters, "chained_fits": 1}), narrow, rows)
    assert not set(plain.models) & set(whole.models)


def test_a_stored_fit_is_continued_from_its_file(
    chained_spec: AlgorithmSpec, chained: TrainedWeeks, schedule: Schedule, rows: pd.DataFrame, fits: list[int]
) -> None:
    def known(anchor: date) -> Mapping[str, Mapping[str, bytes]]:
        return {} if anchor == ANCHORS[3] else _stored(chained)(anchor)

    again = _train(chained_spec, schedule, rows, known=known)
    assert fits == [1, 1] and len(again.fitted) == 2 and again.models == chained.models


def test_where_a_label_has_no_fit_its_chain_begins_with_the_next(
    chained_spec: AlgorithmSpec, chained: TrainedWeeks, schedule: Schedule, rows: pd.DataFrame
) -> None:
    early = rows["failed"].where(rows["week"] > ANCHORS[0], False).astype(rows["failed"].dtype)
    outcome = _train(chained_spec, schedule, rows.assign(failed=early))
    assert list(_ids(outcome)) == ANCHORS[1:]
    late, other = (_model(outcome, ANCHORS[1], label) for label in LABELS)
    assert late.card["continues"] is None and late.fitted.num_boosted_rounds() == 30
    # The other label's chain has begun before, with the columns of then.
    assert other.card["continues"] == _model(outcome, ANCHORS[0], "critical_violation").card["fit_id"]
    assert other.fitted.num_boosted_rounds() == 38
    alone = _train(chained_spec, schedule, rows.assign(failed=early), targets=(FAILED,))
    assert alone.models == {i: outcome.models[i] for i in alone.models}


@pytest.mark.parametrize("workers", [1, 2])
def test_an_error_at_one_anchor_is_raised(
    workers: int, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    def known(anchor: date) -> dict[str, dict[str, bytes]]:
        if anchor == date(2010, 10, 4):
            raise FoodInspectionsError("The store is gone: start it.")
        return {}

    with pytest.raises(FoodInspectionsError, match="The store is gone"):
        _train(specs["baseline"], schedule, rows, known=known, workers=workers)


@pytest.mark.parametrize("value", [True, False])
@pytest.mark.parametrize("name", ["xgboost", "knn"])
def test_one_class_gives_no_model_of_that_label_but_a_reason(
    name: str, value: bool, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame
) -> None:
    same = rows.assign(failed=pd.Series([value] * len(rows)).astype(rows["failed"].dtype).array)
    outcome = _train(specs[name], schedule, same)
    assert not _ids(outcome) and list(_ids(outcome, "critical_violation")) == ANCHORS
    assert outcome.weeks[-2].reason == f"all 1560 training rows from 2010-07-12 to 2011-01-03 have failed = {value}"
    alone = _train(specs[name], schedule, same, [ANCHORS[1]], targets=(CRITICAL,))
    assert alone.models == {i: outcome.models[i] for i in alone.models} and len(alone.models) == 1


def test_no_weeks_and_no_rows(schedule: Schedule) -> None:
    rows = training_rows(frames.empty(TYPES), FEATURES, schedule)
    of = recipe(AlgorithmSpec("x", "xgboost"), FEATURES)
    assert train(of, schedule, rows, [], "v1") == TrainedWeeks((), {}, ())
    without = train(of, schedule, rows, [ANCHORS[0]], "v1")
    assert not without.models
    assert without.weeks[0].reason == "0 training rows from 2010-01-04 to 2010-04-05, and 300 are needed"


def test_only_first_visits_of_scheduled_types_with_a_decision_count(rows: pd.DataFrame) -> None:
    some = rows.head(8).reset_index(drop=True)
    bits = some["failed"].dtype
    some["inspection_type"] = pd.Series(["Canvass", "Complaint", *["Canvass"] * 6]).astype(some["zip"].dtype).array
    some["is_reinspection"] = pd.Series([False, False, True, *[False] * 5]).astype(bits).array
    some["in_cohort"] = pd.Series([True, True, True, False, *[True] * 4]).astype(bits).array
    some["failed"] = pd.Series([True, True, True, True, None, False, True, False]).astype(bits).array
    positions = usable_rows(some, Schedule())
    # Whoever was visited is learnt from, in the cohort or not.
    assert sorted(positions) == [0, 3, 5, 6, 7] and some["inspection_id"].iloc[positions].is_monotonic_increasing


def test_a_target_is_the_weighted_mean_of_its_outcomes(rows: pd.DataFrame, schedule: Schedule) -> None:
    of_rows = training_rows(rows, FEATURES, schedule)
    span = of_rows.span(WEEKS[3], WEEKS[5])
    target = of_rows.target(CRITICAL, span)
    some = rows.loc[(rows["week"] >= WEEKS[3]) & (rows["week"] <= WEEKS[5])].sort_values(["week", "inspection_id"])
    critical, serious = some["critical_violation"].to_numpy(bool), some["serious_count"].to_numpy(int) > 0
    assert target.dtype == np.float32 and len(target) == 180
    assert np.array_equal(target, np.where(critical, np.where(serious, 1, 0.75), np.where(serious, 0.25, 0)))
    assert np.array_equal(of_rows.target(FAILED, span), some["failed"].to_numpy(np.float32))


@pytest.mark.parametrize("name", ["logistic_regression", "ridge", "xgboost", "knn", "baseline"])
def test_a_soft_target_is_learnt_and_the_label_is_foretold(
    name: str, trained: dict[str, TrainedWeeks], rows: pd.DataFrame
) -> None:
    model = _model(trained[name], ANCHORS[2], "critical_violation")
    assert model.card["target"] == {"critical_violation": 3, "serious_violation": 1}
    ahead = rows.loc[rows["week"] > ANCHORS[2]]
    base_rate = ahead["critical_violation"].mean()
    soft = (3 * ahead["critical_violation"].to_numpy(bool) + (ahead["serious_count"].to_numpy(int) > 0)).mean() / 4
    score = model.algorithm.predict(model.fitted, model.design, Inputs.of(ahead, FEATURES))
    # The fit is of the target; what is calibrated is the probability of the label.
    assert score.mean() == pytest.approx(soft, abs=0.03) and soft > base_rate + 0.05
    assert model.predict(ahead).mean() == pytest.approx(base_rate, abs=0.03)


@pytest.mark.parametrize("name", list(ALGORITHMS))
@pytest.mark.parametrize("label", LABELS)
def test_a_model_is_calibrated_by_what_the_fits_before_scored_unseen(
    name: str, label: str, trained: dict[str, TrainedWeeks], rows: pd.DataFrame
) -> None:
    weeks = frames.days(rows["week"])
    ordered = rows.iloc[np.lexsort((rows["inspection_id"].to_numpy(int), weeks))]
    weeks = np.sort(weeks)
    scores, outcomes = [], []
    for before, anchor in ((1, ANCHORS[2]), (2, ANCHORS[3])):
        earlier = _model(trained[name], ANCHORS[before], label)
        ahead = ordered.iloc[frames.span(weeks, ANCHORS[before] + WEEK, anchor)]
        scores.append(earlier.algorithm.predict(earlier.fitted, earlier.design, Inputs.of(ahead, FEATURES)))
        outcomes.append(ahead[label].to_numpy(bool))
    expected = Calibration.fit(np.concatenate(scores), np.concatenate(outcomes))
    model = _model(trained[name], ANCHORS[3], label)
    assert expected is not None and expected.rows == 26 * 60 and expected.basis == "earlier fits"
    assert model.calibration == expected
    assert model.card["calibrated_by"] == {
        "first_week": "2010-07-12",
        "last_week": "2011-01-03",
        "fits": [_model(trained[name], a, label).card["fit_id"] for a in ANCHORS[1:3]],
    }


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_the_first_model_knows_its_level_only(name: str, trained: dict[str, TrainedWeeks], rows: pd.DataFrame) -> None:
    model = _model(trained[name], ANCHORS[0])
    assert (model.calibration.slope, model.calibration.basis) == (1.0, "training rows")
    assert model.card["calibrated_by"]["fits"] == []
    window = rows.loc[rows["week"] <= ANCHORS[0]]
    assert model.predict(window).mean() == pytest.approx(window["failed"].mean(), abs=0.05)


def test_a_score_that_is_none_is_refused(
    specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    for wrong in (1.5, -0.1, np.nan):
        predict = lambda self, fits, design, inputs, wrong=wrong: np.full((len(fits), len(inputs)), wrong)  # noqa: E731
        monkeypatch.setattr(type(ALGORITHMS["ridge"]), "predict_many", predict)
        with pytest.raises(FoodInspectionsError, match=r"The fit at 2010-04-05 gave a score outside \[0, 1\]"):
            _train(specs["ridge"], schedule, rows, [ANCHORS[0]])


def test_the_same_rows_have_the_same_hash_whatever_rows_are_read_with_them(
    rows: pd.DataFrame, schedule: Schedule
) -> None:
    whole = training_rows(rows, FEATURES, schedule)
    window = WEEKS[10], WEEKS[20]
    of_window = rows.loc[(rows["week"] >= window[0]) & (rows["week"] <= window[1])]
    shuffled = training_rows(of_window.sample(frac=1, random_state=3), FEATURES, schedule)
    assert shuffled.contents.data_hash(*window) == whole.contents.data_hash(*window)
    assert whole.contents.data_hash(WEEKS[10], WEEKS[19]) != whole.contents.data_hash(*window)
    for column in ("rate", "sparse", "kind", *LABELS, "serious_count"):
        changed = of_window.copy()
        old = changed[column].iloc[7]
        changed.iloc[7, changed.columns.get_loc(column)] = (
            "Bakery" if column == "kind" else not old if column in LABELS else 0 if old and not pd.isna(old) else 1
        )
        assert training_rows(changed, FEATURES, schedule).contents.data_hash(*window) != whole.contents.data_hash(
            *window
        ), column


def test_training_metrics_are_in_sample(trained: dict[str, TrainedWeeks]) -> None:
    for outcome in trained.values():
        for files in outcome.models.values():
            card = load(files).card
            assert card["training_metrics"]["rows"] <= training.IN_SAMPLE_ROWS
            assert card["training_metrics"]["roc_auc"] > (0.6 if card["label"] == "failed" else 0.52)
