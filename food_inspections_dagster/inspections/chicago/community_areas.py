"""In which community area a point lies, by the borders of the clean table ``community_areas``."""

from collections.abc import Iterator

import numpy as np
import orjson
import pandas as pd
from matplotlib.path import Path

from food_inspections_dagster import frames
from food_inspections_dagster.inspections.vocabulary import UNKNOWN


def community_area_names(latitude: np.ndarray, longitude: np.ndarray, areas: pd.DataFrame) -> np.ndarray:
    """Return the name of the area of each point, object (points,); 'Unknown' outside of all of them, or for NaN.

    Args:
        latitude, longitude: degrees, float (points,).
        areas: rows of ``community_areas``, with ``number``, ``name`` and ``geometry``; the lowest number wins on a
            border. Geometry that cannot be read is an area without points.
    """
    points = np.column_stack([np.asarray(longitude, dtype=float), np.asarray(latitude, dtype=float)])
    names = np.full(len(points), UNKNOWN, dtype=object)
    # The same address comes again and again: each place is looked for once.
    places, place = np.unique(points, axis=0, return_inverse=True)
    of_place = np.full(len(places), UNKNOWN, dtype=object)
    open_places = np.isfinite(places).all(axis=1)
    ordered = areas.sort_values("number")
    for name, geometry in zip(frames.texts(ordered["name"]), frames.texts(ordered["geometry"]), strict=True):
        for outer, *holes in _polygons(geometry):
            low, high = outer.min(axis=0), outer.max(axis=0)
            near = np.flatnonzero(open_places & ((places >= low) & (places <= high)).all(axis=1))
            inside = near[Path(outer).contains_points(places[near])]
            for hole in holes:
                inside = inside[~Path(hole).contains_points(places[inside])]
            of_place[inside] = name
            open_places[inside] = False
    names[:] = of_place[place.reshape(-1)]
    return names


def _polygons(geometry: str) -> Iterator[list[np.ndarray]]:
    """Yield the rings of each polygon of a GeoJSON Polygon or MultiPolygon, the outer one first."""
    try:
        shape = orjson.loads(geometry)
        polygons = shape["coordinates"] if shape["type"] == "MultiPolygon" else [shape["coordinates"]]
        rings = [[np.asarray(ring, dtype=float)[:, :2] for ring in polygon] for polygon in polygons]
    except (ValueError, TypeError, LookupError):
        return
    yield from (polygon for polygon in rings if polygon and all(len(ring) > 2 for ring in polygon))
