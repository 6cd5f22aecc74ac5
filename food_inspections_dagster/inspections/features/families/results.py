"""How its inspections ended."""

from collections.abc import Iterator

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
from food_inspections_dagster.inspections.timelines import Mask


def _conditional(past: Past) -> Mask:
    return past.once("conditional", lambda: past.records.where("results", "Pass w/ Conditions"))


def _features() -> Iterator[Feature]:
    for place, (window, days) in enumerate(WINDOWS.items()):
        words = WINDOW_WORDS[window]
        yield numeric(
            f"inspections_{window}",
            f"Inspections with a decision {words}",
            f"{{value:inspections}} {words}",
            COUNT,
            count(lambda past: past.records.decided, days),
            place=place,
        )
        yield numeric(
            f"failures_{window}",
            f"Failed inspections {words}",
            f"failed {{value:times}} {words}",
            COUNT,
            count(lambda past: past.records.failed, days),
            place=place,
        )
        if window in ("3y", "ever"):
            yield numeric(
                f"conditional_passes_{window}",
                f"Passes with conditions {words}",
                f"passed only with conditions {{value:times}} {words}",
                COUNT,
                count(_conditional, days),
                place=place,
            )
        yield numeric(
            f"fail_rate_{window}",
            f"Share of inspections with a decision that failed {words}",
            f"failed {{value:.0%}} of its inspections {words}",
            SHARE,
            share(lambda past: past.records.failed, lambda past: past.records.decided, days),
            place=place,
        )


FAMILY = Family("results", tuple(_features()), order=10)
