import json
from datetime import date

import pandas as pd
import pytest

from food_inspections_dagster.modeling.identities import Contents, Identities, Recipe
from food_inspections_dagster.modeling.rules import AlgorithmSpec, Schedule
from food_inspections_dagster.modeling.splits import anchors_before
from food_inspections_dagster_tests.modeling.cases import CRITICAL, FAILED, recipe, training_rows

FEATURES = (("rate", "numeric"), ("kind", "categorical"))
ANCHOR = date(2010, 10, 4)


@pytest.fixture
def contents(rows: pd.DataFrame, schedule: Schedule) -> Contents:
    return training_rows(rows, FEATURES, schedule).contents


@pytest.fixture
def of_ridge(specs: dict[str, AlgorithmSpec], schedule: Schedule, contents: Contents) -> Identities:
    return Identities(recipe(specs["ridge"], FEATURES, FAILED, CRITICAL), schedule, contents, "v1")


def test_a_recipe_that_was_json_is_the_same_recipe(specs: dict[str, AlgorithmSpec]) -> None:
    for spec in specs.values():
        of = recipe(spec, FEATURES, FAILED, CRITICAL)
        assert Recipe.from_dict(json.loads(json.dumps(of.to_dict()))) == of


def test_contents_are_put_together_from_those_of_blocks_of_weeks(
    rows: pd.DataFrame, schedule: Schedule, contents: Contents
) -> None:
    cut = ANCHOR
    halves = [rows.loc[rows["week"] < cut], rows.loc[rows["week"] >= cut]]
    parts = [training_rows(half, FEATURES, schedule).contents.to_dict() for half in halves]
    joined = Contents.joined(json.loads(json.dumps(parts)))
    assert joined.to_dict() == contents.to_dict()
    window = rows["week"].min(), cut
    inside = rows.loc[rows["week"] <= cut]
    assert joined.count(*window) == len(inside) and joined.count_of("failed", *window) == inside["failed"].sum()
    assert joined.data_hash(*window) == contents.data_hash(*window) != contents.data_hash(cut, cut)
    assert Contents.joined([]).count(*window) == 0


def test_a_model_is_named_by_its_fit_and_by_the_fits_before_it(of_ridge: Identities, schedule: Schedule) -> None:
    before = anchors_before(ANCHOR, schedule)
    identity = of_ridge.model(ANCHOR, FAILED)
    assert identity["calibrated_by"]["fits"] == [of_ridge.fit_id(anchor, FAILED) for anchor in before] != []
    assert identity | of_ridge.fit(ANCHOR, FAILED) == identity
    assert of_ridge.fit_id(ANCHOR, FAILED) != of_ridge.fit_id(ANCHOR, CRITICAL)
    assert of_ridge.chains([ANCHOR]) == [[anchor] for anchor in [*before, ANCHOR]]
    assert of_ridge.chains([]) == []


def test_where_there_is_too_little_to_learn_from_there_is_a_reason(of_ridge: Identities, schedule: Schedule) -> None:
    first = schedule.first_week
    assert of_ridge.possible(first) == [] and "are needed" in str(of_ridge.reason(first, "failed"))
    assert of_ridge.possible(ANCHOR) == [FAILED, CRITICAL] and of_ridge.reason(ANCHOR, "failed") is None
