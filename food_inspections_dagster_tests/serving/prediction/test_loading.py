"""What predictions rest on is read whole, from the published week back, or not at all."""

import pytest

from food_inspections_dagster import catalog
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.serving.prediction import loading
from food_inspections_dagster.serving.prediction.worker import ModelInUse
from food_inspections_dagster_tests.defs.city import CITY

LAST = CITY[-1]


def test_an_earlier_week_reads_nothing_that_came_later(stored_city, models):
    made = loading.history(stored_city.stored, stored_city.settings, CITY[-3], models.values())
    weeks = made.tables.inspections["week"].to_pylist()
    assert (min(weeks), max(weeks)) == (CITY[0], CITY[-3])
    assert made.tables.crimes is None and made.tables.business_licenses.num_rows


def test_families_that_no_model_reads_are_not_computed(stored_city, models):
    made = loading.history(stored_city.stored, stored_city.settings, LAST, models.values())
    assert "recency" in made.off and "zip_means" not in made.off
    read = {name for model in models.values() for name, _ in model.card["features"]}
    assert made.features[sorted(read)].notna().any().all()


def test_a_model_of_features_that_are_not_known_is_refused(stored_city, models):
    strange = ModelInUse("ridge", {"features": [["shoe_size", "numeric"]]})
    with pytest.raises(FoodInspectionsError, match="reads the feature shoe_size"):
        loading.history(stored_city.stored, stored_city.settings, LAST, [strange])


def test_the_files_are_those_that_were_published(stored_city, models, monkeypatch):
    stored, settings, model = stored_city.stored, stored_city.settings, models["failed"]
    made = loading.scorer(stored, settings, LAST, "failed", model)
    assert made.model.model_id == model.card["model_id"] and made.surroundings == settings.scores.surroundings_weight
    monkeypatch.setattr(type(stored), "blobs", lambda self, entry: {})
    with pytest.raises(FoodInspectionsError, match="is gone from the object store"):
        loading.scorer(stored, settings, LAST, "failed", model)


def test_files_of_another_model_are_refused(stored_city, models, monkeypatch):
    stored, (one, other) = stored_city.stored, (models["failed"], models["critical_violation"])
    blobs = stored.blobs(catalog.model(other.group))
    files = loading.stored_files(other.card, blobs)
    monkeypatch.setattr(loading, "stored_files", lambda card, blobs: files)
    with pytest.raises(FoodInspectionsError, match=f"The files of the model {one.card['model_id']} are those of"):
        loading.scorer(stored, stored_city.settings, LAST, "failed", one)


def test_the_store_is_read_with_little_patience(stored_city):
    hasty = loading.stored_of(stored_city.settings).objects
    assert (hasty.timeout_seconds, hasty.retries) == (5.0, 1) and hasty.url == stored_city.objects.url
    quick = stored_city.settings.storage.model_copy(update={"timeout_seconds": 2.0, "retries": 0})
    quicker = loading.stored_of(stored_city.settings.model_copy(update={"storage": quick})).objects
    assert (quicker.timeout_seconds, quicker.retries) == (2.0, 0)
