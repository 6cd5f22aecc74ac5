"""What routine inspections found around it lately: kernel means in space and time (see ``kernel_means``).

Inspectors and neighbourhoods differ more than establishments remember; here the border of an area does not matter, and
a place without a record has them too, where its licence tells its address.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from food_inspections_dagster.inspections.features.declarations import SHARE, Family, Feature, numeric
from food_inspections_dagster.inspections.features.kernel_means import kernel_means
from food_inspections_dagster.inspections.features.past import Past, Records
from food_inspections_dagster.inspections.timelines import Mask

# h in kilometres and tau in days, with their words; the means of every pair are features.
KILOMETRES = {0.9: "within about a kilometre"}
DAYS = {60: "in the last months"}
VALUES: dict[str, tuple[str, Callable[[Records], Mask]]] = {
    "critical": ("found a critical violation", lambda records: records.critical),
    "serious": ("found a serious violation", lambda records: records.serious),
    "failed": ("failed", lambda records: records.failed),
}


def _mean(past: Past, value: str, h: float, tau: int) -> Any:
    records = past.records

    def make() -> Any:
        values = {name: of(records) for name, (_, of) in VALUES.items()}
        return kernel_means(past, records.canvass, values, h, tuple(DAYS))

    return past.once(h, make)[value, tau]


def _features() -> Iterator[Feature]:
    for value, (words, _) in VALUES.items():
        for h, near in KILOMETRES.items():
            for tau, lately in DAYS.items():
                yield numeric(
                    f"near_{value}_{h * 1000:.0f}m_{tau}d",
                    f"Share of routine inspections around it that {words}, each with the weight exp(-km/{h:g}) * "
                    f"exp(-days/{tau}), drawn towards the city's",
                    f"{{value:.0%}} of routine inspections {near} {words} {lately}",
                    SHARE,
                    partial(_mean, value=value, h=h, tau=tau),
                )


FAMILY = Family("kernels", tuple(_features()), order=90, about="surroundings")
