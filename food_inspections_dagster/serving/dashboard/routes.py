"""Who goes where: places shared out among inspectors and days so that each has a small part of the city."""

from collections.abc import Sequence

import numpy as np


def shared_out(longitude: np.ndarray, latitude: np.ndarray, parts: int) -> list[np.ndarray]:
    """Split places into parts of about the same number that lie close together, by halving again and again.

    Args:
        longitude, latitude: degrees, float (places,); places without a position go where the fewest are.
        parts: how many.

    Returns:
        Positions of the places of each part; some are empty where there are fewer places than parts.
    """
    lost = ~(np.isfinite(longitude) & np.isfinite(latitude))
    narrow = np.cos(np.deg2rad(np.mean(latitude[~lost]))) if (~lost).any() else 1.0
    places = np.column_stack([np.asarray(longitude, dtype=float) * narrow, np.asarray(latitude, dtype=float)])
    groups = _halved(places, np.flatnonzero(~lost), parts)
    for position in np.flatnonzero(lost):
        fewest = min(range(parts), key=lambda number: len(groups[number]))
        groups[fewest] = np.append(groups[fewest], position)
    return groups


def _halved(places: np.ndarray, positions: np.ndarray, parts: int) -> list[np.ndarray]:
    if parts == 1:
        return [positions]
    half = parts // 2
    cut = round(len(positions) * half / parts)
    spread = np.ptp(places[positions], axis=0) if len(positions) else np.zeros(2)
    along = positions[np.argsort(places[positions, int(np.argmax(spread))], kind="stable")]
    return [*_halved(places, along[:cut], half), *_halved(places, along[cut:], parts - half)]


def walked(longitude: np.ndarray, latitude: np.ndarray, positions: Sequence[int]) -> list[int]:
    """Put places in an order of short ways: from the northernmost always to the nearest that is left."""
    left = [int(one) for one in positions]
    order: list[int] = []
    narrow = np.cos(np.deg2rad(41.9))
    while left:
        if not order:
            following = max(left, key=lambda one: (np.nan_to_num(latitude[one], nan=-90.0), -one))
        else:
            here = order[-1]

            def way(one: int, here: int = here) -> tuple[float, int]:
                away = np.hypot((longitude[one] - longitude[here]) * narrow, latitude[one] - latitude[here])
                return float(np.nan_to_num(away, nan=np.inf)), one

            following = min(left, key=way)
        order.append(following)
        left.remove(following)
    return order
