"""What else the holder of its licence may do at its address; only terms that had begun are known."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow.compute as pc

from food_inspections_dagster.frames import arrow
from food_inspections_dagster.inspections.chicago.licences import ALSO_HELD
from food_inspections_dagster.inspections.features.declarations import YES_OR_NO, Family, Feature, numeric
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.timelines import Ints, Questions, Timeline, by_day, encode_together


def _also_held(past: Past, code: int) -> Any:
    """Return whether the holder has a licence of a kind in force at the same address."""
    licences = past.licences
    sites, asked = past.once("sites", lambda: _sites(past))
    of_kind = pc.fill_null(pc.equal(licences.table["license_code"], code), False).to_numpy()
    groups = np.where(of_kind, sites, -1)
    begun = Questions(licences.timeline(groups), asked, past.questions.days)
    # A term without an end never ends; one that ends with a day is in force on it.
    ends = np.isfinite(licences.ends)
    days = np.where(ends, licences.ends, 0).astype(np.int64) + 1
    days = np.maximum(days, licences.days + 1)  # no term ends before it begins
    timeline = Timeline.of(np.where(ends, groups, -1), days, by_day(days, np.arange(len(days))))
    ended = Questions(timeline, asked, past.questions.days + 1)
    in_force = (begun.end - begun.begin) - (ended.end - ended.begin)
    return np.where(asked >= 0, in_force > 0, np.nan)


def _sites(past: Past) -> tuple[Ints, Ints]:
    """Return the holder and address of each term as a number, and that of each question's licence; -1 for none."""
    table = past.licences.table
    holder = arrow(table["account_number"]).cast("string")
    (sites,) = encode_together(pc.binary_join_element_wise(holder, pc.utf8_upper(arrow(table["address"])), "|"))
    return sites, past.pick(sites, past.licence, -1).astype(np.int64)


def _features() -> Iterator[Feature]:
    for kind, (code, words) in ALSO_HELD.items():
        yield numeric(
            f"also_{kind}",
            f"Whether the holder has a licence {words} (code {code}) in force at the address (1 or 0)",
            f"{{value:it has a|it has no}} licence {words}",
            YES_OR_NO,
            partial(_also_held, code=code),
        )


FAMILY = Family("also_held", tuple(_features()), order=110, sources=("business_licenses",))
