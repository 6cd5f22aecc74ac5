import json

import numpy as np
import pandas as pd
import pyarrow as pa

from food_inspections_dagster.frames import table
from food_inspections_dagster.inspections.chicago.community_areas import community_area_names
from food_inspections_portal.city.simulate import simulate_city
from food_inspections_portal.city.surroundings import AREAS, area_of


def areas(*rows: tuple[int, str, object]) -> pd.DataFrame:
    number, name, geometry = zip(*rows, strict=True)
    texts = [one if isinstance(one, str) else json.dumps(one) for one in geometry]
    kinds = {"number": pa.int16(), "name": pa.string(), "geometry": pa.string()}
    return table({"number": list(number), "name": list(name), "geometry": texts}, kinds)


def square(west: float, south: float, size: float) -> list[list[float]]:
    east, north = west + size, south + size
    return [[west, south], [east, south], [east, north], [west, north], [west, south]]


def test_points_lie_in_their_area_and_not_in_its_holes():
    known = areas(
        (2, "FAR", {"type": "Polygon", "coordinates": [square(-87.0, 41.0, 1.0)]}),
        (1, "NEAR", {"type": "MultiPolygon", "coordinates": [
            [square(-88.0, 41.0, 1.0), square(-87.6, 41.4, 0.2)], [square(-90.0, 41.0, 0.5)]
        ]}),
        (3, "TORN", "MULTIPOLYGON (((no GeoJSON"),
    )  # fmt: skip
    latitude = np.array([41.1, 41.5, 41.2, 41.5, 50.0, np.nan, 41.1])
    longitude = np.array([-87.9, -87.5, -89.8, -86.5, -87.5, -87.5, np.nan])
    names = community_area_names(latitude, longitude, known)
    assert names.tolist() == ["NEAR", "Unknown", "NEAR", "FAR", "Unknown", "Unknown", "Unknown"]
    assert community_area_names(np.array([]), np.array([]), known).tolist() == []


def test_the_simulated_areas_tile_the_city_as_they_are_numbered():
    drawn = simulate_city(1, scale=0.05)[AREAS].to_pandas()
    rows = zip(drawn["area_numbe"].astype(int), drawn["community"], drawn["the_geom"], strict=True)
    known = areas(*rows)
    assert len(known) == 77 and known["name"].nunique() == 77
    rng = np.random.default_rng(1)
    latitude, longitude = rng.uniform(41.65, 42.02, 5_000), rng.uniform(-87.91, -87.53, 5_000)
    number_of = dict(zip(known["name"], known["number"], strict=True))
    names = community_area_names(latitude, longitude, known)
    assert [number_of[name] for name in names] == area_of(latitude, longitude).tolist()
