"""The whole graph over a small city, in two goes; what is stored then, and what happens to it afterwards."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta

import dagster as dg
import pandas as pd
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.inspections.cohorts import active_establishments
from food_inspections_dagster.modeling.documents import models_of
from food_inspections_dagster.modeling.rules import LABELS
from food_inspections_dagster.modeling.splits import anchor_of, backtest_anchor_of, periods_ending
from food_inspections_dagster.modeling.training import usable_rows
from food_inspections_dagster.resources.embedded_postgres import EmbeddedPostgres
from food_inspections_dagster.weeks import FIRST_WEEK, WEEK
from food_inspections_dagster_tests.world import WEEKS, World, small_world
from food_inspections_portal.city.surroundings import AREAS, INSPECTORS

LATER = 3  # weeks that come after the first go
THEN, BROKEN = WEEKS[-LATER - 1], WEEKS[5]
LISTS = ("scores", "area_notes", "remedy_prices", "published_list")
NEWEST = (*LISTS, "data_profile", "data_profile_report")
GROUPS = ("xgboost", "logistic_regression", "ridge", "knn", "baseline")
MODELS = tuple(catalog.model(group) for group in GROUPS)
CONFIGURED = {
    "community_areas": [AREAS],
    "weather": ["gone-0000"],  # the portal has no such data set
    "inspector_assignments": [INSPECTORS],
}
# What this graph makes: sources that are not configured have no assets, and folds are not asked for.
LEFT_OUT = (catalog.CLEAN_SOURCES.keys() - CONFIGURED.keys() - {"business_licenses"}) | {"cross_validations"}
MADE = tuple(entry for asset, entry in catalog.FIXED.items() if asset.removeprefix("raw_") not in LEFT_OUT)
TABLES = tuple(entry for entry in MADE if isinstance(entry, catalog.Table))


@pytest.fixture(scope="module")
def world(postgres: EmbeddedPostgres, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """An empty world with some more sources, of which one is absent, and one more attribute in its audit."""
    home = tmp_path_factory.mktemp("world") / "home"
    changed = {"sources": CONFIGURED, "bias": {"attributes": ["facility_type", "side", "community_area"]}}
    with small_world(home, postgres, changed) as made:
        yield made


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
    if asset in NEWEST:
        return [THEN, WEEKS[-1]]
    if asset.removeprefix("raw_") == "community_areas":
        return [FIRST_WEEK]
    return WEEKS


def test_every_stage_holds_every_week(made):
    loads = made.ledger.snapshot().loads
    assert loads.keys() == {entry.asset for entry in (*MADE, *MODELS)}
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
    assert len(table) > 0 or entry.asset == "weather", "the one that is absent"
    pd.testing.assert_frame_equal(made.rows(entry), table)


def test_labels_are_those_of_the_results(made):
    features = made.rows(catalog.FEATURE_MATRIX).set_index("inspection_id")
    results = made.table("clean.inspections").set_index("inspection_id")["results"]
    decided = results.isin(["Pass", "Pass w/ Conditions", "Fail"])
    assert features["failed"].isna().equals(~decided.astype(features["failed"].isna().dtype))
    assert set(results[features["failed"].fillna(False)]) == {"Fail"}
    assert (features["failed"].dropna() == (results[decided] == "Fail")).all()


def test_each_week_names_its_models_of_both_labels_or_why_there_are_none(made):
    schedule = made.settings.models.schedule
    for entry in MODELS:
        for week in WEEKS:
            models = made.document(entry, week)["models"]
            assert [(m["model_group"], m["label"]) for m in models] == [
                (entry.asset.removesuffix("_model"), label) for label in LABELS
            ]
            for model in models:
                assert model["anchor"] == str(anchor_of(week, schedule))
                assert (model["model_id"] is None) == bool(model["reason"]) == (not model["files"])
    newest = {m["model_id"] for entry in MODELS for m in models_of(made.document(entry, WEEKS[-1]))}
    assert len(newest) == len(GROUPS) * len(LABELS)


def test_each_week_is_decided_for_both_labels_with_reasons(made):
    for week in WEEKS:
        decisions = made.document(catalog.SELECTED_MODEL, week)["labels"]
        assert decisions.keys() == set(LABELS)
        for label, decision in decisions.items():
            assert decision["reasons"] and decision["week"] == str(anchor_of(week, made.settings.models.schedule))
            named = {m["model_id"] for e in MODELS for m in models_of(made.document(e, week)) if m["label"] == label}
            assert decision["selected_model_id"] in (named if decision["selected"] else {None})
    first, last = (made.document(catalog.SELECTED_MODEL, week)["labels"] for week in (WEEKS[0], WEEKS[-1]))
    assert {decision["selected"] for decision in first.values()} == {None}
    assert all(decision["selected"] in GROUPS and decision["incumbent"] for decision in last.values())


def test_every_inspection_is_scored_once_by_each_model_of_the_week_before(made):
    scores, matrix = made.table("monitoring.backtest_scores"), made.rows(catalog.FEATURE_MATRIX)
    schedule = made.settings.models.schedule
    usable = matrix.iloc[usable_rows(matrix, schedule)].set_index("inspection_id")
    ids = {(m["anchor"], m["model_group"], m["label"]): m["model_id"]
           for entry in MODELS for week in WEEKS for m in models_of(made.document(entry, week))}  # fmt: skip
    served = 0
    for (week, group, label), rows in scores.groupby(["week", "model_group", "label"]):
        anchor = backtest_anchor_of(week, schedule)
        assert anchor < week, "nobody is scored by a model that knows the week"
        assert set(rows["model_id"]) == {ids[str(anchor), group, label]}
        assert sorted(rows["inspection_id"]) == sorted(usable.index[usable["week"] == week])
        assert (rows["outcome"].to_numpy(dtype=bool) == usable.loc[rows["inspection_id"], label].to_numpy(bool)).all()
        served += 1
    weeks = [week for week in WEEKS if (str(backtest_anchor_of(week, schedule)), "xgboost", "failed") in ids]
    assert served == len(weeks) * len(GROUPS) * len(LABELS) and len(weeks) > 30
    assert scores["in_cohort"].nunique() == 2, "in or out of the cohort"


def test_each_test_period_is_evaluated_and_rules_of_choice_are_compared(made):
    validation, schedule = made.settings.validation, made.settings.models.schedule
    scores, evaluations = made.table("monitoring.backtest_scores"), made.table("monitoring.evaluations")
    ends = [p.last for p in periods_ending(WEEKS, schedule, validation) if p.first >= scores["week"].min()]
    assert len(ends) > 5 and sorted(set(evaluations["week"])) == ends
    whole = evaluations[evaluations["subset_kind"] == "all"]
    keys = whole.groupby("week")[["label", "model_group", "score"]].apply(lambda rows: len(rows.drop_duplicates()))
    assert set(keys) == {len(LABELS) * len(GROUPS) * 3}, "expected_find, own_risk, priority"
    newest = whole[whole["week"] == ends[-1]]
    period = scores[scores["week"].between(ends[-1] - 3 * WEEK, ends[-1])]
    counted = period.groupby(["label", "model_group"]).size().to_dict()
    assert {(r.label, r.model_group): r.rows for r in newest.itertuples()} == counted
    auditions = made.table("monitoring.auditions")
    assert set(auditions["week"]) <= set(ends[1:]) and ends[-1] in set(auditions["week"])
    last = auditions[auditions["week"] == ends[-1]]
    assert set(last["rule"]) == set(made.settings.audition.rules) and set(last["label"]) == set(LABELS)
    assert (auditions["decided"] < auditions["week"]).all()


def test_one_source_is_absent_and_the_others_have_rows(made):
    for name in ("business_licenses", *CONFIGURED):
        assert (len(made.rows(catalog.CLEAN_SOURCES[name])) == 0) == (name == "weather"), name


def test_the_list_is_everybody_in_business_with_reasons(made):
    scores = made.table("predictions.scores")
    history, licenses = made.table("clean.inspections"), made.table("clean.business_licenses")
    assert tuple(scores.columns) == catalog.columns_of(catalog.SCORES)
    assert set(zip(scores["week"], scores["label"], strict=True)) == {(w, x) for w in (THEN, WEEKS[-1]) for x in LABELS}
    for (week, label), of_week in scores.groupby(["week", "label"]):
        as_of = week + WEEK
        known = history[history["week"] <= week]
        active = active_establishments(known, as_of, made.settings.cohort.window_days, licenses)
        assert set(of_week["establishment_id"]) == set(active["establishment_id"])
        assert sorted(of_week["rank"]) == list(range(1, len(of_week) + 1))
        assert of_week.sort_values("rank")["priority"].is_monotonic_decreasing
        for answer in ("expected_find", "own_risk", "priority"):
            assert of_week[answer].between(0, 1).all(), answer
        # Among nearest neighbours there may be no single feature that sets a place apart.
        assert (of_week["reason_1"].isna() <= (of_week["contributions"] == "{}")).all()
        assert of_week["reason_1"].notna().mean() > 0.5
        decision = made.document(catalog.SELECTED_MODEL, week)["labels"][label]
        assert set(of_week["model_id"]) == {decision["selected_model_id"]}
        assert set(of_week["as_of_date"]) == {as_of}
    seen = scores["last_inspection_date"].notna()
    known = (scores["as_of_date"] - scores["last_inspection_date"])[seen]
    assert (known >= timedelta(days=1)).all(), "it knows nothing dated on or after the day it is for"


def test_the_audit_says_something_of_every_group(made):
    verdicts, rule = made.table("monitoring.bias_verdicts"), made.settings.bias
    anchor = anchor_of(WEEKS[-1], made.settings.models.schedule)
    report, effects = made.table("monitoring.bias_report"), made.table("monitoring.list_effects")
    for label in LABELS:
        newest = verdicts[(verdicts["week"] == anchor) & (verdicts["label"] == label)]
        assert set(newest["attribute"]) == {*rule.attributes, "overall"}
        sizes = newest.groupby("attribute")["group_size"].sum()
        assert sizes.nunique() == 1 and sizes.iloc[0] >= made.settings.selection.min_evaluation_rows
        assert newest["sentence"].str.len().min() > 20
        groups = {(r.attribute, r.group) for r in newest.itertuples() if r.attribute != "overall"}
        for table in (report, effects):
            rows = table[(table["week"] == anchor) & (table["label"] == label)]
            named = {(r.attribute, r.group) for r in rows.itertuples()}
            assert named - {("overall", "all")} == groups


def test_remedies_are_priced_and_zip_codes_are_told_about(made):
    prices, notes = made.table("monitoring.remedy_prices"), made.table("predictions.area_notes")
    assert set(zip(prices["week"], prices["label"], strict=True)) == {(w, x) for w in (THEN, WEEKS[-1]) for x in LABELS}
    assert prices.groupby(["week", "label"]).size().eq(3).all()
    assert len(notes) and notes["sentence"].str.len().min() > 20
    assert set(notes["zip"].dropna()) <= set(made.table("clean.inspections")["zip"].dropna())


def test_every_load_is_audited(made):
    loads = made.database.query("select * from metadata.partition_loads order by load_id")
    runs = {record.dagster_run.run_id for record in made.instance.get_run_records()}
    assert set(loads["asset"]) == set(made.graph.assets) and set(loads["run_id"]) <= runs
    for column in ("code_version", "content_hash", "settings_digest", "input_hash"):
        assert (loads[column].str.len() >= 12).all(), column
    assert made.database.query("select * from metadata.open_loads").empty
    newest = loads.drop_duplicates(["asset", "week"], keep="last")
    for entry in (e for e in MADE if not isinstance(e, catalog.Documents | catalog.Pages)):
        table = catalog.PRIORITIES if entry is catalog.PUBLISHED_LIST else entry
        rows = made.table(str(table)) if isinstance(table, catalog.Table) else made.rows(table)
        audited = newest[newest["asset"] == entry.asset]
        told = {week: n for week, n in zip(audited["week"], audited["rows"], strict=True) if n}
        assert told == rows["week"].value_counts().to_dict(), entry.asset


@pytest.mark.parametrize("asset", [entry.asset for entry in MADE])
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
    made.remake([THEN], *(asset for asset in made.graph.assets if THEN in weeks_of(asset)))
    made.remake([WEEKS[-9]], *(asset for asset in made.graph.assets if WEEKS[-9] in weeks_of(asset)))
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
    assert sum("/artifacts/" in path for path in before) >= 2 * len(MODELS) * len(LABELS)
    made.objects.delete(path for path in before if "selected_model" not in path)
    made.remake(WEEKS, *(entry.asset for entry in MODELS))
    after = {path: content for path, content in made.objects_stored().items() if path.startswith("models/")}
    assert sorted(after) == sorted(before)
    assert [path for path in before if after[path] != before[path]] == []


@pytest.mark.parametrize("damage", ["lost", "cut", "foreign"])
def test_a_damaged_model_file_ends_the_list_in_one_sentence_and_its_week_made_again_mends_it(made, damage):
    """Issue 9, 10: the advice failed with the same error, and a cut file was never replaced."""
    decision = made.document(catalog.SELECTED_MODEL, WEEKS[-1])["labels"]["failed"]
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
    with pytest.raises(FoodInspectionsError, match=rf"^Stage lists failed: .*{words[damage]}") as told:
        made.remake([WEEKS[-1]], *LISTS)
    assert "\n" not in str(told.value) and "materialise the model asset of that week again" in str(told.value)
    assert made.hashes() == before
    made.remake([WEEKS[-1]], entry.asset)
    assert made.objects_stored() == kept, "the same file, to the last bit"
    made.remake([WEEKS[-1]], *LISTS)
    assert (made.hashes(), made.stale()) == (before, {})
