"""What routine inspections found at places of its kind and risk class beyond what others in their zip codes found."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow
from food_inspections_dagster.inspections.features.declarations import Family, Feature, numeric
from food_inspections_dagster.inspections.features.fading import Floats, faded_by_group
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.features.surprises import ONE, Surprises
from food_inspections_dagster.inspections.timelines import encode_together

TAU = 365.0  # days
PRIOR = 20.0  # visits as expected that are added to those of the kind
VALUES = {
    "grave": ("critical and serious violations", "had {value:more|fewer} critical and serious violations"),
    "failed": ("failures", "failed {value:more|less} often"),
}


def _kind(facility_type: pa.Array, risk: pa.Array) -> pa.Array:
    return pc.binary_join_element_wise(facility_type, pc.fill_null(risk.cast(pa.string()), "-"), "|")


def _means(past: Past) -> Floats:
    records, surprises = past.records, Surprises.of(past)
    used = np.flatnonzero(surprises.visits & records.public)
    of_records = _kind(arrow(records.table["facility_type"]), arrow(records.table["risk"]))
    kinds, asked = encode_together(of_records, _kind(past.facility_type, past.risk))
    counted = [np.ones(len(used), dtype=np.int64), *(surprises.values[name][used] for name in VALUES)]
    sums = faded_by_group(kinds[used], records.days[used], counted, (TAU,), past.questions.days, asked)[0]
    return sums[1:] / ONE / (sums[:1] + PRIOR)


def _mean(past: Past, name: str) -> Any:
    return past.once("means", lambda: _means(past))[list(VALUES).index(name)]


def _features() -> Iterator[Feature]:
    for name, (words, did) in VALUES.items():
        yield numeric(
            f"kind_beyond_{name}",
            f"{words[0].upper()}{words[1:]} at places of its kind and risk class, less what was expected in their zip "
            f"codes; each visit with the weight exp(-days/{TAU:.0f}), and {PRIOR:.0f} as expected added",
            f"places of its kind {did} than others around them",
            (-1.0, 1.0),
            partial(_mean, name=name),
            worse="more",
        )


FAMILY = Family("kinds", tuple(_features()), order=65)
