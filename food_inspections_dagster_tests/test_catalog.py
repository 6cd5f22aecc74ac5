from datetime import date

import pytest

from food_inspections_dagster import catalog, schemas
from food_inspections_dagster.catalog import FIXED, PUBLISHED_LIST, Documents, Publication, Rows, Table
from food_inspections_dagster.definitions import graph_for
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.modeling.algorithms import ALGORITHMS
from food_inspections_dagster.settings import load_settings

pytestmark = pytest.mark.usefixtures("project_settings")

WEEK = date(2011, 9, 5)
ENTRIES = {**FIXED, **{f"{algorithm}_model": catalog.model(algorithm) for algorithm in ALGORITHMS}}
PORTAL = {"portal": {"url": "http://127.0.0.1:8123", "name": "simulated-test"}}


def places(entry):
    """Return every address at which an entry keeps something of a week."""
    if isinstance(entry, Table):
        return [f"table {entry}", *([entry.mirror.path(WEEK)] if entry.mirror is not None else [])]
    if isinstance(entry, Publication):
        return [f"table {name}" for name in (*entry.tables, *map(entry.copy_of, entry.copies))]
    return [entry.path(WEEK)]


def test_no_two_entries_share_an_address():
    addresses = [place for entry in ENTRIES.values() for place in places(entry)]
    assert len(set(addresses)) == len(addresses) > len(ENTRIES)
    prefixes = [
        stored.prefix
        for entry in ENTRIES.values()
        for stored in ([entry.mirror] if isinstance(entry, Table) else [entry])
        if stored is not None and not isinstance(stored, Publication)
    ]
    inside = [(a, b) for a in prefixes for b in prefixes if a is not b and f"{b}/".startswith(f"{a}/")]
    assert inside == [], "a listing of one would show objects of the other"


def test_every_path_is_below_a_zone_and_names_its_week():
    for entry in ENTRIES.values():
        for place in places(entry):
            if not place.startswith("table "):
                assert place.split("/")[0] in catalog.ZONES
                assert f"/week={WEEK}/" in place


@pytest.mark.parametrize("entry", catalog.TABLES.values(), ids=str)
def test_a_table_s_key_is_in_its_schema_and_never_null(entry):
    columns = entry.schema.columns
    assert set(entry.key) <= columns.keys()
    assert [name for name in entry.key if columns[name].nullable] == []
    assert next(iter(columns)) == "week"
    # A row is refused as it was received, twice if it came twice.
    assert ("week" in entry.key) != (entry is catalog.REJECTED_INSPECTIONS)
    assert set(entry.key) == set(entry.schema.unique or ()), "what Postgres refuses is refused before"
    assert entry.schema.name == entry.name == entry.asset
    if entry.mirror is not None:
        assert (entry.mirror.asset, entry.mirror.schema) == (entry.asset, entry.schema)


def without(*assets):
    return {asset: entry for asset, entry in ENTRIES.items() if asset not in assets}


def test_the_graph_makes_each_entry_once_and_nothing_else():
    """Of the models those of algorithms that conf names, of the sources those that have data sets, folds if asked."""
    every = {"models": {"parameters": {algorithm: {} for algorithm in ALGORITHMS}}, "validation": {"folds": 2}}
    graph = graph_for(load_settings({**PORTAL, **every}))
    assert {asset: graph.output(asset).entry for asset in graph.assets} == ENTRIES
    usual = graph_for(load_settings({**PORTAL, "sources": {"weather": None}}))
    absent = {"weather", "raw_weather", "rank_mean_model", "estimator_model", "cross_validations"}
    assert {asset: usual.output(asset).entry for asset in usual.assets} == without(*absent)
    for stage in graph.stages:
        for source in stage.inputs.values():
            assert ENTRIES[source.entry.asset] == source.entry
            known = catalog.columns_of(source.entry)
            assert not known or set(source.columns or ()) <= set(known), f"{stage.name} reads what is not there"


def test_addresses_are_those_of_the_documentation():
    assert catalog.RAW_INSPECTIONS.path(WEEK) == "raw/inspections/week=2011-09-05/rows.parquet"
    assert catalog.model("baseline").path(WEEK) == "models/baseline_model/week=2011-09-05/model.json"
    assert catalog.SELECTED_MODEL.path(WEEK) == "models/selected_model/week=2011-09-05/decision.json"
    assert catalog.DATA_PROFILE_REPORT.path(WEEK) == "reports/data_profile_report/week=2011-09-05/report.html"
    assert str(catalog.SCORES) == "predictions.scores" and catalog.TABLES["predictions.scores"] is catalog.SCORES


def test_where_rows_lie_as_parquet():
    assert catalog.stored_rows(catalog.INSPECTIONS) is catalog.INSPECTIONS.mirror
    assert catalog.stored_rows(catalog.FEATURE_MATRIX) is catalog.FEATURE_MATRIX
    assert catalog.stored_rows(catalog.BACKTEST_SCORES).prefix == "processed/backtest_scores"
    assert catalog.stored_rows(catalog.CLEAN_SOURCES["crimes"]).light and not catalog.INSPECTIONS.mirror.light
    for entry in (catalog.SCORES, catalog.EVALUATIONS, catalog.SELECTED_MODEL):
        with pytest.raises(FoodInspectionsError, match=f"{entry.asset} is not kept as Parquet"):
            catalog.stored_rows(entry)


def test_what_both_labels_have_is_told_apart_by_the_label():
    per_label = [entry for entry in FIXED.values() if entry.schema is not None and "label" in entry.schema.columns]
    assert {entry.asset for entry in per_label} == {
        *("backtest_scores", "evaluations", "evaluations_at_k", "auditions", "cross_validations"),
        *("scores", "area_notes", "outcomes"),
        *("bias_report", "bias_verdicts", "list_effects", "remedy_prices"),
    }
    for entry in per_label:
        assert "label" in entry.key, entry.asset


def test_a_table_is_asked_for_by_its_asset():
    assert catalog.table("auditions") is catalog.AUDITIONS
    assert str(catalog.table("crimes")) == "clean.crimes"


def test_a_model_group_of_a_grid_lies_with_its_algorithm():
    assert catalog.model("knn[n_neighbors=5]") == catalog.model("knn")


def test_what_is_published_is_apart_from_what_it_was_made_of():
    assert {table.database_schema for table in PUBLISHED_LIST.tables} == {PUBLISHED_LIST.database_schema} == {"api"}
    assert PUBLISHED_LIST.copy_of(catalog.INSPECTIONS) == "api.inspections"
    names = [table.name for table in (*PUBLISHED_LIST.tables, *PUBLISHED_LIST.copies)]
    assert len(set(names)) == len(names) > 5


def test_columns_are_those_of_the_schema():
    assert catalog.columns_of(catalog.SCORES) == tuple(schemas.arrow_types(catalog.SCORES.schema))
    assert catalog.columns_of(catalog.RAW_INSPECTIONS) == catalog.columns_of(catalog.SELECTED_MODEL) == ()


def test_entries_are_values():
    assert Rows("a", "raw", "b") == Rows("a", "raw", "b")
    assert hash(Documents("a", "models", "x.json")) == hash(Documents("a", "models", "x.json"))
    with pytest.raises(AttributeError):
        catalog.RAW_INSPECTIONS.zone = "elsewhere"
