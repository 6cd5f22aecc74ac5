import pytest

from food_inspections_dagster.errors import FoodInspectionsError
from food_inspections_dagster.resources.workspace import workspace


def test_an_address_is_the_hash_of_the_content_and_nothing_stays(object_store):
    objects = object_store()
    with workspace(objects) as one, workspace(objects) as other:
        address = one.put(b"rows")
        assert address == one.put(b"rows") == other.put(b"rows") and one.get(address) == b"rows"
        assert one.put(b"other rows") != address
        assert len(objects.list_objects("temporary")) == 3, "two runs of the same weeks do not share files"
    assert objects.list_objects("temporary") == {}


def test_files_go_after_an_error_too_and_a_changed_one_is_never_read(object_store):
    objects = object_store()
    with (
        pytest.raises(FoodInspectionsError, match="was cut or changed: make the step again"),
        workspace(objects) as one,
    ):
        address = one.put(b"rows")
        objects.put(f"{one.folder}/{address}", b"row")
        one.get(address)
    assert objects.list_objects("temporary") == {}
