"""Surprises: what a visit found, less what the visits of its zip code lately made one expect.

A place that fails where many do says little of itself: inspectors and areas differ more than places. The difference is
what it has in itself, and is worth more as its history than the bare outcome (docs/decisions.md).
"""

from dataclasses import dataclass

import numpy as np

from food_inspections_dagster.inspections.features.fading import faded_by_group, means
from food_inspections_dagster.inspections.features.past import Past, Records
from food_inspections_dagster.inspections.timelines import Ints, Mask, encode_together

EXPECTED_TAU = 60.0  # days: what was expected is the mean of the zip code, fading so
ZIP_PRIOR = 3.0  # visits at the city's mean that are added to those of a zip code
MOST_MINOR = 12  # violations of a visit that are counted
ONE = 1 << 20  # surprises as whole numbers, so that sums of them are exact


def outcomes(records: Records) -> dict[str, Ints]:
    """Return what each routine inspection found, a whole number by name."""
    minor = records.violation_count("minor")
    return {
        "critical": records.critical.astype(np.int64),
        "serious": records.serious.astype(np.int64),
        "failed": records.failed.astype(np.int64),
        "minor": np.minimum(minor, MOST_MINOR),
        "clean": (minor == 0).astype(np.int64),
    }


@dataclass(frozen=True)
class Surprises:
    """What each routine inspection found beyond what was expected of it that Monday, in parts of ``ONE``.

    ``grave`` weighs a serious violation a third of a critical one; 1 is both.
    """

    visits: Mask
    values: dict[str, Ints]

    @classmethod
    def of(cls, past: Past) -> "Surprises":
        """Return the surprises of all records, made once for all families."""
        return past.shared("surprises", lambda: cls._of(past))

    @classmethod
    def _of(cls, past: Past) -> "Surprises":
        records, outcome = past.records, outcomes(past.records)
        used, counting = np.flatnonzero(records.canvass), np.flatnonzero(records.canvass & records.public)
        (zips,) = encode_together(records.table["zip"])
        mondays = (records.days[used] + 3) // 7 * 7 - 3  # day 0 of 1970 was a Thursday
        counted = [np.ones(len(counting), dtype=np.int64), *(value[counting] for value in outcome.values())]
        days, taus = records.days[counting], (EXPECTED_TAU,)
        in_zip = faded_by_group(zips[counting], days, counted, taus, mondays, zips[used])
        city = np.zeros(len(records), dtype=np.int64)
        in_city = faded_by_group(city[counting], days, counted, taus, mondays, city[used])
        expected = means(in_zip, in_city, ZIP_PRIOR)[0]
        known = ~np.isnan(expected).any(axis=0)  # of the first week nothing was expected
        visits = np.zeros(len(records), dtype=bool)
        visits[used[known]] = True
        values = {}
        for name, of_visits in zip(outcome, expected, strict=True):
            values[name] = np.zeros(len(records), dtype=np.int64)
            values[name][used[known]] = np.rint(ONE * (outcome[name][used] - of_visits)[known]).astype(np.int64)
        values["grave"] = (3 * values["critical"] + values["serious"] + 2) // 4
        return cls(visits, values)
