"""How long ago things happened to it."""

from collections.abc import Iterator

from food_inspections_dagster.inspections.features.declarations import DAYS, Family, Feature, numeric

EVENTS = {
    "inspection": ("its last visit", lambda records: records.every),
    "canvass": ("its last routine inspection", lambda records: records.canvass),
    "failure": ("its last failed inspection", lambda records: records.failed),
    "critical": ("its last critical violation", lambda records: records.critical),
    "complaint": ("its last inspection after a complaint", lambda records: records.complaint),
}


def _features() -> Iterator[Feature]:
    for name, (words, flag) in EVENTS.items():
        yield numeric(
            f"days_since_last_{name}",
            f"Days since {words}",
            f"{words} was {{value:days}} ago",
            DAYS,
            lambda past, flag=flag: past.days_since(past.last(flag(past.records))),
        )
    yield numeric(
        "days_between_last_two",
        "Days between its last two inspections with a decision",
        "{value:days} lay between its last two inspections",
        DAYS,
        lambda past: (
            past.pick(past.records.days, past.last(past.records.decided))
            - past.pick(past.records.days, past.last_but_one(past.records.decided))
        ),
    )


FAMILY = Family("recency", tuple(_features()), order=40)
