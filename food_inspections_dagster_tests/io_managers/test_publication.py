"""The publication of the small city: what is in it, what it is refused for, and what its content covers."""

import pytest

from food_inspections_dagster.catalog import INSPECTIONS, PUBLISHED_LIST, SCORES
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.io_managers.publication import PublicationIOManager
from food_inspections_dagster.resources.ledger import Judgement, Snapshot
from food_inspections_dagster_tests.defs.city import CITY

NEWEST = CITY[-1]


@pytest.fixture
def manager(stored_city):
    return PublicationIOManager(stored_city.graph, stored_city.stored, stored_city.ledger)


@pytest.fixture
def parts(stored_city):
    return {table.asset: stored_city.table(str(table)) for table in PUBLISHED_LIST.tables}


def hash_of(manager, parts, snapshot):
    (load,) = manager.prepare(PUBLISHED_LIST.asset, parts, [NEWEST], snapshot).loads
    return load.content_hash


def test_what_is_stored_is_what_was_prepared(stored_city, manager, parts):
    snapshot = stored_city.ledger.snapshot()
    assert snapshot.loads[PUBLISHED_LIST.asset][NEWEST].content_hash == hash_of(manager, parts, snapshot)


def test_the_content_covers_the_history_that_readers_see_with_it(stored_city, manager, parts):
    snapshot = stored_city.ledger.snapshot()
    loads = dict(snapshot.loads)
    loads[INSPECTIONS.asset] = {
        **loads[INSPECTIONS.asset],
        CITY[0]: loads[INSPECTIONS.asset][CITY[0]]._replace(content_hash="another"),
    }
    changed = Snapshot(loads, snapshot.judgements)
    assert hash_of(manager, parts, changed) != hash_of(manager, parts, snapshot)


def test_a_list_whose_check_failed_is_refused(stored_city, manager, parts):
    """One run stops behind the check; a run of this asset alone would not know of it."""
    snapshot = stored_city.ledger.snapshot()
    failed = {SCORES.asset: {"ranks": {NEWEST: Judgement(True, 10**9)}}}
    with pytest.raises(FoodInspectionsError, match=f"Nothing was published: scores of {NEWEST} is blocked by a check"):
        manager.prepare(PUBLISHED_LIST.asset, parts, [NEWEST], Snapshot(snapshot.loads, failed))


def test_no_stage_reads_what_is_published(stored_city, manager):
    class Context:
        asset_key = stored_city.graph.by_asset[PUBLISHED_LIST.asset].assets.keys_by_output_name["published_list"]

    with pytest.raises(FoodInspectionsError, match="published_list is published for readers"):
        manager.load_input(Context())
