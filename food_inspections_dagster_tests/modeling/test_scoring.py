import json
from datetime import date

import numpy as np
import pandas as pd
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.modeling.algorithms import Inputs
from food_inspections_dagster.modeling.fairness.remedies import remedied
from food_inspections_dagster.modeling.intervals import ScoreIntervals
from food_inspections_dagster.modeling.persistence import FittedModel, answers
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Features, RemedyRule, Schedule
from food_inspections_dagster.modeling.scoring import NOTED_PLACES, SCORE_TYPES, Order, Ranking, Wording, explain, rank
from food_inspections_dagster_tests.modeling.cases import ABOUT, model_at

FEATURES: Features = (("rate", "numeric"), ("sparse", "numeric"), ("noise", "numeric"), ("kind", "categorical"))
PHRASES = {name: lambda value, name=name: f"{name} says so" for name, _ in FEATURES}
WORDING = Wording(PHRASES, ABOUT)
ORDER = Order(surroundings=0.5)
DAY = date(2010, 10, 11)
NO_INTERVALS = ScoreIntervals((), (), (), (), (), 0.95)
REASONS = ["reason_1", "reason_2", "reason_3"]


@pytest.fixture(scope="module")
def models(specs: dict[str, AlgorithmSpec], schedule: Schedule, rows: pd.DataFrame) -> dict[str, FittedModel]:
    names = ("xgboost", "knn", "logistic_regression", "baseline")
    return {name: model_at(specs[name], FEATURES, schedule, rows, date(2010, 10, 4)) for name in names}


@pytest.fixture(scope="module")
def some(rows: pd.DataFrame) -> pd.DataFrame:
    return rows.tail(200).drop_duplicates("establishment_id").reset_index(drop=True)


@pytest.fixture(scope="module")
def cohort(some: pd.DataFrame) -> pd.DataFrame:
    return some[["establishment_id", "zip", "facility_type"]].assign(latitude=41.9, visits=2)


def _rank(
    model: FittedModel,
    cohort: pd.DataFrame,
    some: pd.DataFrame,
    order: Order = ORDER,
    wording: Wording = WORDING,
    intervals: ScoreIntervals = NO_INTERVALS,
    areas: list[str] | None = None,
) -> Ranking:
    return rank(model, "group", cohort, some, DAY, wording, order, intervals, areas)


