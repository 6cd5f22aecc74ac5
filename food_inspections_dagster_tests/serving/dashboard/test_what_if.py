import pytest

from food_inspections_dagster.serving.dashboard.what_if import Promise

# Four places of which the first two have all finds: the mean rank of a find is 1.5, that of a place 2.5.
PROMISE = Promise(places=4, finds=2.0, rank_of_finds=1.5)


def test_finds_come_earlier_by_the_ranks_that_they_gain():
    assert PROMISE.days_earlier(1) == pytest.approx(7.0)
    assert PROMISE.days_earlier(2) == pytest.approx(3.5)


def test_a_list_in_no_order_gains_nothing():
    assert Promise(4, 2.0, 2.5).days_earlier(3) == 0


def test_without_places_or_finds_there_is_nothing_to_gain():
    assert Promise(0, 0, 0).days_earlier(3) is None and Promise(5, 0, 0).days_earlier(3) is None
    assert Promise(0, 0, 0).usual_finds(3) == 0


def test_usual_finds_are_in_proportion_and_at_most_all():
    assert PROMISE.usual_finds(1) == 0.5 and PROMISE.usual_finds(100) == 2
    assert PROMISE.weeks_needed(2) == 2
