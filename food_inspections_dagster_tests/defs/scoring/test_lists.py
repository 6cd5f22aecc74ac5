"""A list knows nothing of what came after its week."""

import pandas as pd
import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.catalog import INSPECTIONS, SCORES, SELECTED_MODEL, VIOLATIONS
from food_inspections_dagster.defs.scoring.lists import list_for
from food_inspections_dagster.weeks import WEEK
from food_inspections_dagster_tests.defs.city import CITY

LAST, EARLIER = CITY[-1], CITY[-4]


@pytest.fixture(scope="module")
def decision(stored_city):
    document = stored_city.document(SELECTED_MODEL, LAST)
    assert document["selected"], document["reasons"]
    return document


def listed(world, decision, week, inspections, violations):
    blobs = world.stored.blobs(catalog.model(decision["selected"]))
    return list_for(week, decision, blobs, inspections, violations, world.settings.cohort.window_days)


def test_rows_of_later_weeks_change_nothing(stored_city, decision):
    inspections, violations = stored_city.rows(INSPECTIONS), stored_city.rows(VIOLATIONS)
    past = [rows[rows["week"] <= EARLIER].reset_index(drop=True) for rows in (inspections, violations)]
    assert len(past[0]) < len(inspections)
    pd.testing.assert_frame_equal(
        listed(stored_city, decision, EARLIER, inspections, violations), listed(stored_city, decision, EARLIER, *past)
    )


def test_the_newest_list_is_the_stored_one_in_any_order_of_the_rows(stored_city, decision):
    inspections, violations = stored_city.rows(INSPECTIONS), stored_city.rows(VIOLATIONS)
    again = listed(stored_city, decision, LAST, inspections.sample(frac=1, random_state=1), violations)
    stored = stored_city.table(str(SCORES))
    columns = ["establishment_id", "rank", "score", "reason_1", "as_of_date"]
    by_rank = [rows.sort_values("rank")[columns].reset_index(drop=True) for rows in (again, stored)]
    assert by_rank[0].values.tolist() == by_rank[1].values.tolist()
    assert set(again["as_of_date"]) == {LAST + WEEK}
