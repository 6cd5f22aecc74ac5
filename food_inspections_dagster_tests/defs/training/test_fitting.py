import pytest

from food_inspections_dagster import catalog, frames
from food_inspections_dagster.catalog import FEATURE_MATRIX
from food_inspections_dagster.defs.training.fitting import Fitting
from food_inspections_dagster.modeling.documents import to_documents
from food_inspections_dagster.modeling.training import ROW_COLUMNS
from food_inspections_dagster.orchestration.stages import StoredWeeks
from food_inspections_dagster.recipes import inputs, recipes
from food_inspections_dagster.resources.compute import Compute
from food_inspections_dagster_tests.defs.city import CITY


@pytest.mark.parametrize("workers", [1, 2])
def test_fits_of_tasks_are_those_of_rows_and_are_stored_by_them(stored_city, workers):
    settings, objects = stored_city.settings, stored_city.objects
    groups = {catalog.model(name): recipes(settings, name) for name in ("xgboost", "ridge")}
    columns = (*ROW_COLUMNS, *(name for name, _ in inputs(settings)))
    loads = stored_city.ledger.snapshot().loads["feature_matrix"]
    hashes = {w: frames.content_digest({c: loads[w].column_hashes[c] for c in columns}) for w in CITY}
    before = set(objects.list_objects(catalog.MODELS))
    # Another code version, so that no stored model is known.
    fitting = Fitting(settings.models.schedule, inputs(settings), 1, f"test with {workers}")
    rows = stored_city.stored.rows(FEATURE_MATRIX, CITY, columns)
    whole = fitting.of_rows(groups, rows, CITY, stored_city.stored)
    try:
        reference = StoredWeeks(FEATURE_MATRIX, columns, hashes)
        trained = fitting.of_stored(groups, reference, CITY, Compute(objects, workers))
        for entry in groups:
            documents, files = to_documents(whole[entry])
            assert to_documents(trained[entry]) == (documents, {})
            assert len(files) > 8
            assert all(objects.get(f"{entry.prefix}/{path}") == content for path, content in files.items())
        assert objects.list_objects(catalog.TEMPORARY) == {}
    finally:
        objects.delete(set(objects.list_objects(catalog.MODELS)) - before)
