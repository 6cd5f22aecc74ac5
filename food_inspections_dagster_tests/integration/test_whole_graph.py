"""The whole graph over a small city, in two goes; what is stored then, and what happens to it afterwards."""

from dataclasses import dataclass
from datetime import timedelta

import dagster as dg
import pandas as pd
import pytest
from food_inspections_dagster.defs.scoring.columns import SCORES

from food_inspections_dagster.defs.training.assets import ALGORITHMS
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections import schemas
from food_inspections_dagster.inspections.cohorts import active_establishments
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.world import WEEKS, World

LATER = 3  # weeks that come after the first go
THEN, BROKEN = WEEKS[-LATER - 1], WEEKS[5]
TABLES = {
    "inspections": "clean.inspections",
    "violations": "clean.violations",
    "rejected_inspections": "clean.rejected_inspections",
    "feature_matrix": "features.feature_matrix",
    "bias_report": "monitoring.bias_report",
    "bias_verdicts": "monitoring.bias_verdicts",
    "scores": "predictions.scores",
}


@dataclass
class History:
    """What was stored when ``THEN`` was the newest week."""

    objects: dict[str, bytes]
    hashes: dict
    scores: pd.DataFrame


def without_run(scores: pd.DataFrame) -> pd.DataFrame:
    return scores[scores["week"] == THEN].drop(columns="run_id").reset_index(drop=True)


@pytest.fixture(scope="module")
def broken_rows(world: World) -> dict[str, str]:
    """Rows that cannot be cleaned, as publishers have made them, with the reason that each is due."""
    good = {name: value for name, value in world.rows_of(BROKEN)[0].items() if not name.startswith(":")}
    broken = {
        "missing_inspection_id": {**good, "inspection_id": None},
        "unknown_result": {**good, "inspection_id": "99000001", "results": "Eaten"},
        "repeated_inspection_id": {**good, "results": "Fail" if good["results"] != "Fail" else "Pass"},
        "exact_duplicate": good,
    }
    ids = {reason: f"row-{number:04d}_{number:04d}-{number:04d}" for number, reason in enumerate(broken)}
    world.publish([{**row, ":id": ids[reason]} for reason, row in broken.items()])
    return {row_id: reason for reason, row_id in ids.items()}


@pytest.fixture(scope="module")
def history(world: World, broken_rows: dict[str, str]) -> History:
    world.make(WEEKS[:-LATER])
    first = History(world.stored(), world.hashes(), without_run(world.table("predictions.scores")))
    world.make(WEEKS)
    return first


@pytest.fixture(scope="module")
def made(world: World, history: History) -> World:
    return world


def test_every_stage_holds_every_week(made):
    for key in made.defs.resolve_asset_graph().get_all_asset_keys():
        weeks = made.instance.get_materialized_partitions(key)
        expected = {THEN, WEEKS[-1]} if key == dg.AssetKey("scores") else set(WEEKS)
        assert weeks == {week.isoformat() for week in expected}, key
    assert made.plan(WEEKS) == [], "run twice, nothing is missing"


def test_no_row_is_lost_between_portal_and_features(made, broken_rows):
    portal = made.portal.week_counts(WEEKS[0], WEEKS[-1])
    inspections, rejected = made.table("clean.inspections"), made.table("clean.rejected_inspections")
    assert sum(portal.values()) > 1_400
    both = pd.concat([inspections["week"], rejected["week"]]).value_counts().to_dict()
    assert both == portal
    assert inspections["inspection_id"].is_unique
    reasons = dict(zip(rejected["row_id"], rejected["reason"], strict=True))
    # Which of two rows under one id is kept is cleaning's own matter, and tested there.
    assert sorted(reasons.values()) == sorted(broken_rows.values())
    assert set(rejected["week"]) == {BROKEN}
    violations = made.table("clean.violations").groupby("inspection_id").size()
    counted = inspections.set_index("inspection_id")["violation_count"]
    assert violations.to_dict() == counted[counted > 0].to_dict()
    features = made.table("features.feature_matrix")
    assert list(features["inspection_id"]) == list(inspections["inspection_id"])
    assert list(features.columns) == list(schemas.FEATURE_MATRIX.columns)


def test_labels_are_those_of_the_results(made):
    features = made.table("features.feature_matrix").set_index("inspection_id")
    results = made.table("clean.inspections").set_index("inspection_id")["results"]
    decided = results.isin(["Pass", "Pass w/ Conditions", "Fail"])
    assert features["failed"].isna().equals(~decided.astype(features["failed"].isna().dtype))
    assert set(results[features["failed"].fillna(False)]) == {"Fail"}
    assert (features["failed"].dropna() == (results[decided] == "Fail")).all()


def test_each_week_is_decided_with_a_reason_and_scored_by_the_model_before(made):
    selected = {week: made.document("selected_model", week, "decision.json") for week in WEEKS}
    assert selected[WEEKS[0]]["selected"] is None and selected[WEEKS[0]]["reasons"]
    assert selected[WEEKS[-1]]["selected"] in ALGORITHMS and selected[WEEKS[-1]]["reasons"]
    for algorithm in ALGORITHMS:
        for week in WEEKS:
            document = made.document(f"{algorithm}_model", week)
            assert document["model_id"] or document["reason"]
            rows = document["backtest"]["rows"]
            assert all(str(week) <= day < str(week + WEEK) for day in rows["inspection_date"])
            if rows["score"]:
                assert document["backtest"]["anchor"] < str(week), "nobody is scored by a model that knows the week"


