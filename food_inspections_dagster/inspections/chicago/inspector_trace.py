"""Who inspected, as far as the numbers of inspections give it away.

The City hands out inspection numbers in blocks of 1,000, most of them to one device, so to one inspector. The City
withholds who inspected; this trace is used to judge models within the work of one inspector, and is no feature.
"""

from typing import Any

import numpy as np
import pyarrow as pa

from food_inspections_dagster.frames import arrow, days

_FIRST, _BLOCK = 206, 1_000
#: More visits a day than one inspector makes: such a block is shared by several devices.
VISITS_A_DAY = 5


def inspector_trace(inspection_ids: Any, inspection_dates: Any) -> pa.Array:
    """Return a text for the device that numbered each inspection, null where several share its block.

    Args:
        inspection_ids: whole numbers (rows,).
        inspection_dates: dates (rows,); of all rows of a block those given decide.
    """
    blocks = (np.asarray(arrow(inspection_ids)).astype(np.int64) - _FIRST) // _BLOCK
    names, place = np.unique(blocks, return_inverse=True)
    pairs = np.unique(np.column_stack([place, days(inspection_dates).astype(np.int64)]), axis=0)
    active_days = np.bincount(pairs[:, 0], minlength=len(names))
    shared = np.bincount(place, minlength=len(names)) > VISITS_A_DAY * np.maximum(active_days, 1)
    return pa.array([f"block {name}" for name in names.tolist()], pa.string()).take(pa.array(place, mask=shared[place]))
