from datetime import date

import pytest

from food_inspections_dagster.serving.dashboard.filters import Filters

CHOSEN = Filters(
    week=date(2012, 11, 12),
    table="violations",
    label="failed",
    facility_type=("Grocery Store", "School"),
    risk=(1, 3),
    community_area=("LOOP",),
    text="taco 100%",
    inspectors=9,
    visits=3,
)


def test_a_link_keeps_what_was_chosen():
    assert Filters.from_search(CHOSEN.search()) == CHOSEN
    assert Filters().search() == "" and Filters.from_search("") == Filters.from_search(None) == Filters()


def test_other_pages_are_of_the_same_week():
    assert CHOSEN.elsewhere() == "?week=2012-11-12" and Filters(text="a").elsewhere() == ""


def test_capacity_is_of_five_days():
    assert CHOSEN.capacity == 9 * 3 * 5


@pytest.mark.parametrize(
    ("search", "expected"),
    [
        ("?risk=7&risk=2&risk=x", Filters(risk=(2,))),
        ("?inspectors=-4&visits=9999999999999999999", Filters(inspectors=1, visits=12)),
        ("?inspectors=nan&label=", Filters()),
        ("?text=a%00b", Filters(text="ab")),
        ("?unknown=1&week=last&week=2012-13-01", Filters()),
    ],
)
def test_whatever_stands_in_an_address_is_bounded(search, expected):
    assert Filters.from_search(search) == expected


def test_words_of_a_text_mean_themselves():
    assert Filters(text="100% a_b").values()["words"] == ["%100\\%%", "%a\\_b%"]
    assert set(Filters().values().values()) == {None}
