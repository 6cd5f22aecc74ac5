"""What routine inspections found in its zip code lately, recent ones counting most, drawn towards the city's.

Inspectors work by zip code, and differ: this is most of what public data tells of the next visit, and says nothing of
the place itself.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np

from food_inspections_dagster.inspections.features.declarations import SHARE, Family, Feature, numeric
from food_inspections_dagster.inspections.features.fading import Floats, faded_by_group, means
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.features.surprises import ZIP_PRIOR, outcomes
from food_inspections_dagster.inspections.timelines import encode_together

DAYS = {14: "in the last weeks", 60: "in the last months", 365: "in the last year or so"}
VALUES = {
    "critical": "found a critical violation",
    "serious": "found a serious violation",
    "failed": "failed",
}


def _means(past: Past) -> Floats:
    records = past.records
    zips, asked = encode_together(records.table["zip"], past.location.zip)
    used = np.flatnonzero(records.canvass & records.public)
    outcome = outcomes(records)
    counted = [np.ones(len(used), dtype=np.int64), *(outcome[name][used] for name in VALUES)]
    days, taus = records.days[used], tuple(DAYS)
    in_zip = faded_by_group(zips[used], days, counted, taus, past.questions.days, asked)
    city = np.zeros(len(used), dtype=np.int64), np.zeros(len(asked), dtype=np.int64)
    in_city = faded_by_group(city[0], days, counted, taus, past.questions.days, city[1])
    return means(in_zip, in_city, ZIP_PRIOR)


def _mean(past: Past, value: str, tau: int) -> Any:
    return past.once("means", lambda: _means(past))[list(DAYS).index(tau), list(VALUES).index(value)]


def _features() -> Iterator[Feature]:
    for value, words in VALUES.items():
        for tau, lately in DAYS.items():
            yield numeric(
                f"zip_{value}_{tau}d",
                f"Share of routine inspections in its zip code that {words}, each with the weight exp(-days/{tau}), "
                "drawn towards the city's",
                f"{{value:.0%}} of routine inspections in its zip code {words} {lately}",
                SHARE,
                partial(_mean, value=value, tau=tau),
            )


FAMILY = Family("zip_means", tuple(_features()), order=81, about="surroundings")
