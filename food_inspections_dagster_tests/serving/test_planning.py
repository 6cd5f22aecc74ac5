from datetime import date, timedelta

import pytest

from food_inspections_dagster.serving.planning import MustVisit, Staff, plan

DAY = date(2026, 11, 23)


def place(rank, find=0.2, days=100, **values):
    last = None if days is None else DAY - timedelta(days=days)
    return {
        "rank": rank,
        "establishment_id": f"L{rank}",
        "expected_find": find,
        "last_inspection_date": last,
        "facility_type": "Restaurant",
        "risk": 1,
        "side": "North",
        "latitude": 41.9,
        "longitude": -87.6,
        **values,
    }


def ids(made):
    return [visit.place["establishment_id"] for visit in made.visits]


def test_the_first_of_the_list_are_visited_as_many_as_there_is_time_for():
    made = plan([place(n, find=1 / n, days=n) for n in (5, 3, 1, 4, 2)], Staff(1, 3, 1), [], DAY)
    assert sorted(ids(made)) == ["L1", "L2", "L3"] and made.must_left == 0
    assert made.expected_finds == pytest.approx(1 + 1 / 2 + 1 / 3)
    assert made.usual_finds == pytest.approx(1 / 5 + 1 / 4 + 1 / 3), "the longest waits are the last ranks here"
    assert made.visits[0].why == "rank 1 of the list"


def test_who_must_be_visited_comes_first_the_longest_wait_before_the_others():
    schools = [place(n, facility_type="School", days=n * 100) for n in (8, 9)]
    places = [*(place(n) for n in range(1, 8)), *schools, place(10, facility_type="School", days=10)]
    rule = MustVisit(facility_types=("School",), days=365)
    made = plan(places, Staff(1, 1, 3), [rule], DAY)
    assert ids(made) == ["L9", "L8", "L1"]
    assert [visit.is_must for visit in made.visits] == [True, True, False]
    assert made.visits[0].why == "must be visited: the last visit was 900 days before"
    assert plan(places, Staff(1, 1, 1), [rule], DAY).must_left == 1
    assert plan([place(1, days=None)], Staff(1, 1, 1), [rule, MustVisit()], DAY).visits[0].why.endswith("it never was")
    assert not plan([place(1, risk=None)], Staff(1, 1, 1), [MustVisit(risks=(1,))], DAY).visits[0].is_must


def test_finds_come_earlier_by_the_days_between_the_two_orders():
    made = plan([place(1, find=1.0, days=1), place(2, find=0.0, days=2)], Staff(1, 1, 2), [], DAY)
    assert made.days_earlier == 1.0
    assert plan([place(1, find=0.0)], Staff(1, 1, 1), [], DAY).days_earlier is None
    same = plan([place(1, find=0.5, days=9), place(2, find=0.4, days=3)], Staff(1, 1, 2), [], DAY)
    assert same.days_earlier == 0.0


def test_inspectors_have_like_shares_of_places_that_lie_together():
    east = [place(n, longitude=-87.6 + n / 1e4) for n in range(1, 7)]
    west = [place(n, longitude=-87.8 + n / 1e4) for n in range(7, 13)]
    made = plan([*east, *west], Staff(2, 2, 3), [], DAY)
    sides = {visit.inspector: set() for visit in made.visits}
    for visit in made.visits:
        sides[visit.inspector].add(visit.place["longitude"] > -87.7)
    assert sides == {1: {False}, 2: {True}}
    for inspector in (1, 2):
        slots = [(visit.day, visit.stop) for visit in made.visits if visit.inspector == inspector]
        assert slots == [(day, stop) for day in (1, 2, 3) for stop in (1, 2)]
    first = [visit.place["rank"] for visit in made.visits if visit.inspector == 2 and visit.day == 1]
    assert first == [1, 2], "the most urgent on the first day"


def test_a_day_is_a_round_from_one_place_to_the_next():
    far, near = place(2, longitude=-87.0), place(3, longitude=-87.59)
    made = plan([place(1, longitude=-87.6), far, near], Staff(1, 3, 1), [], DAY)
    assert ids(made) == ["L1", "L3", "L2"]


def test_shares_of_visits_are_compared_with_the_usual_order():
    north = [place(n, days=1) for n in (1, 2)]
    south = [place(n, days=500, side="South") for n in (3, 4)]
    shares = {(s.attribute, s.group): s for s in plan([*north, *south], Staff(1, 3, 1), [], DAY).shares}
    of_south = shares["side", "South"]
    assert (of_south.places, of_south.planned, of_south.usual) == (2, 1, 2)
    assert (of_south.disparity, of_south.usual_disparity) == (0.5, 2.0)
    assert shares["facility_type", "Restaurant"].disparity is None, "there is nobody else"


@pytest.mark.parametrize("count", [0, 1, 2])
def test_more_time_than_places_leaves_time(count):
    made = plan([place(n, latitude=None, longitude=None) for n in range(1, count + 1)], Staff(3, 2, 5), [], DAY)
    assert len(made.visits) == count and {visit.day for visit in made.visits} <= {1}


def test_the_order_of_the_rows_that_come_in_decides_nothing():
    places = [place(n, find=1 / n, days=(n * 37) % 50, longitude=-87.6 - (n * 7 % 11) / 100) for n in range(1, 30)]
    assert plan(places, Staff(2, 3, 2), [], DAY) == plan(places[::-1], Staff(2, 3, 2), [], DAY)
