import numpy as np
import pytest
from matplotlib.path import Path

from food_inspections_dagster.serving.dashboard.outlines import outlines


@pytest.fixture
def halves():
    random = np.random.default_rng(1)
    longitude, latitude = random.uniform(-87.8, -87.6, 3000), random.uniform(41.7, 41.9, 3000)
    return longitude, latitude, ["WEST" if one < -87.7 else "EAST" for one in longitude]


def test_each_place_lies_within_its_area_and_no_other(halves):
    longitude, latitude, area = halves
    rings = outlines(longitude, latitude, area)
    assert list(rings) == ["EAST", "WEST"]
    points = np.column_stack([longitude, latitude])
    inside = {name: np.any([Path(ring).contains_points(points) for ring in rings[name]], axis=0) for name in rings}
    right = np.where(np.array(area) == "EAST", inside["EAST"] & ~inside["WEST"], inside["WEST"] & ~inside["EAST"])
    assert right.mean() > 0.97


def test_what_is_far_from_all_places_belongs_to_none(halves):
    rings = outlines(*halves)
    reach = np.concatenate([ring for name in rings for ring in rings[name]])
    assert reach[:, 0].min() > -87.82 and reach[:, 1].max() < 41.92


def test_unknown_places_draw_nothing(halves):
    longitude, latitude, area = halves
    assert outlines(longitude[:2], latitude[:2], area[:2]) == {}
    assert outlines(np.full(9, np.nan), latitude[:9], area[:9]) == {}
    more = outlines(np.append(longitude, np.nan), np.append(latitude, 41.8), [*area, "WEST"])
    again = outlines(longitude, latitude, area)
    assert all((a == b).all() for name in again for a, b in zip(more[name], again[name], strict=True))
