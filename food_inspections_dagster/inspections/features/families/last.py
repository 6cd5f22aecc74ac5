"""What its last two inspections with a decision found."""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any

import pyarrow as pa

from food_inspections_dagster.inspections.features.declarations import COUNT, Family, Feature, categorical, numeric
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.timelines import Ints

Which = Callable[[Past], Ints]

INSPECTIONS: dict[str, tuple[str, Which]] = {
    "last": ("last inspection with a decision", lambda past: past.last(past.records.decided)),
    "previous": ("inspection before the last", lambda past: past.last_but_one(past.records.decided)),
}


def _result(past: Past, which: Which) -> pa.Array:
    return past.text("results", which(past))


def _violations(past: Past, which: Which, severity: str) -> Any:
    return past.pick(past.records.violation_count(severity), which(past))


def _last_type(past: Past) -> pa.Array:
    return past.text("inspection_type", past.last(past.records.every))


def _features() -> Iterator[Feature]:
    for name, (words, which) in INSPECTIONS.items():
        briefly = words.removesuffix(" with a decision")
        yield categorical(
            f"{name}_result",
            f"Result of its {words}",
            f"its {briefly} ended with: {{value}}",
            partial(_result, which=which),
        )
        for severity in ("critical", "serious", "minor"):
            yield numeric(
                f"{name}_{severity}_count",
                f"Violations listed, {severity}, at its {words}",
                f"{{value:{severity} violations}} at its {briefly}",
                COUNT,
                partial(_violations, which=which, severity=severity),
            )
    yield categorical("last_inspection_type", "Type of its last visit", "its last visit was: {value}", _last_type)


FAMILY = Family("last", tuple(_features()), order=50)
