"""The whole graph over a small city, in two goes; what is stored then, and what happens to it afterwards."""

from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
import pandas as pd
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.cohorts import active_establishments
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.world import WEEKS, World

LATER = 3  # weeks that come after the first go
THEN, BROKEN = WEEKS[-LATER - 1], WEEKS[5]
# Sources beside the inspections have a test of their own.
ENTRIES = [entry for entry in catalog.FIXED.values() if entry.asset.removeprefix("raw_") not in SOURCES]
TABLES = tuple(entry for entry in ENTRIES if isinstance(entry, catalog.Table))
MODELS = tuple(catalog.model(group) for group in ALGORITHMS)


@dataclass
class History:
    """What was stored when ``THEN`` was the newest week."""

    objects: dict[str, bytes]
    hashes: dict[tuple[str, date], str]


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
    first = History(world.objects_stored(), world.hashes())
    world.make(WEEKS)
    return first


@pytest.fixture(scope="module")
def made(world: World, history: History) -> World:
    return world


def weeks_of(asset: str) -> list[date]:
    return [THEN, WEEKS[-1]] if asset == "scores" else WEEKS


def test_every_stage_holds_every_week(made):
    loads = made.ledger.snapshot().loads
    assert {asset: sorted(of_asset) for asset, of_asset in loads.items()} == {a: weeks_of(a) for a in made.graph.assets}
    for asset in made.graph.assets:
        told = made.instance.get_materialized_partitions(dg.AssetKey(asset))
        assert told == {week.isoformat() for week in weeks_of(asset)}, "Dagster's UI says the same"


def test_a_second_call_does_nothing(made):
    before = made.ledger.newest_load()
    again = made.make(WEEKS)
    assert (made.stale(), made.plan(WEEKS)) == ({}, [])
    assert (again.run_ids, again.stages, made.ledger.newest_load()) == ([], [], before)


def test_no_row_is_lost_between_portal_and_features(made, broken_rows):
    portal = {week: state.rows for week, state in made.portal.week_states(WEEKS[0], WEEKS[-1]).items() if state.rows}
    inspections, rejected = made.table("clean.inspections"), made.table("clean.rejected_inspections")
    assert sum(portal.values()) > 1_400
    both = pd.concat([inspections["week"], rejected["week"]]).value_counts().to_dict()
    assert both == portal
    assert inspections["inspection_id"].is_unique
    # Which of two rows under one id is kept is cleaning's own matter, and tested there.
    assert sorted(rejected["reason"]) == sorted(broken_rows.values())
    assert set(rejected["week"]) == {BROKEN}
    violations = made.table("clean.violations").groupby("inspection_id").size()
    counted = inspections.set_index("inspection_id")["violation_count"]
    assert violations.to_dict() == counted[counted > 0].to_dict()
    features = made.rows(catalog.FEATURE_MATRIX)
    assert list(features["inspection_id"]) == list(inspections["inspection_id"])
    assert tuple(features.columns) == catalog.columns_of(catalog.FEATURE_MATRIX)


@pytest.mark.parametrize("entry", [e for e in TABLES if e.mirror], ids=str)
def test_the_mirror_equals_the_table_row_for_row(made, entry):
    table = made.table(str(entry))
    assert len(table) > 0
    pd.testing.assert_frame_equal(made.rows(entry), table)


def test_labels_are_those_of_the_results(made):
    features = made.rows(catalog.FEATURE_MATRIX).set_index("inspection_id")
    results = made.table("clean.inspections").set_index("inspection_id")["results"]
    decided = results.isin(["Pass", "Pass w/ Conditions", "Fail"])
    assert features["failed"].isna().equals(~decided.astype(features["failed"].isna().dtype))
    assert set(results[features["failed"].fillna(False)]) == {"Fail"}
    assert (features["failed"].dropna() == (results[decided] == "Fail")).all()


def test_each_week_is_decided_with_a_reason_and_scored_by_the_model_before(made):
    selected = {week: made.document(catalog.SELECTED_MODEL, week) for week in WEEKS}
    assert selected[WEEKS[0]]["selected"] is None and selected[WEEKS[0]]["reasons"]
    assert selected[WEEKS[-1]]["selected"] in ALGORITHMS and selected[WEEKS[-1]]["reasons"]
    for entry in MODELS:
        for week in WEEKS:
            document = made.document(entry, week)
            assert document["model_id"] or document["reason"]
            rows = document["backtest"]["rows"]
            assert all(str(week) <= day < str(week + WEEK) for day in rows["inspection_date"])
            if rows["score"]:
                assert document["backtest"]["anchor"] < str(week), "nobody is scored by a model that knows the week"


