from datetime import date

import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.modeling.documents import models_of
from food_inspections_dagster.modeling.persistence import load
from food_inspections_dagster.modeling.splits import anchor_of
from food_inspections_dagster.tracking.facts import AUDITION, DECISION, DECISIONS, EVALUATION, FIT, KINDS
from food_inspections_dagster.tracking.stored_facts import StoredFacts
from food_inspections_dagster_tests.defs.city import CITY
from food_inspections_dagster_tests.world import World


@pytest.fixture(scope="module")
def there(stored_city: World) -> StoredFacts:
    return StoredFacts(stored_city.stored, stored_city.ledger, stored_city.settings)


def test_every_fit_decision_evaluation_and_audition_is_there_once(there: StoredFacts, stored_city: World):
    keys = there.all_keys()
    assert len({key.tag for key in keys}) == len(keys)
    of_kind = {kind: {key for key in keys if key.kind == kind} for kind in KINDS}
    fits = {
        (model["model_id"], model["model_group"], model["label"], date.fromisoformat(model["anchor"]))
        for algorithm in stored_city.settings.models.algorithms
        for week in CITY
        for model in models_of(stored_city.document(catalog.model(algorithm), week))
    }
    assert {(key.content, key.model_group, key.label, key.week) for key in of_kind[FIT]} == fits
    assert len(fits) > 20
    anchors = {anchor_of(week, stored_city.settings.models.schedule) for week in CITY}
    labels = stored_city.settings.models.labels
    assert {(key.week, key.label) for key in of_kind[DECISION]} == {(a, label) for a in anchors for label in labels}
    evaluations = stored_city.table(str(catalog.EVALUATIONS))
    assert {(key.week, key.label, key.model_group) for key in of_kind[EVALUATION]} == set(
        zip(evaluations["week"], evaluations["label"], evaluations["model_group"], strict=True)
    )
    auditions = stored_city.table(str(catalog.AUDITIONS))
    assert {(key.week, key.label) for key in of_kind[AUDITION]} == set(
        zip(auditions["week"], auditions["label"], strict=True)
    )


def test_a_fact_in_full_says_what_is_stored_and_who_made_it(there: StoredFacts, stored_city: World):
    keys = there.all_keys()
    runs = {run.run_id for run in stored_city.instance.get_runs()}
    facts = list(there.read(keys))
    assert [fact.key for fact in facts] == keys
    for fact in facts:
        assert fact.source["dagster_run_id"] in runs and fact.source["content_hash"], fact.key
    # An evaluation stands in the run of the fit that its period began with.
    recipes = {fact.run_key for fact in facts if fact.key.kind == FIT}
    assert {fact.run_key for fact in facts if fact.key.kind == EVALUATION} <= recipes
    assert {fact.key.model_group for fact in facts if fact.key.kind in (DECISION, AUDITION)} == {DECISIONS}
    assert all(fact.metrics for fact in facts)


def test_the_models_in_use_are_those_of_the_newest_decision_and_of_the_published_list(
    there: StoredFacts, stored_city: World
):
    labels = stored_city.document(catalog.SELECTED_MODEL, CITY[-1])["labels"]
    expected = {label: one["selected_model_id"] for label, one in labels.items()}
    assert {label: key.content for label, key in there.selected().items()} == expected
    assert there.published() == there.selected()  # the list was made by them
    for key in there.selected().values():
        assert load(there.model_files(key)).model_id == key.content


def test_the_same_content_has_the_same_keys(there: StoredFacts, stored_city: World):
    again = StoredFacts(stored_city.stored, stored_city.ledger, stored_city.settings)
    assert again.all_keys() == there.all_keys()


def test_before_anything_is_made_there_is_nothing(stored_city: World, database):
    from food_inspections_dagster.resources.ledger import Ledger
    from food_inspections_dagster.resources.stored import Stored

    nothing = StoredFacts(Stored(database, stored_city.objects), Ledger(database), stored_city.settings)
    assert (nothing.all_keys(), nothing.selected(), nothing.published()) == ([], {}, {})
