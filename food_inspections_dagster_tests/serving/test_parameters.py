import pytest
from pydantic import ValidationError

from food_inspections_dagster.serving.parameters import Listed, Searched, box, patterns


def test_words_are_looked_for_as_they_are():
    assert patterns("100% _a\\") == ["%100\\%%", "%\\_a\\\\%"]
    assert patterns(None) is None and len(patterns("a " * 50)) == 10


def test_a_box_has_four_sides():
    assert box("-87.7,41.85,-87.6,41.95") == {"west": -87.7, "south": 41.85, "east": -87.6, "north": 41.95}
    assert set(box(None).values()) == {None}


@pytest.mark.parametrize(
    "asked",
    [
        {"q": "a\0b"},
        {"zip": ["6061"]},
        {"zip": ["60611'; --"]},
        {"risk": [4]},
        {"side": ["x"] * 51},
        {"bbox": "1,2,3"},
        {"bbox": "1,2,3,nan"},
        {"min_probability": 1.5},
        {"sort": "rank; drop table"},
        {"limit": 0},
        {"cursor": "../../etc/passwd"},
        {"label": "eaten"},
        {"week": "soon"},
        {"zpi": ["60611"]},
    ],
)
def test_what_is_misspelt_or_out_of_bounds_is_refused(asked):
    with pytest.raises(ValidationError):
        Listed.model_validate(asked)


def test_what_may_be_asked():
    asked = Listed.model_validate({"zip": ["60611"], "sort": "-expected_find", "format": "csv", "q": "'; drop"})
    assert asked.sort == "-expected_find" and asked.label is None
    assert Searched.model_validate({"is_listed": "true"}).is_listed is True