@pytest.mark.parametrize("surroundings", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("name", ["xgboost", "knn", "logistic_regression"])
def test_the_list_is_in_order_of_priority_with_all_answers(
    name: str, surroundings: float, models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame
) -> None:
    model = models[name]
    ranked = _rank(model, cohort, some, Order(surroundings)).rows
    assert ranked.columns.tolist() == [*cohort.columns, *SCORE_TYPES]
    assert ranked["rank"].tolist() == list(range(1, len(some) + 1))
    assert ranked["priority"].is_monotonic_decreasing
    (expected,) = answers([model], Inputs.of(some, FEATURES), surroundings)
    at = pd.Series(np.arange(len(some)), some["establishment_id"]).loc[ranked["establishment_id"]].to_numpy()
    for answer, values in expected._asdict().items():
        assert np.array_equal(ranked[answer].to_numpy(), values[at])
    # Each answer has its ranks, without gaps; ties stand in the order of establishment_id.
    rank_of = {"priority": "rank", "expected_find": "expected_find_rank", "own_risk": "own_risk_rank"}
    for answer, places in rank_of.items():
        by_rank = ranked.sort_values(places, ignore_index=True)
        assert by_rank[places].tolist() == list(range(1, len(some) + 1))
        pd.testing.assert_frame_equal(
            by_rank[["establishment_id"]],
            ranked.sort_values([answer, "establishment_id"], ascending=[False, True], ignore_index=True)[
                ["establishment_id"]
            ],
        )
    if surroundings == 1:
        assert (ranked["rank"] == ranked["expected_find_rank"]).all()
    if surroundings == 0:
        assert (ranked["rank"] == ranked["own_risk_rank"]).all()
    assert (ranked["expected_find_rank"] != ranked["own_risk_rank"]).any()
    assert (ranked["model_id"] == model.model_id).all() and (ranked["model_group"] == "group").all()
    assert (ranked["as_of_date"] == DAY).all()


def test_places_of_the_same_priority_stand_in_the_order_of_their_identity(
    models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame
) -> None:
    same = pd.concat([some.head(3)] * 20, ignore_index=True)
    of_same = pd.concat([cohort.head(3)] * 20, ignore_index=True)
    of_same["establishment_id"] = pd.Series([f"L{7 * i % 60:02}" for i in range(60)]).astype(
        cohort["establishment_id"].dtype
    )
    ranked = _rank(models["xgboost"], of_same, same).rows
    assert ranked["priority"].nunique() <= 3
    assert all(part["establishment_id"].is_monotonic_increasing for _, part in ranked.groupby("priority"))
    order = np.random.default_rng(1).permutation(60)
    again = _rank(models["xgboost"], of_same.iloc[order], same.iloc[order]).rows
    pd.testing.assert_frame_equal(again, ranked)


def test_reasons_in_words_with_the_contributions_behind_them(
    models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame
) -> None:
    ranked = _rank(models["xgboost"], cohort, some).rows
    for line in range(len(ranked)):
        behind = json.loads(ranked["contributions"][line])
        phrases = [phrase for phrase in ranked.loc[line, REASONS] if not pd.isna(phrase)]
        assert phrases == [f"{name} says so" for name in behind]
    first = json.loads(ranked["contributions"][0])
    assert len(first) and all(value > 0 for value in first.values())


def test_features_of_one_subject_give_one_reason_with_their_sum(
    models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame
) -> None:
    model = models["logistic_regression"]
    wording = Wording(PHRASES, ABOUT, {"rate": "past", "kind": "past"})
    ranked = _rank(model, cohort, some, wording=wording).rows
    by_place = some.set_index("establishment_id", drop=False)
    terms = model.contributions(by_place.loc[ranked["establishment_id"]])
    both = 0
    for line in range(len(ranked)):
        behind = json.loads(ranked["contributions"][line])
        past = [name for name in behind if name in ("rate", "kind")]
        assert len(past) <= 1
        for name in past:
            assert behind[name] == pytest.approx(terms[line, 0] + terms[line, 3], abs=2e-6)
            both += 1
    assert both > len(ranked) / 2


def test_only_the_places_that_the_algorithm_explains_get_reasons(
    models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(type(models["knn"].algorithm), "explained_ranks", 7)
    ranked = _rank(models["knn"], cohort, some).rows
    assert ranked["reason_1"].notna().sum() == 7 and ranked["reason_1"][:7].notna().all()
    assert (ranked["contributions"][7:] == "{}").all()


def test_a_score_that_rests_on_little_has_a_caution_and_keeps_its_reasons(
    models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame
) -> None:
    visits = np.arange(len(some)) % 3
    latitude = np.where(np.arange(len(some)) % 5 == 0, np.nan, 41.9)
    little = cohort.assign(visits=visits, latitude=pd.Series(latitude).astype(pd.ArrowDtype(frames.pa.float64())))
    plain, ranked = (_rank(models["xgboost"], of, some).rows for of in (cohort, little))
    assert plain["caution"].isna().all()
    pd.testing.assert_frame_equal(plain[REASONS], ranked[REASONS])
    at = pd.Series(np.arange(len(some)), some["establishment_id"])
    words = {0: "never inspected before", 1: "known from one visit only", 2: None}
    for place, caution in zip(ranked["establishment_id"], ranked["caution"], strict=True):
        where = None if at[place] % 5 else "its location is unknown"
        parts = [part for part in (words[at[place] % 3], where) if part]
        assert (None if pd.isna(caution) else caution) == ("; ".join(parts) or None)


def test_intervals_are_of_what_is_foreseen(
    models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame
) -> None:
    rng = np.random.default_rng(0)
    score = rng.random(4_000)
    intervals = ScoreIntervals.fit(score, rng.random(4_000) < score, np.arange(4_000))
    ranked = _rank(models["xgboost"], cohort, some, intervals=intervals).rows
    low, high = intervals.apply(ranked["expected_find"].to_numpy())
    assert np.array_equal(ranked["expected_find_low"], low) and np.array_equal(ranked["expected_find_high"], high)
    assert (low < high).all()
    assert (
        _rank(models["xgboost"], cohort, some).rows[["expected_find_low", "expected_find_high"]].isna().all(axis=None)
    )


@pytest.mark.parametrize(
    "remedy",
    [RemedyRule("quota"), RemedyRule("quota", basis="expected_finds"), RemedyRule("rerank")],
    ids=["quota", "by finds", "rerank"],
)
def test_a_remedy_changes_the_rank_and_no_answer(
    remedy: RemedyRule, models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame
) -> None:
    plain = _rank(models["xgboost"], cohort, some).rows
    # All that is foreseen first is of one side.
    half = plain["establishment_id"][: len(plain) // 2].tolist()
    areas = ["North" if place in set(half) else "South" for place in some["establishment_id"]]
    places = 20
    ranked = _rank(models["xgboost"], cohort, some, Order(0.5, remedy, places), areas=areas).rows
    side = dict(zip(some["establishment_id"], areas, strict=True))
    of_list = [side[place] for place in ranked["establishment_id"][:places]]
    if remedy.basis == "cohort":
        assert abs(of_list.count("South") - places * areas.count("South") / len(areas)) <= 1
    else:
        assert 0 < of_list.count("South") < places / 2  # they are expected to find less
    assert ranked["rank"].tolist() == list(range(1, len(some) + 1))
    code = np.array([area == "South" for area in areas]).astype(int)
    (expected,) = answers([models["xgboost"]], Inputs.of(some, FEATURES), 0.5)
    listed = remedied(remedy, expected.priority, code, places, some["establishment_id"].to_numpy(object))
    assert ranked["establishment_id"].tolist() == some["establishment_id"].iloc[listed].tolist()
    same = ["establishment_id", "expected_find", "own_risk", "priority", "expected_find_rank", "own_risk_rank"]
    by_place = (table[same].sort_values("establishment_id", ignore_index=True) for table in (plain, ranked))
    pd.testing.assert_frame_equal(*by_place, check_exact=True)


def test_areas_of_the_first_places_are_spoken_of_once(
    models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame
) -> None:
    ranking = _rank(models["logistic_regression"], cohort, some)
    notes = ranking.notes
    assert len(notes) and not notes["area"].duplicated().any() and set(notes["feature"]) == {"sparse"}
    zips = ranking.rows["zip"][:NOTED_PLACES]
    assert len(ranking.rows) > NOTED_PLACES
    assert notes["rows"].tolist() == [(zips == area).sum() for area in notes["area"]]
    assert (notes["sentence"] == notes["area"] + ": sparse says so").all()
    place = dict.fromkeys(ABOUT, "place")
    assert _rank(models["logistic_regression"], cohort, some, wording=Wording(PHRASES, place)).notes.empty


def test_no_cohort_gives_no_rows(models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame) -> None:
    for name in ("xgboost", "knn"):
        whole, ranking = (_rank(models[name], cohort.head(n), some.head(n)) for n in (5, 0))
        assert ranking.rows.empty and ranking.notes.empty and ranking.rows.dtypes.equals(whole.rows.dtypes)
    remedy = Order(0.5, RemedyRule("quota"), 5)
    assert _rank(models["xgboost"], cohort.head(0), some.head(0), remedy, areas=[]).rows.empty


def test_rows_are_explained_as_on_a_list_as_many_as_the_algorithm_can(
    models: dict[str, FittedModel], cohort: pd.DataFrame, some: pd.DataFrame
) -> None:
    model = models["xgboost"]
    ranked = _rank(model, cohort, some).rows
    at = pd.Series(np.arange(len(some)), some["establishment_id"]).loc[ranked["establishment_id"]].to_numpy()
    explained = explain(model, some.iloc[at], WORDING)
    for place, name in enumerate(REASONS):
        assert [None if pd.isna(of) else of for of in ranked[name]] == explained.phrases[:, place].tolist()
    assert [json.loads(of) for of in ranked["contributions"]] == explained.behind
    assert explained.contributions.shape == (len(explained.rows), len(FEATURES))
    # By itself a row says the same wherever it stands.
    alone = [explain(model, some.iloc[[row]], WORDING, varied=0).phrases[0].tolist() for row in range(12)]
    assert explain(model, some.iloc[:12], WORDING, varied=0).phrases.tolist() == alone
