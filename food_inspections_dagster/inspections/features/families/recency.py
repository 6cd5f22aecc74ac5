"""How long ago things happened to it."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

from food_inspections_dagster.inspections.features.declarations import DAYS, Family, Feature, numeric
from food_inspections_dagster.inspections.features.past import Past, Records
from food_inspections_dagster.inspections.timelines import Mask

Flag = Callable[[Records], Mask]

EVENTS: dict[str, tuple[str, Flag]] = {
    "inspection": ("its last visit", lambda records: records.every),
    "canvass": ("its last routine inspection", lambda records: records.canvass),
    "failure": ("its last failed inspection", lambda records: records.failed),
    "critical": ("its last critical violation", lambda records: records.critical),
    "complaint": ("its last inspection after a complaint", lambda records: records.complaint),
}


def _days_since(past: Past, flag: Flag) -> Any:
    return past.days_since(past.last(flag(past.records)))


def _days_between_last_two(past: Past) -> Any:
    decided, days = past.records.decided, past.records.days
    return past.pick(days, past.last(decided)) - past.pick(days, past.last_but_one(decided))


def _features() -> Iterator[Feature]:
    for name, (words, flag) in EVENTS.items():
        yield numeric(
            f"days_since_last_{name}",
            f"Days since {words}",
            f"{words} was {{value:days}} ago",
            DAYS,
            partial(_days_since, flag=flag),
        )
    yield numeric(
        "days_between_last_two",
        "Days between its last two inspections with a decision",
        "{value:days} lay between its last two inspections",
        DAYS,
        _days_between_last_two,
    )


FAMILY = Family("recency", tuple(_features()), order=40)
