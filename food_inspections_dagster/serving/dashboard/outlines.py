"""Borders of areas as they follow from the places that are known in them: no map is shipped, none is fetched."""

from collections.abc import Sequence

import numpy as np
from contourpy import contour_generator
from scipy.ndimage import gaussian_filter
from scipy.spatial import cKDTree

_CELLS = 180  # along the longer side of the city
_NEIGHBOURS = 3
_SMOOTH = 1.2  # cells
_REACH = 5.0  # cells from the nearest place that still belong to the city


def outlines(longitude: np.ndarray, latitude: np.ndarray, area: Sequence[str | None]) -> dict[str, list[np.ndarray]]:
    """Return rings around the places of each area, together a map without gaps or overlaps worth seeing.

    Every cell of a grid belongs to the area of its nearest places; far from all of them it belongs to none.

    Args:
        longitude, latitude: degrees, float (places,).
        area: of each place; None where it is unknown.

    Returns:
        Rings of points (points, 2), longitude and latitude, by area in alphabetical order; empty for fewer than three
        places.
    """
    known = np.isfinite(longitude) & np.isfinite(latitude) & np.array([name is not None for name in area], dtype=bool)
    if known.sum() < _NEIGHBOURS:
        return {}
    names, code = np.unique(np.asarray(area, dtype=object)[known].astype(str), return_inverse=True)
    # A degree of longitude is shorter than one of latitude.
    narrow = np.cos(np.deg2rad(np.mean(latitude[known])))
    places = np.column_stack([longitude[known] * narrow, latitude[known]])
    low, high = places.min(axis=0), places.max(axis=0)
    step = max((high - low).max(), 1e-3) / _CELLS
    margin = (_REACH + 2) * step
    x, y = (np.arange(low[axis] - margin, high[axis] + margin, step) for axis in (0, 1))
    grid = np.stack(np.meshgrid(x, y), axis=-1)
    distance, nearest = cKDTree(places).query(grid.reshape(-1, 2), k=_NEIGHBOURS)
    votes = code[nearest]
    # The nearest decides unless the two after it agree with each other.
    owner = np.where((votes[:, 1] == votes[:, 2]), votes[:, 1], votes[:, 0]).reshape(grid.shape[:2])
    inside = (distance[:, 0] <= _REACH * step).reshape(grid.shape[:2])
    out = {}
    for number, name in enumerate(names):
        mask = gaussian_filter(((owner == number) & inside).astype(float), _SMOOTH)
        lines: list[np.ndarray] = contour_generator(x / narrow, y, mask).lines(0.5)  # type: ignore[assignment]
        rings = [np.round(line, 4) for line in lines if len(line) > 5]
        if rings:
            out[str(name)] = rings
    return out
