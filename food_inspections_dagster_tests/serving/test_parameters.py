from typing import get_args

import pytest
from pydantic import TypeAdapter, ValidationError

from food_inspections_dagster.modeling.rules import LABELS
from food_inspections_dagster.serving.parameters import EstablishmentId, Label, Listed, Searched, Sort, box, patterns
from food_inspections_dagster.serving.queries import SORTS


def test_words_are_matched_as_they_are():
    assert patterns("50% off_ \\ cafe") == ["%50\\%%", "%off\\_%", "%\\\\%", "%cafe%"]
    assert patterns(None) is None and len(patterns(" ".join("abcdefghijklmn")) or []) == 10


def test_a_box_has_four_sides():
    assert box("-87.7,41.8,-87.6,41.9") == {"west": -87.7, "south": 41.8, "east": -87.6, "north": 41.9}
    assert set(box(None).values()) == {None}


def test_labels_and_sorts_are_those_that_there_are():
    assert set(get_args(Label)) == set(LABELS)
    assert {name.removeprefix("-") for name in get_args(Sort)} == set(SORTS)


@pytest.mark.parametrize(
    "query",
    [
        *({"q": ""}, {"q": "a\x00"}, {"q": "a" * 101}, {"zip": ["6061"]}, {"zip": ["６０６１１"]}, {"risk": [4]}),
        *({"bbox": "1,2,3"}, {"bbox": "a,b,c,d"}, {"min_probability": 1.1}, {"min_probability": "nan"}, {"limit": 0}),
        *({"sort": "rank; drop"}, {"label": "fail"}, {"week": "2026"}, {"cursor": "a b"}, {"facility_typ": ["x"]}),
        {"facility_type": ["x"] * 51},
    ],
)
def test_what_is_out_of_bounds_is_refused(query):
    with pytest.raises(ValidationError):
        Listed.model_validate(query)


def test_what_is_within_is_taken():
    assert Listed.model_validate({"zip": ["60611"], "sort": "-expected_find"}).zip == ["60611"]
    assert Searched.model_validate({"q": "cafe", "is_listed": "true"}).is_listed is True
    for good, bad in (("L12", "L"), ("A0123456789abcdef", "A0123456789ABCDEF"), ("L1", "l1")):
        adapter = TypeAdapter(EstablishmentId)
        assert adapter.validate_python(good) == good
        with pytest.raises(ValidationError):
            adapter.validate_python(bad)
