import pandas as pd
import pytest

from food_inspections_dagster import catalog, frames
from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.packs import in_blocks, order, pack, put_rows, read, unpacked
from food_inspections_dagster.resources.workspace import workspace
from food_inspections_dagster_tests.toys import THINGS, WEEKS, makes, things_of


@pytest.fixture
def stored(toys, monkeypatch):
    """Toy rows that are stored, with the hashes of two of their columns by week."""
    toys.run([makes(THINGS, of=things_of)])
    monkeypatch.setattr(catalog, "FIXED", {"things": THINGS})
    loads = toys.ledger.snapshot().loads["things"]
    columns = ["week", next(name for name in loads[WEEKS[0]].column_hashes if name != "week")]
    hashes = {w: frames.content_digest({c: load.column_hashes[c] for c in columns}) for w, load in loads.items()}
    return toys, columns, hashes


def test_weeks_become_files_and_come_back_whole(stored):
    toys, columns, hashes = stored
    with workspace(toys.objects) as where:
        blocks = in_blocks(hashes, 2)
        assert [list(block) for block in blocks] == [WEEKS[:2], WEEKS[2:4], WEEKS[4:]]
        addresses = [pack(order("things", block, columns), where)["address"] for block in blocks]
        whole = toys.stored.rows(THINGS, WEEKS, columns)
        assert len(whole) > 5
        pd.testing.assert_frame_equal(unpacked(addresses, where), whole)
        assert put_rows(unpacked(addresses[:1], where), where) == addresses[0], "the same rows are the same bytes"


def test_a_week_that_has_changed_since_is_refused(stored):
    toys, columns, hashes = stored
    changed = {**hashes, WEEKS[1]: hashes[WEEKS[0]]}
    with (
        workspace(toys.objects) as where,
        pytest.raises(FoodInspectionsError, match=rf"week={WEEKS[1]}/rows\.parquet is not what the run has begun with"),
    ):
        read(order("things", changed, columns), where)
