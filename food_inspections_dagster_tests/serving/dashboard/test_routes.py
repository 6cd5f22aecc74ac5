import numpy as np
import pytest

from food_inspections_dagster.serving.dashboard.routes import shared_out, walked

RANDOM = np.random.default_rng(3)
LONGITUDE, LATITUDE = RANDOM.uniform(-87.8, -87.6, 60), RANDOM.uniform(41.7, 41.9, 60)


@pytest.mark.parametrize("parts", [1, 2, 3, 6, 7, 60, 70])
def test_everybody_gets_about_as_many_places_and_none_twice(parts):
    groups = shared_out(LONGITUDE, LATITUDE, parts)
    assert len(groups) == parts
    assert sorted(np.concatenate(groups)) == list(range(60))
    assert max(map(len, groups)) - min(map(len, groups)) <= 2


def test_places_of_a_part_lie_closer_than_those_of_the_city():
    def spread(positions):
        return np.hypot(LONGITUDE[positions].std(), LATITUDE[positions].std())

    parts = [spread(group) for group in shared_out(LONGITUDE, LATITUDE, 6)]
    assert max(parts) < 0.7 * spread(np.arange(60))


def test_places_without_a_position_are_visited_too():
    longitude = LONGITUDE.copy()
    longitude[:5] = np.nan
    groups = shared_out(longitude, LATITUDE, 4)
    assert sorted(np.concatenate(groups)) == list(range(60))
    assert sorted(walked(longitude, LATITUDE, range(60))) == list(range(60))
    nowhere = shared_out(np.full(3, np.nan), np.full(3, np.nan), 2)
    assert sorted(np.concatenate(nowhere)) == [0, 1, 2]


def test_a_way_starts_in_the_north_and_is_short():
    order = walked(LONGITUDE, LATITUDE, range(60))
    assert order[0] == int(np.argmax(LATITUDE))

    def length(way):
        return np.hypot(np.diff(LONGITUDE[way]), np.diff(LATITUDE[way])).sum()

    assert length(order) < 0.4 * length(list(range(60)))
    assert walked(LONGITUDE, LATITUDE, []) == []
