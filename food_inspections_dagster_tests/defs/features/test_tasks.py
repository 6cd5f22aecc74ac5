import pandas as pd
import pytest

from food_inspections_dagster import frames
from food_inspections_dagster.catalog import FEATURE_MATRIX
from food_inspections_dagster.defs.features import tasks
from food_inspections_dagster.orchestration.stages import StoredWeeks
from food_inspections_dagster.resources.compute import Compute
from food_inspections_dagster_tests.defs.city import CITY


def references(stored_city):
    """Return what the stage gets of its inputs on a cluster."""
    stage = stored_city.graph.by_asset["feature_matrix"]
    loads = stored_city.ledger.snapshot().loads
    given = {}
    for name, source in stage.inputs.items():
        digests = {week: load.column_hashes for week, load in loads.get(source.entry.asset, {}).items()}
        hashes = {w: frames.content_digest({c: of[c] for c in source.columns}) for w, of in sorted(digests.items())}
        given[name] = StoredWeeks(source.entry, source.columns, hashes)
    return given


@pytest.mark.parametrize(("block", "workers"), [(7, 2), (52, 1)])
def test_features_of_blocks_of_weeks_are_those_of_all_weeks_at_once(stored_city, monkeypatch, block, workers):
    monkeypatch.setattr(tasks, "_BLOCK", block)
    off, window = stored_city.settings.features.switched_off, stored_city.settings.cohort.window_days
    seconds = {}
    compute = Compute(stored_city.objects, workers)
    matrix = tasks.by_blocks(CITY, references(stored_city), window, off, seconds, compute)
    stored = stored_city.rows(FEATURE_MATRIX)
    assert len(stored) > 300 and set(seconds) > {"history", "zip_means", "residuals"}
    pd.testing.assert_frame_equal(
        matrix.sort_values(["week", "inspection_id"], ignore_index=True)[list(stored.columns)], stored
    )
    assert stored_city.objects.list_objects("temporary") == {}


def test_a_table_of_which_nothing_is_stored_is_empty(stored_city):
    off, window = stored_city.settings.features.switched_off, stored_city.settings.cohort.window_days
    given = references(stored_city)
    licences = given["business_licenses"]
    given["business_licenses"] = StoredWeeks(licences.entry, licences.columns, {})
    matrix = tasks.by_blocks(CITY[-2:], given, window, off, {}, Compute(stored_city.objects))
    assert set(matrix["week"]) == set(CITY[-2:])
