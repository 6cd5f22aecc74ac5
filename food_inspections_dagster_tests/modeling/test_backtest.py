from collections.abc import Mapping
from datetime import date
from typing import Any

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster import frames, schemas
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling import metrics
from food_inspections_dagster.modeling.algorithms import ALGORITHMS, Inputs
from food_inspections_dagster.modeling.backtest import InForce, backtest, by_group, in_force, intervals_of, judged_rows
from food_inspections_dagster.modeling.documents import files_of, to_documents
from food_inspections_dagster.modeling.persistence import FittedModel, load
from food_inspections_dagster.modeling.rules import LABELS, AlgorithmSpec, Features, Schedule
from food_inspections_dagster.modeling.schemas import ANSWERS, BACKTEST_SCORES
from food_inspections_dagster.weeks import WEEK, week_range
from food_inspections_dagster_tests.modeling.cases import CRITICAL, FAILED, recipe, trained_on, training_rows

FEATURES: Features = (
    ("rate", "numeric"),
    ("failures", "numeric"),
    ("sparse", "numeric"),
    ("kind", "categorical"),
)
WEEKS = week_range(date(2010, 1, 4), date(2011, 2, 21))
SURROUNDINGS = 0.5


class Served:
    """Documents of trained models, and what they foresaw."""

    def __init__(self, specs: Mapping[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame):
        trained = [trained_on(recipe(s, FEATURES, FAILED, CRITICAL), schedule, rows, WEEKS) for s in specs.values()]
        self.documents, self.blobs = to_documents(trained)
        self.schedule, self.rows = schedule, rows

    def load(self, model: InForce) -> FittedModel:
        return load(files_of(model.files, self.blobs))

    def backtest(self, weeks: list[date], workers: int | None = None, rows: pd.DataFrame | None = None) -> pd.DataFrame:
        of_rows = training_rows(self.rows if rows is None else rows, FEATURES, self.schedule)
        return backtest(in_force(self.documents, weeks), self.load, of_rows, SURROUNDINGS, workers)


def _sorted(scores: pd.DataFrame) -> pd.DataFrame:
    return scores.sort_values(list(BACKTEST_SCORES.unique or []), ignore_index=True)


@pytest.fixture(scope="module")
def served(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> Served:
    return Served(specs, schedule, rows)


@pytest.fixture(scope="module")
def scores(served: Served) -> pd.DataFrame:
    return served.backtest(WEEKS)


def test_the_list_of_a_week_was_made_by_the_models_of_the_week_before(served: Served) -> None:
    for model in in_force(served.documents, WEEKS):
        for week in model.weeks:
            of_before = served.documents[week - WEEK]["models"]
            entry = next(e for e in of_before if (e["model_group"], e["label"]) == (model.model_group, model.label))
            assert entry["model_id"] == model.model_id and entry["files"] == model.files
    groups = {(m.model_group, m.label) for m in in_force(served.documents, WEEKS)}
    assert groups == {(name, label) for name in ALGORITHMS for label in LABELS}
    # Before the first models there are no lists, nor without documents of the week before.
    assert min(m.weeks[0] for m in in_force(served.documents, WEEKS)) == date(2010, 4, 12)
    assert in_force(served.documents, WEEKS[:14]) == [] and in_force({}, WEEKS) == []


def test_each_inspection_is_scored_once_by_each_model_group_for_each_label(
    served: Served, scores: pd.DataFrame, rows: pd.DataFrame
) -> None:
    schemas.validated(BACKTEST_SCORES, scores)
    expected = (
        rows.loc[rows["week"] >= date(2010, 4, 12)].loc[lambda r: r["week"] <= WEEKS[-1]].set_index("inspection_id")
    )
    assert len(scores) == len(expected) * len(ALGORITHMS) * len(LABELS)
    model_of = {
        (week, m.model_group, m.label): m.model_id for m in in_force(served.documents, WEEKS) for week in m.weeks
    }
    for (group, label), part in scores.groupby(["model_group", "label"]):
        assert sorted(part["inspection_id"]) == sorted(expected.index)
        of_rows = expected.loc[part["inspection_id"]]
        for name in ("week", "establishment_id", "inspection_date", "in_cohort"):
            assert part[name].tolist() == of_rows[name].tolist()
        assert part["outcome"].tolist() == of_rows[str(label)].tolist()
        assert part["model_id"].tolist() == [model_of[week, group, label] for week in part["week"]]


@pytest.mark.parametrize("name", list(ALGORITHMS))
def test_the_answers_are_those_of_the_model_as_it_is_stored(
    name: str, served: Served, scores: pd.DataFrame, rows: pd.DataFrame
) -> None:
    model = next(m for m in in_force(served.documents, WEEKS) if (m.model_group, m.label) == (name, LABELS[1]))
    part = scores.loc[(scores["model_id"] == model.model_id) & (scores["model_group"] == name)]
    of_rows = rows.set_index("inspection_id", drop=False).loc[part["inspection_id"]]
    fitted, inputs = served.load(model), Inputs.of(of_rows, FEATURES)
    assert np.array_equal(fitted.predict(of_rows), part["expected_find"].to_numpy())
    # What is not about the place counts for half in the priority, and not at all in the own risk.
    assert np.array_equal(fitted.predict(fitted.at_average(inputs, SURROUNDINGS)), part["priority"].to_numpy())
    assert np.array_equal(fitted.predict(fitted.at_average(inputs, 0.0)), part["own_risk"].to_numpy())
    # The baseline ranks by a feature of the place.
    assert (part["own_risk"] == part["expected_find"]).all() == (name == "baseline")


def test_inspections_outside_the_cohort_are_scored_too(
    served: Served, rows: pd.DataFrame, scores: pd.DataFrame
) -> None:
    flags = pd.Series(np.arange(len(rows)) % 3 > 0).astype(rows["in_cohort"].dtype).array
    other = _sorted(served.backtest(WEEKS, rows=rows.assign(in_cohort=flags)))
    assert 0.6 < other["in_cohort"].mean() < 0.7
    pd.testing.assert_frame_equal(other.drop(columns="in_cohort"), _sorted(scores).drop(columns="in_cohort"))


@pytest.mark.parametrize("workers", [1, 4])
def test_a_week_has_the_same_bytes_whatever_is_scored_with_it(
    workers: int, served: Served, scores: pd.DataFrame, rows: pd.DataFrame
) -> None:
    week = date(2010, 11, 8)
    of_week = rows.loc[rows["week"] == week].sample(frac=1, random_state=2)
    alone = served.backtest([week], workers, of_week)
    assert len(alone) == 60 * len(ALGORITHMS) * len(LABELS)
    expected = _sorted(scores.loc[scores["week"] == week])
    pd.testing.assert_frame_equal(_sorted(alone), expected, check_exact=True)


def test_models_that_learnt_from_what_they_are_judged_on_are_refused(served: Served) -> None:
    model = in_force(served.documents, WEEKS)[0]
    for week in (date(2010, 4, 5), date(2010, 3, 1)):
        early = InForce(model.model_group, model.label, model.model_id, (week,), model.files)
        with pytest.raises(FoodInspectionsError, match=f"rows up to the week of 2010-04-05 .* the week of {week}"):
            backtest([early], served.load, training_rows(served.rows, FEATURES, served.schedule), SURROUNDINGS)


def test_no_models_and_no_rows_give_an_empty_table(served: Served, scores: pd.DataFrame) -> None:
    nothing = served.backtest(WEEKS[:13])
    assert nothing.empty and nothing.dtypes.equals(scores.dtypes)
    nobody = served.backtest([WEEKS[20]], rows=served.rows.loc[served.rows["week"] > WEEKS[30]])
    assert nobody.empty and nobody.dtypes.equals(scores.dtypes)


def test_selection_and_audit_read_one_label_and_one_answer(scores: pd.DataFrame) -> None:
    for label in LABELS:
        for answer in ANSWERS:
            groups = by_group(scores, label, answer)
            assert list(groups) == sorted(ALGORITHMS)
            for name, of_group in groups.items():
                rows = scores.loc[(scores["label"] == label) & (scores["model_group"] == name)]
                assert of_group["score"].tolist() == rows[answer].tolist()
                assert of_group["label"].tolist() == rows["outcome"].tolist()
    assert by_group(scores, "passed") == {}


# ---------------------------------------------------------------------- shuffled outcomes


def _auc(scores: pd.DataFrame, **of: Any) -> tuple[float, float]:
    """Return an AUC and its standard error where nothing is to be foreseen (Mann and Whitney 1947)."""
    part = scores.loc[np.logical_and.reduce([scores[name] == value for name, value in of.items()])]
    outcome = part["outcome"].to_numpy(bool)
    positive, negative = int(outcome.sum()), int((~outcome).sum())
    error = np.sqrt((positive + negative + 1) / (12 * positive * negative))
    return metrics.roc_auc(part["expected_find"].to_numpy(float), outcome), float(error)


@pytest.mark.parametrize("seed", [1, 2])
def test_of_shuffled_outcomes_nothing_is_foreseen(
    seed: int, specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame, scores: pd.DataFrame
) -> None:
    """What ranks shuffled outcomes has seen them: no leak from the week to be foreseen into fit or calibration."""
    order = np.random.default_rng(seed).permutation(len(rows))
    shuffled = rows.assign(**{name: rows[name].array.take(order) for name in (*LABELS, "serious_count")})
    nothing = Served(specs, schedule, shuffled).backtest(WEEKS)
    weeks = frames.days(nothing["week"])
    assert len(np.unique(weeks)) == 46 and len(nothing) == len(scores)
    for name in ALGORITHMS:
        for label in LABELS:
            auc, error = _auc(nothing, model_group=name, label=label)
            assert error < 0.02 and abs(auc - 0.5) < 3 * error, (name, label)
        assert _auc(scores, model_group=name, label="failed")[0] > 0.65
        part = nothing.loc[(nothing["model_group"] == name) & (nothing["label"] == "failed")]
        calibrated = part.loc[part["week"] > date(2010, 10, 4)]
        assert calibrated["expected_find"].mean() == pytest.approx(rows["failed"].mean(), abs=0.03)


def test_a_group_that_is_asked_for_is_there_without_rows(scores: pd.DataFrame) -> None:
    scored = by_group(scores, "failed")
    first = min(scored)
    asked = by_group(scores, "failed", groups=[first, "another"])
    assert list(asked) == [first, "another"] and asked[first].equals(scored[first])
    assert len(asked["another"]) == 0 and list(asked["another"].columns) == list(asked[first].columns)


def test_what_is_judged_is_the_group_s_in_the_window_that_ends_with_the_week() -> None:
    first, second, third = week_range(date(2010, 1, 4), date(2010, 1, 18))
    scores = pd.DataFrame(
        {
            "week": [first, second, third, third],
            "model_group": ["knn", "knn", "knn", "ridge"],
            "inspection_id": [1, 2, 3, 4],
        }
    )
    assert judged_rows(scores, third, "knn", 2)["inspection_id"].tolist() == [2, 3]
    assert judged_rows(scores, second, "knn", 5)["inspection_id"].tolist() == [1, 2]
    assert judged_rows(scores, first, "ridge", 5).empty


def test_intervals_are_those_of_what_is_judged(scores: pd.DataFrame) -> None:
    judged = by_group(scores, "failed")
    name, rows = next((name, rows) for name, rows in judged.items() if len(rows) >= 200)
    intervals = intervals_of(rows, 0.9)
    assert intervals.confidence == 0.9 and sum(intervals.rows) == len(rows), name
    low, high = intervals.apply(np.array(intervals.centre))
    assert (low <= np.array(intervals.rate)).all() and (np.array(intervals.rate) <= high).all()
    assert intervals_of(rows.iloc[:0], 0.9).centre == ()