def test_the_list_is_everybody_in_business_with_reasons(made):
    scores = made.table("predictions.scores")
    history = made.table("clean.inspections")
    assert tuple(scores.columns) == catalog.columns_of(catalog.SCORES)
    for week, of_week in scores.groupby("week"):
        as_of = week + WEEK
        active = active_establishments(history[history["week"] <= week], as_of, made.settings.cohort.window_days)
        assert set(of_week["establishment_id"]) == set(active["establishment_id"])
        assert sorted(of_week["rank"]) == list(range(1, len(of_week) + 1))
        assert of_week.sort_values("rank")["score"].is_monotonic_decreasing
        assert of_week["score"].between(0, 1).all()
        # Among nearest neighbours there may be no single feature that sets a place apart.
        assert (of_week["reason_1"].isna() == (of_week["contributions"] == "{}")).all()
        assert of_week["reason_1"].notna().mean() > 0.5
        assert set(of_week["model_id"]) == {made.document(catalog.SELECTED_MODEL, week)["selected_model_id"]}
        assert set(of_week["as_of_date"]) == {as_of}
    known = scores["as_of_date"] - scores["last_inspection_date"]
    assert (known >= timedelta(days=1)).all(), "it knows nothing dated on or after the day it is for"


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
    assert set(loads["asset"]) == set(made.graph.assets) and set(loads["run_id"]) <= runs
    for column in ("code_version", "content_hash", "settings_digest", "input_hash"):
        assert (loads[column].str.len() >= 12).all(), column
    assert made.database.query("select * from metadata.open_loads").empty
    newest = loads.drop_duplicates(["asset", "week"], keep="last")
    for entry in (*TABLES, catalog.FEATURE_MATRIX, catalog.RAW_INSPECTIONS):
        rows = made.table(str(entry)) if isinstance(entry, catalog.Table) else made.rows(entry)
        audited = newest[newest["asset"] == entry.asset]
        told = {week: n for week, n in zip(audited["week"], audited["rows"], strict=True) if n}
        assert told == rows["week"].value_counts().to_dict(), entry.asset


@pytest.mark.parametrize("asset", [entry.asset for entry in ENTRIES])
def test_each_weeks_event_tells_its_rows_and_its_content(made, asset):
    records = made.instance.fetch_materializations(dg.AssetKey(asset), limit=1_000).records
    told = {record.partition_key: record.asset_materialization for record in records[::-1]}
    loads = made.ledger.snapshot().loads[asset]
    assert told.keys() == {str(week) for week in loads}
    for week, load in loads.items():
        metadata = told[str(week)].metadata
        assert metadata["dagster/row_count"].value == load.rows
        assert metadata["content_hash"].value == load.content_hash
        assert told[str(week)].tags["dagster/data_version"] == load.content_hash
    if catalog.FIXED[asset].schema is not None:
        spec = made.graph.by_asset[asset].assets.get_asset_spec(dg.AssetKey(asset))
        columns = spec.metadata["dagster/column_schema"].columns
        assert tuple(column.name for column in columns) == catalog.columns_of(catalog.FIXED[asset])


def test_a_week_that_is_made_again_later_has_the_same_bytes(made, history):
    """Two weeks: one that was the newest once, and one with a fit of its own."""
    before = made.bytes_stored()
    made.remake([THEN], *made.graph.assets)
    made.remake([WEEKS[-9]], *(asset for asset in made.graph.assets if asset != "scores"))
    assert [path for path, content in history.objects.items() if before[path] != content] == []
    after = made.bytes_stored()
    assert after.keys() == before.keys()
    assert [place for place, content in before.items() if after[place] != content] == []
    hashes = made.hashes()
    assert [key for key, content in history.hashes.items() if hashes[key] != content] == []
    counted = made.database.query("select week, count(*) as loads from metadata.partition_loads group by week")
    loads = dict(zip(counted["week"], counted["loads"], strict=True))
    assert loads[THEN] > loads[WEEKS[-8]], "they were made again, not skipped"


def test_a_fit_is_repeated_to_the_last_bit(made):
    """Without its stored files every model is fitted anew; the same rows give the same bytes."""
    before = {path: content for path, content in made.objects_stored().items() if path.startswith("models/")}
    assert sum("/artifacts/" in path for path in before) >= 2 * len(MODELS)
    made.objects.delete(path for path in before if "selected_model" not in path)
    made.remake(WEEKS, *(entry.asset for entry in MODELS))
    after = {path: content for path, content in made.objects_stored().items() if path.startswith("models/")}
    assert sorted(after) == sorted(before)
    assert [path for path in before if after[path] != before[path]] == []


@pytest.mark.parametrize("damage", ["lost", "cut", "foreign"])
def test_a_damaged_model_file_ends_the_list_in_one_sentence_and_its_week_made_again_mends_it(made, damage):
    """Issue 9, 10: the advice failed with the same error, and a cut file was never replaced."""
    decision = made.document(catalog.SELECTED_MODEL, WEEKS[-1])
    entry = catalog.model(decision["selected"])
    paths = [f"{entry.prefix}/{name}" for name in decision["files"] if not name.endswith(".json")]
    kept, before = made.objects_stored(), made.hashes()
    if damage == "lost":
        made.objects.delete(paths)
    else:
        cut = {path: kept[path][: len(kept[path]) // 2] for path in paths}
        foreign = dict.fromkeys(paths, b"\x80\x04\x95 pickled by somebody else")
        made.objects.put_many((cut if damage == "cut" else foreign).items())
    words = {"lost": "is gone from the object store", "cut": "was cut or changed", "foreign": "was cut or changed"}
    with pytest.raises(FoodInspectionsError, match=rf"^Stage scores failed: .*{words[damage]}") as told:
        made.remake([WEEKS[-1]], "scores")
    assert "\n" not in str(told.value) and "materialise the model asset of that week again" in str(told.value)
    assert made.hashes() == before
    made.remake([WEEKS[-1]], entry.asset)
    assert made.objects_stored() == kept, "the same file, to the last bit"
    made.remake([WEEKS[-1]], "scores")
    assert (made.hashes(), made.stale()) == (before, {})
