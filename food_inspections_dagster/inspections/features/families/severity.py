"""How grave the violations were that its inspections found, re-inspections aside."""

from collections.abc import Iterator
from functools import partial

from food_inspections_dagster.inspections.features.declarations import (
    COUNT,
    SHARE,
    WINDOW_WORDS,
    WINDOWS,
    Family,
    Feature,
    count,
    numeric,
    share,
)
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.timelines import Ints

SEVERITIES = {
    "critical": "critical (2018 codebook: priority)",
    "serious": "serious (priority foundation)",
    "minor": "minor (core)",
}


def _violations(past: Past, severity: str) -> Ints:
    return past.once(severity, lambda: past.records.violation_count(severity) * past.records.initial)


def _features() -> Iterator[Feature]:
    for place, (window, days) in enumerate(WINDOWS.items()):
        words = WINDOW_WORDS[window]
        for severity, meaning in SEVERITIES.items():
            yield numeric(
                f"{severity}_{window}",
                f"Violations found, {meaning}, {words}",
                f"{{value:{severity} violations}} {words}",
                COUNT,
                count(partial(_violations, severity=severity), days),
                place=place,
            )
        yield numeric(
            f"critical_rate_{window}",
            f"Share of inspections, re-inspections aside, with a critical violation {words}",
            f"a critical violation in {{value:.0%}} of its inspections {words}",
            SHARE,
            share(lambda past: past.records.critical, lambda past: past.records.initial, days),
            place=place,
        )


# In the order of `results`: the columns of both stand window by window.
FAMILY = Family("severity", tuple(_features()), order=10)
