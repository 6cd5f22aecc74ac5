"""The same work as bare function calls: portal, cleaning, sources, features; no Dagster, nothing stored.

Run as a process of its own by the benchmark: ``python -m benchmarks.bare 2010-01-04 2026-11-09``.
"""

import sys
import time

from food_inspections_dagster.defs.features.assets import stages
from food_inspections_dagster.defs.sources.reading import no_rows, read
from food_inspections_dagster.inspections import source
from food_inspections_dagster.inspections.cleaning import clean
from food_inspections_dagster.inspections.features import Tables, feature_matrix
from food_inspections_dagster.inspections.sources import SOURCES
from food_inspections_dagster.resources.portal import PortalClient
from food_inspections_dagster.settings import load_settings
from food_inspections_dagster.weeks import parse_week, week_range


def main(first: str, last: str) -> None:
    """Print seconds per stage in the form of `food-inspections run`, and the rows."""
    settings = load_settings()
    weeks = week_range(parse_week(first), parse_week(last))

    began = time.perf_counter()
    portal = PortalClient.from_settings(settings)
    raw = portal.fetch_weeks(weeks[0], weeks[-1])
    fetched = time.perf_counter()
    cleaned = clean(raw)
    del raw
    cleaned_at = time.perf_counter()
    # The sources that the stage has as inputs.
    names = [name for name in stages(settings)[0].inputs if name in SOURCES]
    readings = {name: read(SOURCES[name], settings.sources[name], portal, weeks, no_rows) for name in names}
    tables = {name: source.clean(SOURCES[name], reading.rows).rows for name, reading in readings.items()}
    del readings
    read_at = time.perf_counter()
    known = Tables(cleaned.inspections, cleaned.violations, **tables)
    matrix = feature_matrix(weeks, known, settings.cohort.window_days, settings.features.switched_off)
    ended = time.perf_counter()

    for stage, seconds in (
        ("raw_inspections", fetched - began),
        ("clean_tables", cleaned_at - fetched),
        ("sources", read_at - cleaned_at),
        ("feature_matrix", ended - read_at),
    ):
        print(f"  {stage} {seconds:.2f} s")
    print(f"rows {len(matrix)}")


if __name__ == "__main__":
    main(*sys.argv[1:])
