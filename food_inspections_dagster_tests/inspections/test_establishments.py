import pyarrow as pa
from hypothesis import given
from hypothesis import strategies as st

from food_inspections_dagster.inspections.establishments import establishment_ids

PLACES = st.lists(
    st.tuples(st.none() | st.integers(0, 10**9), st.none() | st.text(max_size=12), st.none() | st.text(max_size=12)),
    max_size=10,
)


def ids(places) -> list[str | None]:
    licenses, names, addresses = zip(*places, strict=True) if places else ((), (), ())
    return establishment_ids(pa.array(licenses, pa.int64()), list(names), list(addresses)).to_pylist()


def test_a_real_licence_decides():
    assert ids([(30790, "A", "B"), (30790, "C", None)]) == ["L30790", "L30790"]


def test_without_a_licence_name_and_address_decide_whatever_their_spelling():
    (a,) = ids([(None, "O'Hare  Deli, #2", "1 N STATE ST ")])
    assert a.startswith("A") and len(a) == 17
    assert ids([(0, "OHARE DELI #2", "1 n. State St")]) == [a]
    assert ids([(None, "OHARE DELI", "2 1 N STATE ST")]) != [a]


def test_the_hash_is_fixed_for_good():
    # sha256("SEVEN STAR|3352 N BROADWAY"): stored tables and URLs carry it, so it must never change.
    assert ids([(None, "Seven Star", "3352 N BROADWAY ")]) == ["A1e51b9c9b9b89b83"]


def test_nothing_known_has_no_identity():
    assert ids([(None, None, None), (0, " ", "-")]) == [None, None]


@given(PLACES)
def test_each_identity_depends_on_its_own_row_alone(places):
    assert ids(places) == [ids([place])[0] for place in places]
