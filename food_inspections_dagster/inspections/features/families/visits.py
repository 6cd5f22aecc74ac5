"""What brought the inspectors, and whether they got in."""

from collections.abc import Iterator

from food_inspections_dagster.inspections.features.declarations import (
    COUNT,
    WINDOW_WORDS,
    WINDOWS,
    Family,
    Feature,
    count,
    numeric,
)
from food_inspections_dagster.inspections.features.past import Past
from food_inspections_dagster.inspections.timelines import Mask


def _licence(past: Past) -> Mask:
    records = past.records
    return past.once("licence", lambda: records.initial & records.where("inspection_type", "License"))


def _features() -> Iterator[Feature]:
    for window in ("1y", "3y", "ever"):
        words, days = WINDOW_WORDS[window], WINDOWS[window]
        yield numeric(
            f"complaints_{window}",
            f"Inspections after a complaint {words}",
            f"{{value:inspections}} after complaints {words}",
            COUNT,
            count(lambda past: past.records.complaint, days),
        )
        yield numeric(
            f"reinspections_{window}",
            f"Re-inspections {words}",
            f"{{value:re-inspections}} {words}",
            COUNT,
            count(lambda past: past.records.reinspection, days),
        )
        yield numeric(
            f"license_visits_{window}",
            f"Inspections for a licence {words}",
            f"{{value:inspections}} for a licence {words}",
            COUNT,
            count(_licence, days),
        )
    yield numeric(
        "failed_complaints_3y",
        "Failed inspections after a complaint in the last 3 years",
        "failed {value:inspections} after complaints in the last 3 years",
        COUNT,
        count(lambda past: past.records.complaint & past.records.failed, WINDOWS["3y"]),
    )
    yield numeric(
        "failed_reinspections_3y",
        "Failed re-inspections in the last 3 years",
        "failed {value:re-inspections} in the last 3 years",
        COUNT,
        count(lambda past: past.records.reinspection & past.records.failed, WINDOWS["3y"]),
    )
    yield numeric(
        "unreached_3y",
        "Visits that found no entry or a place not ready in the last 3 years",
        "{value:visits} in the last 3 years ended without an inspection",
        COUNT,
        count(lambda past: past.records.where("results", "No Entry", "Not Ready"), WINDOWS["3y"]),
    )
    yield numeric(
        "closures_ever",
        "Visits that found it closed or gone, ever",
        "inspectors found it closed {value:times} before",
        COUNT,
        count(lambda past: past.records.closed, None),
    )


FAMILY = Family("visits", tuple(_features()), order=20)
