"""A list knows nothing of what came after its week."""

from dataclasses import replace

import pandas as pd
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import (
    BACKTEST_SCORES,
    CLEAN_SOURCES,
    INSPECTIONS,
    SCORES,
    SELECTED_MODEL,
    VIOLATIONS,
)
from food_inspections_dagster.defs.scoring.lists import ListRule, in_use, list_for, places
from food_inspections_dagster.inspections.features import Tables, audit_groups, sources_in_use
from food_inspections_dagster.modeling.backtest import by_group, judged_rows
from food_inspections_dagster.modeling.rules import RemedyRule
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.city import CITY

LAST, EARLIER = CITY[-1], CITY[-4]
LABELS = ("failed", "critical_violation")


@pytest.fixture(scope="module")
def tables(stored_city):
    """Everything that is stored, whatever its date."""
    names = sources_in_use(stored_city.settings.features.switched_off)
    assert "business_licenses" in names
    read = {name: stored_city.rows(CLEAN_SOURCES[name]) for name in names}
    return Tables(stored_city.rows(INSPECTIONS), stored_city.rows(VIOLATIONS), **read)


@pytest.fixture(scope="module")
def decisions(stored_city):
    decisions = in_use(stored_city.document(SELECTED_MODEL, LAST))
    assert set(decisions) == set(LABELS)
    return decisions


def rule_of(settings, **changed):
    selection = settings.selection
    return replace(
        ListRule(settings.scores.surroundings_weight, settings.remedy, selection.capacity_share, selection.confidence),
        **changed,
    )


def listed(world, decision, label, week, tables, **changed):
    settings, group = world.settings, decision["selected"]
    blobs = world.stored.blobs(catalog.model(group))
    judged = judged_rows(world.rows(BACKTEST_SCORES), week, group, settings.selection.evaluation_weeks)
    rule = rule_of(settings, **changed)
    active = places(week, tables, settings.cohort.window_days, settings.features.switched_off, rule.remedy)
    return list_for(week, decision, blobs, active, by_group(judged, label)[group], rule)


@pytest.mark.parametrize("label", LABELS)
def test_rows_of_later_weeks_change_nothing(stored_city, tables, decisions, label):
    past = tables.before(EARLIER + WEEK)
    assert len(past.inspections) < len(tables.inspections)
    assert len(past.business_licenses) < len(tables.business_licenses)
    lists = [listed(stored_city, decisions[label], label, EARLIER, known) for known in (tables, past)]
    pd.testing.assert_frame_equal(lists[0].rows, lists[1].rows)
    pd.testing.assert_frame_equal(lists[0].notes, lists[1].notes)


@pytest.mark.parametrize("label", LABELS)
def test_the_newest_list_is_the_stored_one_in_any_order_of_the_rows(stored_city, tables, decisions, label):
    shuffled = replace(tables, inspections=tables.inspections.sample(frac=1, random_state=1))
    again = listed(stored_city, decisions[label], label, LAST, shuffled).rows
    stored = stored_city.table(str(SCORES))
    stored = stored[stored["label"] == label]
    columns = ["establishment_id", "rank", "expected_find", "own_risk", "own_risk_rank", "priority"]
    columns += ["expected_find_low", "reason_1", "caution", "as_of_date"]
    by_rank = [rows.sort_values("rank")[columns].reset_index(drop=True) for rows in (again, stored)]
    pd.testing.assert_frame_equal(*by_rank)
    assert set(again["as_of_date"]) == {LAST + WEEK}


def test_weights_put_the_list_in_another_order_and_change_no_probability(stored_city, tables, decisions):
    lists = {
        weight: listed(stored_city, decisions["failed"], "failed", LAST, tables, surroundings=weight).rows
        for weight in (0.0, 0.5, 1.0)
    }
    assert (lists[1.0]["rank"] == lists[1.0]["expected_find_rank"]).all()
    assert (lists[0.0]["rank"] == lists[0.0]["own_risk_rank"]).all()
    columns = ["expected_find", "own_risk"]
    by_place = [rows.set_index("establishment_id").sort_index()[columns] for rows in lists.values()]
    pd.testing.assert_frame_equal(by_place[0], by_place[1])
    pd.testing.assert_frame_equal(by_place[0], by_place[2])


def test_a_remedy_gives_each_group_its_share(stored_city, tables, decisions):
    usual, remedied = (
        listed(stored_city, decisions["failed"], "failed", LAST, tables, remedy=RemedyRule(kind, "risk")).rows
        for kind in ("none", "rerank")
    )
    assert set(usual["establishment_id"]) == set(remedied["establishment_id"])
    high_risk = (remedied.sort_values("rank")["risk"] == 1).fillna(False).to_numpy(dtype=bool)
    share = high_risk.mean()
    assert 0 < share < 1
    for places_so_far in (10, 30, len(remedied) // 2):
        assert abs(high_risk[:places_so_far].sum() - share * places_so_far) <= 1
    high = [
        rows[(rows["risk"] == 1).fillna(False)].sort_values("rank")["establishment_id"].tolist()
        for rows in (usual, remedied)
    ]
    assert high[0] == high[1], "within a group the order is that of the scores"


@pytest.mark.parametrize("attribute", ["community_area", "chain_or_single"])
def test_a_remedy_moves_the_list_by_what_is_known_of_a_place(stored_city, tables, decisions, attribute):
    """Both attributes are no columns of the cohort: every place used to be of one unknown group, and none moved."""
    known = replace(tables, community_areas=stored_city.rows(CLEAN_SOURCES["community_areas"]))
    rule, settings = RemedyRule("rerank", attribute), stored_city.settings
    active = places(LAST, known, settings.cohort.window_days, settings.features.switched_off, rule)
    spine = active.cohort[["establishment_id"]].assign(as_of_date=LAST + WEEK)
    given = audit_groups(spine, known)[attribute].fillna("Unknown")
    assert list(active.areas) == given.tolist() and len(set(given)) > 1
    of_past = (known, known.before(EARLIER + WEEK))
    window, off = settings.cohort.window_days, settings.features.switched_off
    earlier, alone = (places(EARLIER, tables, window, off, rule).areas for tables in of_past)
    assert earlier == alone, "later weeks change no group"
    usual, remedied = (
        listed(stored_city, decisions["failed"], "failed", LAST, known, remedy=of).rows for of in (RemedyRule(), rule)
    )
    assert usual["establishment_id"].tolist() != remedied["establishment_id"].tolist()
    group = dict(zip(active.cohort["establishment_id"], given, strict=True))
    in_order = remedied["establishment_id"].map(group)
    for name, share in given.value_counts(normalize=True).items():
        so_far = (in_order == name).cumsum() - share * pd.RangeIndex(1, len(given) + 1)
        assert so_far.abs().max() <= 1


def test_labels_without_a_choice_have_no_list():
    decisions = {"failed": {"selected": None}, "critical_violation": {"selected": "knn"}}
    assert list(in_use({"labels": decisions})) == ["critical_violation"]
    assert in_use({"labels": {}}) == {}