def test_the_list_is_everybody_in_business_with_reasons(made):
    scores = made.table("predictions.scores")
    history = made.table("clean.inspections")
    assert list(scores.columns) == list(SCORES)
    for week, own in scores.groupby("week"):
        as_of = week + WEEK
        active = active_establishments(history[history["week"] <= week], as_of, made.settings.cohort.window_days)
        assert set(own["establishment_id"]) == set(active["establishment_id"])
        assert sorted(own["rank"]) == list(range(1, len(own) + 1))
        assert own.sort_values("rank")["score"].is_monotonic_decreasing
        assert own["score"].between(0, 1).all()
        # Among nearest neighbours there may be no single feature that sets a place apart.
        assert (own["reason_1"].isna() == (own["contributions"] == "{}")).all()
        assert own["reason_1"].notna().mean() > 0.5
        decision = made.document("selected_model", week, "decision.json")
        assert set(own["model_id"]) == {decision["selected_model_id"]}
        assert set(own["as_of_date"]) == {as_of}


def test_the_audit_says_something_of_every_group(made):
    verdicts = made.table("monitoring.bias_verdicts")
    newest = verdicts[verdicts["week"] == WEEKS[-1]]
    assert set(newest["attribute"]) == {"facility_type", "side", "risk", "overall"}
    sizes = newest.groupby("attribute")["group_size"].sum()
    assert sizes.nunique() == 1 and sizes.iloc[0] >= made.settings.selection.min_evaluation_rows
    assert newest["sentence"].str.len().min() > 20
    report = made.table("monitoring.bias_report")
    groups = {(row.attribute, row.group) for row in report[report["week"] == WEEKS[-1]].itertuples()}
    assert groups == {(r.attribute, r.group) for r in newest.itertuples() if r.attribute != "overall"}


def test_every_load_is_audited(made):
    loads = made.database.query("select * from metadata.partition_loads order by load_id")
    runs = {record.dagster_run.run_id for record in made.instance.get_run_records()}
    assert set(loads["asset"]) == set(TABLES) and set(loads["run_id"]) <= runs
    assert loads["code_version"].notna().all() and (loads["content_hash"].str.len() == 64).all()
    newest = loads.drop_duplicates(["asset", "week"], keep="last")
    for asset, table in TABLES.items():
        counted = made.table(table)["week"].value_counts().to_dict()
        own = newest[newest["asset"] == asset]
        assert {week: n for week, n in zip(own["week"], own["rows"], strict=True) if n} == counted, asset


@pytest.mark.parametrize("asset", ["raw_inspections", *TABLES])
def test_each_weeks_event_tells_its_own_rows_and_columns(made, asset):
    records = made.instance.fetch_materializations(dg.AssetKey(asset), limit=1_000).records
    events = {record.partition_key: record.asset_materialization.metadata for record in records[::-1]}
    told = {week: int(metadata["dagster/row_count"].value) for week, metadata in events.items()}
    if asset == "raw_inspections":
        stored = {str(w): n for w, n in made.portal.week_counts(WEEKS[0], WEEKS[-1]).items()}
    else:
        rows = made.table(TABLES[asset])
        stored = {str(week): n for week, n in rows["week"].value_counts().items()}
    assert {week: n for week, n in told.items() if n} == {week: n for week, n in stored.items() if n}
    schema = events[str(WEEKS[-1])]["dagster/column_schema"].schema
    assert "week" in {column.name for column in schema.columns}


def test_a_week_that_is_made_again_later_has_the_same_bytes(made, history):
    """Two weeks: one that was the newest once, and one with a fit of its own."""
    again = [key.to_user_string() for key in made.defs.resolve_asset_graph().get_all_asset_keys()]
    made.remake([THEN], *again)
    made.remake([WEEKS[-9]], *(name for name in again if name != "scores"))
    hashes, objects = made.hashes(), made.stored()
    assert [path for path, content in history.objects.items() if objects[path] != content] == []
    loads = made.database.query("select week, count(*) as loads from metadata.partition_loads group by week")
    loads = dict(zip(loads["week"], loads["loads"], strict=True))
    assert loads[THEN] > loads[WEEKS[-8]], "they were made again, not skipped"
    for key, digest in history.hashes.items():
        if key[0] != "scores":
            assert hashes[key] == digest, key
    pd.testing.assert_frame_equal(without_run(made.table("predictions.scores")), history.scores)


def test_a_fit_is_repeated_to_the_last_bit(made):
    """Without its stored files every model is fitted anew; the same rows give the same bytes."""
    before = {path: content for path, content in made.stored().items() if path.startswith("models/")}
    groups = [f"{algorithm}_model" for algorithm in ALGORITHMS]
    assert sum("/artifacts/" in path for path in before) >= 2 * len(groups)
    made.objects.delete(path for path in before if "selected_model" not in path)
    made.remake(WEEKS, *groups)
    after = {path: content for path, content in made.stored().items() if path.startswith("models/")}
    assert sorted(after) == sorted(before)
    assert [path for path in before if after[path] != before[path]] == []


def test_a_foreign_model_file_ends_the_list_in_one_sentence(made):
    decision = made.document("selected_model", WEEKS[-1], "decision.json")
    paths = [f"models/{decision['model_asset']}/{name}" for name in decision["files"] if not name.endswith(".json")]
    kept = made.objects.get_many(paths)
    before = made.hashes()
    try:
        made.objects.put_many((path, b"\x80\x04\x95 pickled by somebody else") for path in paths)
        with pytest.raises(FoodInspectionsError, match=r"^Stage scores failed: .*was cut or changed") as told:
            made.remake([WEEKS[-1]], "scores")
        assert "\n" not in str(told.value)
        assert made.hashes() == before
    finally:
        made.objects.put_many(kept.items())


def test_the_world_is_as_old_as_it_says(made):
    """The list of a week knows nothing dated on or after the day it is for."""
    scores = made.table("predictions.scores")
    assert ((scores["as_of_date"] - scores["last_inspection_date"]) >= timedelta(days=1)).all()
