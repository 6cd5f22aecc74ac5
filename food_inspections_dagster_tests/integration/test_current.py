"""What a run makes again, and what it leaves alone: by what the weeks rest on, not by what was run."""

from dataclasses import replace

import pandas as pd
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import SCORES
from food_inspections_dagster.defs.scoring import assets as scoring
from food_inspections_dagster.defs.scoring.checks import RANKS
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.documents import models_of
from food_inspections_dagster.modeling.rules import LABELS
from food_inspections_dagster.orchestration.current import Cause
from food_inspections_dagster_tests.world import WEEKS, World

SPAN = WEEKS[:29]
NEWEST = SPAN[-1]
MODELS = tuple(catalog.model(g) for g in ("xgboost", "logistic_regression", "ridge", "knn", "baseline"))
LISTS = ("scores", "area_notes", "remedy_prices")


@pytest.fixture(scope="module")
def made(world: World) -> World:
    """A narrow run, and then the wide one."""
    world.weeks = list(SPAN)
    world.make(SPAN[14:])
    world.make(SPAN)
    decisions = world.document(catalog.SELECTED_MODEL, NEWEST)["labels"]
    assert all(decisions[label]["selected"] for label in LABELS), "else there is no list to look at"
    return world


def loads_since(world: World, load: int) -> set[tuple]:
    rows = world.database.query("select asset, week from metadata.partition_loads where load_id > %s", [load])
    return set(rows.itertuples(index=False, name=None))


def test_a_narrow_run_and_then_a_wide_one_give_what_one_wide_run_gives(made):
    """Issue 9, 1: 903 of 1,521 rows of features differed, and nothing was planned."""
    assert made.stale() == {}
    fresh = made.fresh()
    fresh.weeks = list(SPAN)
    try:
        fresh.make(SPAN)
        expected = fresh.bytes_stored()
    finally:
        fresh.instance.dispose()
    stored = made.bytes_stored()
    assert [place for place, content in expected.items() if stored.get(place) != content] == []
    assert all("/artifacts/" in place for place in stored.keys() - expected.keys()), "models that were fitted before"


def test_a_correction_without_effect_makes_one_week_of_raw_and_clean_again(made):
    """A row is published again with the same values: only the portal's own fields of it change."""
    week, newest = SPAN[9], made.ledger.newest_load()
    row = made.rows_of(week)[0]
    made.publish([{name: value for name, value in row.items() if name == ":id" or not name.startswith(":")}])
    assert made.rows_of(week)[0][":updated_at"] != row[":updated_at"]
    expected = {"raw_inspections": {week}}
    assert {asset: set(of_asset) for asset, of_asset in made.stale().items()} == expected
    made.make(SPAN)
    cleaned = ("raw_inspections", "inspections", "violations", "rejected_inspections")
    # The newest profile counts the portal's own fields too, and is published with the list.
    profiled = {(asset, SPAN[-1]) for asset in ("data_profile", "data_profile_report", "published_list")}
    assert loads_since(made, newest) == {(asset, week) for asset in cleaned} | profiled
    assert made.stale() == {}


def test_what_is_only_missing_is_made_where_that_is_asked_for(made):
    newest, week = made.ledger.newest_load(), SPAN[7]
    row = made.rows_of(week)[0]
    made.publish([{"inspection_id": row["inspection_id"], "dba_name": "RENAMED"}])
    made.make(SPAN, only_missing=True)
    assert loads_since(made, newest) == set()
    assert set(made.stale()["raw_inspections"]) == {week}, "and it says what it left"
    made.make(SPAN)
    assert made.stale() == {}


def ranked_anew(rows):
    ranks = {name: rows[name].to_numpy().argsort().argsort() + 1 for name in RANKS}
    return rows.assign(**{name: pd.Series(of, rows.index).astype(rows[name].dtype) for name, of in ranks.items()})


@pytest.mark.parametrize(
    ("check", "spoil"),
    [
        ("schema", lambda rows: rows.assign(expected_find=rows["expected_find"] + 1.5)),
        ("ranks", lambda rows: rows.assign(rank=(rows["rank"] + 1).astype(rows["rank"].dtype))),
        ("cohort_complete", lambda rows: ranked_anew(rows[rows["rank"] < rows["rank"].max()])),
    ],
)
def test_a_bad_list_is_never_seen(made, monkeypatch, check, spoil):
    """Issue 5: the failed list stood in predictions.scores, marked as made."""
    before, hashes, real = made.table(str(SCORES)), made.hashes(), scoring.list_for

    def spoilt(*arguments):
        ranking = real(*arguments)
        return replace(ranking, rows=spoil(ranking.rows))

    monkeypatch.setattr(scoring, "list_for", spoilt)
    with pytest.raises(FoodInspectionsError, match=rf"^Check {check} of scores failed: .*Nothing was stored") as told:
        made.remake([NEWEST], *LISTS)
    assert "\n" not in str(told.value)
    assert made.table(str(SCORES)).equals(before) and made.hashes() == hashes
    reason = made.stale()[SCORES.asset][NEWEST]
    assert (reason.cause, reason.detail) == (Cause.BLOCKED, check)
    monkeypatch.undo()
    made.make(SPAN)
    assert made.table(str(SCORES)).equals(before) and made.stale() == {}


def test_another_target_is_not_mixed_with_the_one_before(made):
    """Issue 9, 20. In the narrow run only some weeks know the new target; decisions and audits leave out the others."""
    other = made.reconfigured({"models": {"targets": {"failed": {"critical_violation": 2}}}})
    other.weeks = list(SPAN)
    few = SPAN[-4:]
    before = made.table("monitoring.backtest_scores")
    reasons = other.stale()
    assert all({reason.cause for reason in reasons[entry.asset].values()} == {Cause.SETTINGS} for entry in MODELS)

    def named(weeks):
        documents = [other.document(entry, week) for entry in MODELS for week in weeks]
        return {model["model_id"] for document in documents for model in models_of(document)}

    try:
        other.make(few)
        decisions = other.document(catalog.SELECTED_MODEL, NEWEST)["labels"]
        assert {d["selected_model_id"] for d in decisions.values()} <= named(few)
        other.make(SPAN)
        assert other.stale() == {}
        scores = other.table("monitoring.backtest_scores")
        assert set(scores["model_id"]) <= named(SPAN)
        both = scores.merge(before, on=["week", "inspection_id", "label", "model_group"], suffixes=("", "_before"))
        assert len(both) == len(scores) == len(before)
        assert (both["outcome"] == both["outcome_before"]).all(), "what is judged is the label, whatever is learnt"
        changed = (both["model_id"] != both["model_id_before"]).groupby([both["label"], both["model_group"]]).mean()
        assert (changed["failed"] == 1).all()
        # Nearest neighbours choose their columns by all targets together.
        assert changed["critical_violation"].to_dict() == {g: float(g == "knn") for g in changed["failed"].index}
    finally:
        other.instance.dispose()
