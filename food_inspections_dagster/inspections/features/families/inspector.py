"""How strict the inspectors are who worked around it lately, for a department that knows who made an inspection.

It describes inspectors, not places: off unless somebody decides for it. An inspector's rate at a visit is that of the
visits before its week, so a visit does not count in what is said of it.
"""

from collections.abc import Iterator
from functools import partial
from typing import Any

import numpy as np
import pyarrow as pa

from food_inspections_dagster.frames import arrow
from food_inspections_dagster.inspections.features.declarations import SHARE, Family, Feature, numeric
from food_inspections_dagster.inspections.features.kernel_means import kernel_means
from food_inspections_dagster.inspections.features.past import Past, ratio
from food_inspections_dagster.inspections.timelines import Ints, Mask, encode_together

H = 1.0  # kilometres
DAYS = {30: "in the last weeks", 120: "in the last months"}
SMOOTHING = 10  # visits at the city's rate that are added to an inspector's own
_PARTS = 1 << 12  # rates as whole numbers, so that sums of them are exact


def _inspectors(past: Past) -> Ints:
    """Return who made each record, a number; -1 where it is unknown. Only assignments of the record's own week count:
    a number may stand in two weeks after an edit."""
    records, table = past.records, past.tables.source("inspector_assignments")
    week = [arrow(of["week"]).cast(pa.int32()).to_numpy().astype(np.int64) for of in (records.table, table)]
    keys, wanted = (week[1] << 40) | table["inspection_id"].to_numpy(), (week[0] << 40) | records.ids
    (who,) = encode_together(table["inspector"])
    order = np.argsort(keys, kind="stable")
    if not len(order):
        return np.full(len(records), -1)
    at = order[np.minimum(np.searchsorted(keys, wanted, sorter=order), len(order) - 1)]
    return np.where(keys[at] == wanted, who[at], -1)


def _strictness(past: Past, visits: Mask, who: Ints) -> Ints:
    """Return the rate of critical finds of each visit's inspector before the visit's week, in ``_PARTS``."""
    records = past.records
    weeks = (records.days + 3) // 7 * 7 - 3  # day 0 of 1970 was a Thursday
    rates = []
    for groups in (np.where(visits, who, -1), np.where(visits, 0, -1)):
        timeline = records.timeline(groups)
        sums, end, begin = timeline.cumulative(records.critical), timeline.before(groups, weeks), timeline.start(groups)
        rates.append((sums[end] - sums[begin], end - begin))
    (hits, count), of_city = rates
    rate = (hits + SMOOTHING * ratio(*of_city)) / (count + SMOOTHING)
    return np.rint(np.nan_to_num(rate) * _PARTS).astype(np.int64)


def _mean(past: Past, tau: int) -> Any:
    def make() -> Any:
        who = _inspectors(past)
        visits = past.records.canvass & (who >= 0)
        return kernel_means(past, visits, {"strictness": _strictness(past, visits, who)}, H, tuple(DAYS))

    return past.once("means", make)["strictness", tau] / _PARTS


def _features() -> Iterator[Feature]:
    for tau, lately in DAYS.items():
        yield numeric(
            f"inspectors_critical_{tau}d",
            f"Share of the visits of the inspectors who work around it that find a critical violation, each visit "
            f"with the weight exp(-km/{H:g}) * exp(-days/{tau})",
            f"the inspectors who worked around it {lately} find a critical violation in {{value:.0%}} of their visits",
            SHARE,
            partial(_mean, tau=tau),
        )


FAMILY = Family("inspector", tuple(_features()), order=130, sources=("inspector_assignments",), about="inspector")
