import numpy as np

from food_inspections_portal.identifiers import mix, number_of, row_ids, row_versions


def test_ids_look_like_the_portals_and_are_in_no_order():
    ids = row_ids(np.arange(1000, dtype=np.uint64))
    assert len(set(ids)) == 1000
    assert all(len(text) == len("row-abcd.efgh~ijkl") and text.startswith("row-") for text in ids)
    assert ids.tolist() != sorted(ids)


def test_mixing_is_one_to_one():
    numbers = np.concatenate([np.arange(200_000), 2**59 + np.arange(200_000)]).astype(np.uint64)
    assert len(np.unique(mix(numbers))) == len(numbers)


def test_versions_change_with_every_edit_and_repeat_otherwise():
    numbers = number_of(["a", "b"])
    assert row_versions(numbers).tolist() == row_versions(number_of(["a", "b"])).tolist()
    assert set(row_versions(numbers)).isdisjoint(row_versions(numbers, 1))
